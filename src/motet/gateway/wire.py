"""One open WebSocket: what picows reads becomes calls of a Connection; what the application says becomes frames."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from picows import WSFrame, WSListener, WSMsgType, WSTransport

from motet.errors import MotetError
from motet.gateway import frames
from motet.gateway.assembly import Assembly, FragmentError, TooLong
from motet.gateway.intake import FrameHead, Intake
from motet.gateway.parser import MESSAGE_TOO_BIG
from motet.gateway.port import Connection, Upgrade
from motet.gateway.settings import GatewaySettings

_BINARY, _CONTINUATION = WSMsgType.BINARY, WSMsgType.CONTINUATION
_LARGE = 1 << 16
"""Bytes: a frame up to here needs no closer look at its size, unless a limit is below."""

NORMAL, PROTOCOL_ERROR, UNSUPPORTED, INTERNAL_ERROR = 1000, 1002, 1003, 1011


class State(Enum):
    """Of a wire."""

    OPEN = "open"
    CLOSING = "CLOSE was sent; the peer's, or the end of the socket, is awaited"
    ENDED = "the socket has ended"


def _into_nothing(data: bytes) -> None:
    """`write` of a wire that is closing, and what it receives when the connection was told of the end."""


class Doorkeeper(Protocol):
    """Who looks after the wires."""

    def signed_in(self, wire: PicowsWire) -> None:
        """The peer of a pending wire is somebody now."""
        ...

    def turn_away(self, wire: PicowsWire, error: MotetError, key: str) -> None:
        """The application refuses the peer (see `port.Wire.turn_away`)."""
        ...

    def failed(self, wire: PicowsWire, error: Exception, call: str) -> None:
        """Nobody designed what this call of the connection raised; the wire closes with 1011."""
        ...

    def ended(self, wire: PicowsWire) -> None:
        """The socket has ended. Called once."""
        ...


class PicowsWire(WSListener):
    """A Wire (see `port`), and the listener of its parser. A sweep calls `tick`: no wire has a task or a timer.

    While it is pending, nobody has signed in on it, and a guard reads for the parser.
    """

    __slots__ = (
        "_assembly", "_awaiting", "_close_code", "_congested", "_connection",
        "_doorkeeper", "_heard", "_heard_at", "_intake", "_marked_at",
        "_outgrown", "_paused", "_pending", "_received", "_settings",
        "_special", "_state", "_transport", "_usual_bytes", "address", "id", "opened_at", "write",
    )  # fmt: skip

    def __init__(
        self,
        transport: asyncio.Transport,
        connection: Connection,
        upgrade: Upgrade,
        settings: GatewaySettings,
        doorkeeper: Doorkeeper,
        pending: bool,
    ) -> None:
        self.write: Callable[[bytes], None] = transport.write
        self.id = upgrade.id
        self.address = upgrade.address
        self.opened_at = 0.0
        """When the handshake was done (monotonic seconds)."""
        self._transport = transport
        self._connection: Connection | None = connection  # None once it was told of the end
        self._received: Callable[[bytes], None] = connection.received
        self._settings = settings
        self._usual_bytes = min(_LARGE, settings.max_message_bytes, settings.read_buffer_bytes)
        self._doorkeeper = doorkeeper
        self._pending = pending
        self._intake = Intake(transport, settings.max_frame_bytes, settings.max_pending_bytes if pending else None)
        self._assembly = Assembly(settings.max_pending_bytes if pending else settings.max_message_bytes)
        self._state = State.OPEN
        self._close_code = frames.LOST
        self._congested = False
        self._paused = False
        self._special = pending  # something is under way for which every frame is looked at closely
        self._outgrown = False  # the read buffer is to be given back when it is empty
        self._awaiting = False  # a ping was sent and nothing came since
        self._heard = True  # something came since the last tick
        self._heard_at = 0.0
        self._marked_at = 0.0  # the first tick that saw us waiting: for anything after a ping, or for the end

    def start(self) -> None:
        """Begins to read, and tells the connection."""
        self.opened_at = time.monotonic()
        high = self._settings.high_water_bytes
        self._transport.set_write_buffer_limits(high=high, low=high // 4)
        self._intake.begin(self)
        if self._connection is not None:
            self._tell(self._connection.opened, self)

    # What the application says

    def close(self, code: int, reason: str = "") -> None:
        """See `port.Wire.close`."""
        if self._state is State.OPEN:
            self.write(frames.close(code, reason))
            self._close_code = code
            self._begin_closing()
            if not self._intake.parses and self._transport.can_write_eof():
                self._transport.write_eof()  # the peer's CLOSE will not be read: let it see that all is said

    def signed_in(self) -> None:
        """See `port.Wire.signed_in`. What lies in the read buffer, part of a frame too, is read on as it is."""
        if self._pending and self._state is State.OPEN:
            self._pending = False
            self._assembly.limit = self._settings.max_message_bytes
            self._intake.unguard()
            self._doorkeeper.signed_in(self)

    def turn_away(self, error: MotetError, key: str) -> None:
        """See `port.Wire.turn_away`."""
        if self._state is State.OPEN:
            self._doorkeeper.turn_away(self, error, key)

    def hand_over(self, connection: Connection, error: MotetError) -> None:
        """Another connection has the wire from here on; for the one before it has ended, by this error, and can no
        longer sign in."""
        self._pending = False
        before, self._connection = self._connection, connection
        self._received = connection.received
        if before is not None:
            self._tell(before.closed, error.code, True)
        self._tell(connection.opened, self)

    def expel(self, error: MotetError) -> None:
        """Closes by an error, and gives back at once what was read of a message. A wire that is closing anyway is
        waited for no longer."""
        if self._state is State.OPEN:
            self._stop_parsing()
            self.close(error.code, str(error))
        else:
            self.abort()

    def abort(self) -> None:
        """See `port.Wire.abort`."""
        if self._state is not State.ENDED:
            self._begin_closing()
            self._transport.abort()

    def buffered(self) -> int:
        """See `port.Wire.buffered`."""
        return 0 if self._state is State.ENDED else self._transport.get_write_buffer_size()

    def silence(self, now: float) -> float:
        """See `port.Wire.silence`."""
        return 0.0 if self._heard or not self._heard_at else max(0.0, now - self._heard_at)

    def pause_reading(self) -> None:
        """See `port.Wire.pause_reading`. A closing wire reads on: the peer's CLOSE is what it waits for."""
        if self._state is State.OPEN:
            self._paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """See `port.Wire.resume_reading`."""
        if self._state is not State.ENDED:
            self._paused = False
            self._transport.resume_reading()

    def ping(self) -> None:
        """See `port.Wire.ping`."""
        if self._state is State.OPEN and not self._awaiting:
            self.write(frames.PING)
            self._awaiting = self._special = True
            self._marked_at = 0.0
            self._intake.progress()

    # What picows reads

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Every frame. The first lines are the hot path: a whole binary message, and nothing special about it."""
        self._heard = True
        if (
            self._special
            or frame.msg_type is not _BINARY
            or not frame.fin
            or frame.payload_size > self._usual_bytes
            or frame.rsv1
            or frame.rsv2
            or frame.rsv3
        ):
            self._look_closely(frame)
            return
        try:
            self._received(frame.get_payload_as_bytes())
        except Exception as error:  # noqa: BLE001 - the edge: one connection's fault stays with it
            self._failed(error, "received")

    def _look_closely(self, frame: WSFrame) -> None:
        self._intake.took_frame(frame.tail_size)
        self._answered()
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._refuse_reserved()
        elif frame.msg_type is WSMsgType.CLOSE:
            self._peer_closes(frame.get_payload_as_bytes())
        elif self._state is State.OPEN:
            self._take(frame)
        if frame.payload_size > self._settings.read_buffer_bytes:
            self._outgrown = True
        if self._outgrown and frame.last_in_buffer and not frame.tail_size and self._intake.parses:
            self._outgrown = False
            self._intake.begin(self)
        self._special = (
            self._state is not State.OPEN
            or self._awaiting
            or self._outgrown
            or self._intake.guarded
            or not self._assembly.empty
        )

    def _take(self, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is _BINARY or kind is _CONTINUATION:
            self._take_part(frame.get_payload_as_memoryview(), frame.payload_size, kind is _BINARY, bool(frame.fin))
        elif kind is WSMsgType.TEXT:
            self._refuse_text()
        elif kind is WSMsgType.PING and not self._congested:
            # A peer that pings and does not read gets no pongs: they would pile up above the high-water mark.
            self.write(frames.pong(frame.get_payload_as_bytes()))

    def _refuse_reserved(self) -> None:
        self.close(PROTOCOL_ERROR, "reserved bits are set, and no extension was agreed on")

    def _refuse_text(self) -> None:
        self.close(UNSUPPORTED, "messages are binary")

    def _take_part(self, payload: bytes | memoryview, size: int, first: bool, last: bool) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            message = self._assembly.add(payload, first=first, last=last, size=size)
        except FragmentError as error:
            self.close(PROTOCOL_ERROR, str(error))
            return
        if isinstance(message, TooLong):
            self._tell(connection.oversized, message.size, message.head)
        elif message is not None:
            self._tell(self._received, message)

    def _peer_closes(self, payload: bytes) -> None:
        code = frames.close_code(payload)
        if code is None:
            self.close(PROTOCOL_ERROR, "that close code may not be sent")
            return
        if self._state is State.OPEN:
            self.write(frames.close(NORMAL if code == frames.NO_CODE else code))
            self._close_code = code
        self._begin_closing()
        self._transport.close()
        self._tell_closed(clean=True)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The socket has ended."""
        self.lost()

    def pause_writing(self) -> None:
        """The transport's buffer went over its high-water mark."""
        self._congested = True
        if self._connection is not None and self._state is State.OPEN:
            self._tell(self._connection.congested)

    def resume_writing(self) -> None:
        """The transport's buffer is under its low-water mark again."""
        self._congested = False
        if self._connection is not None and self._state is State.OPEN:
            self._tell(self._connection.drained)

    # What parsers and guards need (intake.IntakeOwner)

    def parser_failed(self, code: int) -> None:
        """The rest of the stream cannot be read: a violation, or a frame that is far too long."""
        if not self._intake.parses:
            return
        self._stop_parsing()
        if code != MESSAGE_TOO_BIG:
            self.close(code, "not a WebSocket frame that a client may send")
        elif self._connection is not None and self._state is State.OPEN:
            self._tell(self._connection.oversized, self._settings.max_frame_bytes + 1, b"")

    def too_long(self, frame: FrameHead) -> None:
        """A frame of a pending wire is too long to be kept until its end; it is dropped, and what follows is read."""
        self._intake.skip(self, frame.missing)
        if self._state is not State.OPEN:
            return
        if frame.reserved:
            self._refuse_reserved()
        elif frame.kind is WSMsgType.TEXT:
            self._refuse_text()
        else:
            self._take_part(frame.beginning, frame.size, frame.kind is _BINARY, frame.final)

    def noticed(self) -> None:
        """Something came that nobody reads."""
        self._heard = True
        self._answered()

    def lost(self) -> None:
        """The socket has ended, whatever was said before."""
        if self._state is not State.ENDED:
            self._begin_closing()
            self._state = State.ENDED
            self._intake.end()
            self._tell_closed(clean=False)
            self._doorkeeper.ended(self)

    # What the sweep does

    def tick(self, now: float) -> None:
        """Finds sockets whose peer is gone (it pings the quiet ones) or does not finish closing, and ends them."""
        if self._paused:  # nobody can be heard
            self._heard_at, self._marked_at = now, 0.0
            return
        if self._heard:
            self._heard = False
            self._heard_at = now
        if self._state is State.OPEN and not self._awaiting:
            if now - self._heard_at >= self._settings.ping_seconds:
                self.ping()
            return
        if not self._marked_at:
            self._marked_at = now
        patience = self._settings.pong_seconds if self._state is State.OPEN else self._settings.close_seconds
        if self._state is State.OPEN and self._intake.progress():
            self.noticed()
        elif now - self._marked_at >= patience:
            self.abort()

    def check_read_buffer(self) -> None:
        """Has the read buffer given back when it has grown without any large frame, by a long stream of small ones."""
        if self._intake.unused > self._settings.read_buffer_bytes:
            self._outgrown = self._special = True

    # Within

    def _stop_parsing(self) -> None:
        """What still comes is read to its end and dropped."""
        self._assembly = Assembly(0)
        self._intake.stop(self)

    def _begin_closing(self) -> None:
        """From here on nothing is written, and what comes is read for the peer's CLOSE only."""
        if self._state is State.OPEN:
            self._state = State.CLOSING
            self._marked_at = 0.0
            self.write = _into_nothing
            self._special = True
            self._paused = False
            self._transport.resume_reading()

    def _answered(self) -> None:
        if self._awaiting:
            self._awaiting = False
            if self._connection is not None:
                self._tell(self._connection.heard)

    def _tell(self, call: Callable[..., None], *args: object) -> None:
        try:
            call(*args)
        except Exception as error:  # noqa: BLE001 - the edge: one connection's fault stays with it
            self._failed(error, getattr(call, "__name__", ""))

    def _tell_closed(self, clean: bool) -> None:
        connection, self._connection = self._connection, None
        self._received = _into_nothing
        if connection is not None:
            self._tell(connection.closed, self._close_code, clean)

    def _failed(self, error: Exception, call: str) -> None:
        if isinstance(error, MotetError):
            self.close(error.code, str(error))
        else:
            self._doorkeeper.failed(self, error, call)
            self.close(INTERNAL_ERROR, "internal error")
