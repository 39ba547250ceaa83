"""A y-websocket client's connection."""

from __future__ import annotations

from motet.access import Grant
from motet.errors import MotetError, TryLater
from motet.observability import UNTRACED, Trace
from motet.rooms.connection import Connection
from motet.rooms.hub import Hub
from motet.rooms.seat import Seat
from motet.rooms.served import Served
from motet.rooms.wire import Wire
from motet.sync import YJS, frame


class YjsConnection(Connection):
    """A y-websocket client: one room, its errors told by an auth message and the close code."""

    dialect = YJS

    def __init__(
        self,
        hub: Hub,
        served: Served,
        grant: Grant,
        address: str,
        key: str,
        id: str = "",
        began: float | None = None,
        trace: Trace = UNTRACED,
    ) -> None:
        """`key` says who it is and what it wants, for refusals; `began` is when the upgrade came (monotonic seconds;
        None: now), `trace` the join's."""
        super().__init__(hub, address, id)
        self._began = hub.now() if began is None else began
        self.pending = False  # it was asked before the upgrade was answered
        self._key = key
        self._trace = trace
        self._served = served
        self._grant = grant
        self._seat: Seat | None = None

    def opened(self, wire: Wire) -> None:
        super().opened(wire)
        if self._served.closed:
            # It left memory between the upgrade and now.
            self.hang_up(TryLater("the room was closed just now"))
            return
        try:
            self._seat = self.take_seat(self._served, self._grant, "", self._began)
            self._trace.end()
        except MotetError as e:
            self._trace.end(type(e).__name__)
            self.refused(self._served.name, e, self._grant.user)
            self._turn_away(e)

    def received(self, payload: bytes) -> None:
        """One binary message. Raises ProtocolViolation."""
        counts = self.counts
        counts.messages_in += 1
        counts.bytes_in += len(payload)
        meter = self.meter
        meter.frames_left -= 1
        meter.bytes_left -= len(payload)
        if meter.frames_left < 0 or meter.bytes_left < 0:
            self.slow_down(meter.settle(self.hub.now()))
        seat = self._seat
        if seat is None:
            return
        data = YJS.small_update(payload)
        if data is not None:
            seat.served.update(seat, data)
            return
        for message in YJS.decode(payload):
            self.take(seat, message)

    def oversized(self, size: int, head: bytes) -> None:
        """A message over the largest that is read."""
        if self._seat is not None:
            self._seat.served.perform(self._seat.served.room.oversized(self._seat.member, size))

    def dismissed(self, seat: Seat, error: MotetError) -> None:
        """The room sent us away."""
        self._seat = None
        self.give_up_seat("")
        if error.permanent:
            self._turn_away(error)
        else:
            self.hang_up(error)

    def closed(self, code: int, clean: bool) -> None:
        super().closed(code, clean)
        self._seat = None  # which holds us: nothing is left to the garbage collector

    def role_changed(self, seat: Seat) -> None:
        """It cannot be told. An edit that it may not make any more is refused, and then it is."""

    def _turn_away(self, error: MotetError) -> None:
        """[G1] Says why, in the two ways there are. Old clients come back at once, whatever the code says, and are
        then held."""
        self.wire.write(frame(YJS.denied("", str(error))))
        self.wire.turn_away(error, self._key)
