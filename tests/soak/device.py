"""One person's client, of either dialect, over one socket after the other."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from collections import deque
from enum import Enum, auto
from typing import NamedTuple
from urllib.parse import quote

import picows
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from soak.document import LARGE_VALUE, Ids, SharedDocument, first_ids
from soak.tally import Flight, Tally
from support import wire
from support.tokens import token

RECEIVE_BUFFER = 64 << 10
"""Bytes that the kernel keeps for a socket that is not read: so that a stalled member is one soon."""
PROVIDER = "4.8.0"
"""What new Hocuspocus providers say of themselves; half of ours are old and do not."""
RENEWAL = 15.0
"""Seconds after which a client repeats its presence, as y-protocols does."""
SILENCE = 30.0
"""Seconds without a message after which a real client hangs up."""
LOST = 1006
"""Close code of a socket that ended without a word."""
PATIENCE = 10.0
"""Seconds until an edit of which nobody was heard to have it is followed by another."""


class Habit(Enum):
    """What a person does."""

    TYPES = auto()
    MOVES = auto()
    """Overwrites a key of its own."""
    VOTES = auto()
    """Overwrites a key that all share: each time the document grows by a few bytes for ever, as any Yjs document."""


class Ending(Enum):
    """How a person leaves."""

    CLOSES = auto()
    BREAKS = auto()
    """Its connection is reset."""
    VANISHES = auto()
    """Its connection stays, and nobody is there: the server finds out."""


class Room(NamedTuple):
    """Where people meet."""

    name: str
    document: SharedDocument
    present: set[Device]


class Device(WSListener):
    """Somebody's client in a room. It has at most one socket at a time."""

    def __init__(
        self, room: Room, number: int, habit: Habit, hocuspocus: bool, tally: Tally, rng: random.Random
    ) -> None:
        self.room = room
        self.user = f"user-{number}"
        self.habit = habit
        self.hocuspocus = hocuspocus
        self.client = rng.getrandbits(32)
        self.heard_at = 0.0
        self.pointed_at = 0.0
        self.stalled = False
        self._tally = tally
        self._rng = rng
        self._is_new_provider = hocuspocus and rng.random() < 0.5
        self._prefix = len(wire.var_bytes(room.name.encode())) if hocuspocus else 0
        self._address = room.name if hocuspocus else None
        self._clock = 0
        self._presence_clock = 0
        self._last_text: Ids | None = None
        self._flying: Flight | None = None
        self._transport: WSTransport | None = None
        self._asked = False
        self._token_seconds = 0.0
        # What a status is expected for, in order: an edit, or the first answer (None).
        self._unsaved: deque[Flight | None] = deque()
        self.synced = False

    # ---- coming and going

    async def join(self, ws_url: str, token_seconds: float) -> bool:
        """Opens a socket and says what a provider says; whether that worked."""
        self._token_seconds = token_seconds
        shown = self._token()
        path = "/hocuspocus" if self.hocuspocus else f"/ws/{quote(self.room.name)}?token={shown}"
        self._asked = self.synced = self.stalled = False
        self._unsaved.clear()
        try:
            await picows.ws_connect(
                lambda: self, ws_url + path, websocket_handshake_timeout=30, socket_factory=_small_socket
            )
        except (OSError, picows.WSError, TimeoutError) as error:
            self._tally.failed_joins[type(error).__name__] += 1
            return False
        if self._transport is None:
            return False  # sent away at once
        if self.hocuspocus:
            self._authenticate(shown)
        self._send(wire.sync(self._address, wire.STEP1, wire.EMPTY_VECTOR))
        self.point()
        return True

    def _token(self) -> str:
        return token(self.user, {self.room.name: "editor"}, self._token_seconds, name=self.user)

    def _authenticate(self, shown: str) -> None:
        version = wire.var_bytes(PROVIDER.encode()) if self._is_new_provider else b""
        self._send(wire.auth(self.room.name, shown) + version)

    def leave(self, ending: Ending) -> None:
        """Ends what there is; of a socket that vanishes the kernel's half is given up later."""
        transport = self._transport
        if transport is None:
            return
        self._transport = None
        self._gone()
        if ending is Ending.CLOSES:
            if self._presence_clock:  # y-protocols says goodbye when the page is left
                self._presence_clock += 1
                entry = wire.AwarenessEntry(self.client, self._presence_clock, None)
                transport.send(WSMsgType.BINARY, wire.awareness(self._address, wire.awareness_update(entry)))
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif ending is Ending.BREAKS:
            transport.underlying_transport.abort()
        else:
            transport.underlying_transport.pause_reading()
            asyncio.get_running_loop().call_later(60, transport.underlying_transport.abort)

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self.heard_at = time.monotonic()
        self.room.present.add(self)
        self._tally.joins += 1

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if transport is self._transport:
            self._transport = None
            self._gone()
            handshake = transport.close_handshake
            said = None if handshake is None else handshake.recv
            self._tally.sent_away[LOST if said is None or said.code is None else said.code.value] += 1

    def _gone(self) -> None:
        self.room.present.discard(self)
        self._tally.cut += sum(flight is not None for flight in self._unsaved)
        self._unsaved.clear()
        self.synced = False

    @property
    def unsaved(self) -> int:
        """Edits that have no status yet."""
        return sum(flight is not None for flight in self._unsaved)

    def _send(self, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.BINARY, payload)

    # ---- what the person does

    def edit(self) -> None:
        """The next edit, when the last is known to have arrived."""
        if not self.synced or self.stalled:
            return
        now = time.monotonic()
        if self._flying is not None and not self._flying.noted and now - self._flying.at < PATIENCE:
            return
        document = self.room.document
        match self.habit:
            case Habit.TYPES:
                edit = document.typed(self.client, self._clock, self._last_text)
                self._last_text = edit.added
            case Habit.MOVES:
                edit = document.put(self.client, self._clock, self.user)
            case Habit.VOTES:
                edit = document.put(self.client, self._clock, "votes")
        self._flying = self._tally.fly(Flight(now, edit, document))
        self._write(self._flying)
        if len(self.room.present) == 1 and not self.hocuspocus:
            self._tally.note(self._flying)  # nobody will be heard of who has it; our own next edit comes after it

    def flood(self, count: int) -> None:
        """So many large values, one over the other, at once."""
        for _ in range(count):
            edit = self.room.document.put(self.client, self._clock, self.user, LARGE_VALUE)
            self.room.document.note(edit)
            self._write(Flight(time.monotonic(), edit, self.room.document, measured=False, noted=True))

    def _write(self, flight: Flight) -> None:
        self._clock += flight.edit.added.length
        self._tally.edits += 1
        if self.hocuspocus:
            self._unsaved.append(flight)
        self._send(wire.sync(self._address, wire.UPDATE, flight.edit.update))

    def point(self) -> None:
        """Moves the cursor."""
        self._presence_clock += 1
        self.pointed_at = time.monotonic()
        state = {"cursor": {"anchor": self._rng.randrange(2000), "head": self._rng.randrange(2000)}}
        entry = wire.AwarenessEntry(self.client, self._presence_clock, state)
        self._send(wire.awareness(self._address, wire.awareness_update(entry)))

    def stall(self, seconds: float) -> None:
        """Reads nothing for so long."""
        transport = self._transport
        if transport is None:
            return
        self.stalled = True
        transport.underlying_transport.pause_reading()
        asyncio.get_running_loop().call_later(seconds, self._read_again, transport)

    def _read_again(self, transport: WSTransport) -> None:
        if transport is self._transport:
            self.stalled = False
            self.heard_at = time.monotonic()
            with contextlib.suppress(RuntimeError):  # it ended meanwhile
                transport.underlying_transport.resume_reading()

    # ---- what the server says

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if transport is not self._transport:
            return
        now = self.heard_at = time.monotonic()
        if frame.msg_type is WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif frame.msg_type is WSMsgType.BINARY:
            payload = frame.get_payload_as_bytes()
            if len(payload) == 1:
                self._send(bytes((wire.PONG,)))
            elif payload[self._prefix] == wire.SYNC:
                self._synchronize(wire.read_message(payload, self.hocuspocus), now)
            elif payload[self._prefix] == wire.SYNC_STATUS:
                self._status(payload[self._prefix + 1] == 1, now)
            elif payload[self._prefix] == wire.AUTH:
                self._authorize(payload[self._prefix + 1])

    def _synchronize(self, message: wire.Message, now: float) -> None:
        if message.kind == wire.UPDATE:
            ids = first_ids(message.data)
            flight = None if ids is None else self._tally.flying.get(ids)
            if flight is not None and not self.stalled:
                self._tally.reached(flight, now)
        elif message.kind == wire.STEP2:
            self.synced = self.synced or not self.hocuspocus
        else:
            document = self.room.document
            self._send(wire.sync(self._address, wire.STEP2, document.doc.get_update(message.data)))
            if not self._asked:  # later questions may be probes, which say less than the server holds
                self._asked = True
                self._tally.broken.extend(f"{self.room.name}: {promise}" for promise in document.broken(message.data))
                if self.hocuspocus:
                    self._unsaved.append(None)

    def _status(self, ok: bool, now: float) -> None:
        if not self._unsaved:
            self._tally.surprises["status"] += 1
            return
        flight = self._unsaved.popleft()
        if not ok:
            self._tally.surprises["refused"] += 1
        elif flight is None:
            self.synced = True
        else:
            self._tally.saved(flight, now)

    def _authorize(self, kind: int) -> None:
        if kind == wire.TOKEN and self.hocuspocus:
            self._tally.renewals += 1
            self._authenticate(self._token())
        elif kind == wire.DENIED and self.hocuspocus:
            self._tally.surprises["denied"] += 1
            self.leave(Ending.CLOSES)


def _small_socket(url: picows.WSParsedURL) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    made.setblocking(False)
    return made
