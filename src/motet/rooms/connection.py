"""Connections: one per socket, between what a client says and the rooms it is in. What all dialects have in common.

A yjs connection (`connection_yjs`) is in the one room that its path names, opened before the upgrade was answered. A
hocuspocus connection (`connection_hocuspocus`) names a document in every message.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque

from motet.access import Grant
from motet.errors import MotetError, NotAuthenticated
from motet.observability import (
    AccessGranted,
    AccessRefused,
    ConnectionClosed,
    ConnectionOpened,
    MemberJoined,
    PeerSlowed,
)
from motet.rooms.hub import Hub
from motet.rooms.member import Member
from motet.rooms.seat import Seat
from motet.rooms.served import Served
from motet.rooms.slowing import Slowing
from motet.rooms.wire import Wire
from motet.sync import HOCUSPOCUS, Awareness, BroadcastStateless, Dialect, Message

CHALLENGE = 2.0
"""Seconds in which the owner of a claimed presence entry must show a sign of life [A6]."""


DRAINING = 0.05
"""Seconds until a write buffer that is neither full nor low is looked at again."""


class Connection(ABC):
    """What both dialects have in common: the socket, and seats in rooms."""

    dialect: Dialect

    def __init__(self, hub: Hub, address: str, id: str = "") -> None:
        self.id = id
        """What it is called in logs and traces."""
        self.hub = hub
        self.counts = hub.counts
        self.address = address
        self.pending = True
        """Nobody has signed in on this socket yet."""
        self.seats: dict[str, Seat] = {}
        self.over = False
        self.meter = hub.rates.meter(address)
        self._heard = 0.0
        self._probed = 0.0
        self.round_trip: float | None = None
        """Seconds from the newest `probe` to anything that came from the peer after it."""
        self._pauses = 0
        self._slow = Slowing(hub.now, self._tell_slow, self._speed_up)
        self._opened_at: float | None = None
        self._draining: asyncio.TimerHandle | None = None
        # Broadcasts that were read before a pause began; bounded by the read buffer, for nothing is read meanwhile.
        self._late: deque[tuple[Seat, Message]] = deque()

    def opened(self, wire: Wire) -> None:
        """The upgrade is done."""
        self.wire = wire
        self._opened_at = self.hub.now()
        self.hub.open_connections[self.dialect.name] += 1
        self.hub.observe(ConnectionOpened(self.id, self.dialect.name, self.address))

    def take_seat(self, served: Served, grant: Grant, document: str, began: float) -> Seat:
        """Joins the room under the name that the client has for it, as it began to want at a time (monotonic seconds).
        Raises TryLater, OverQuota; NotAuthenticated and Forbidden when the grant was revoked or ended since it was
        given."""
        hub = self.hub
        role = hub.access.role(grant, served.name)
        member = Member(hub.member_id(), grant, role, hub.access.roles.writes_all(role), self.dialect is HOCUSPOCUS)
        hub.take_place(grant.user)
        try:
            seat = served.join(member, self.dialect, document, self.wire, self)
        except MotetError:
            hub.leave_place(grant.user)
            raise
        self.seats[document] = seat
        self.meter.identify(grant.user)
        if self.pending:
            self.pending = False
            self.wire.signed_in()
        name, address = self.dialect.name, self.address
        hub.observe(AccessGranted(grant.user, served.name, role.name, name, address, grant.token_id, self.id))
        hub.observe(MemberJoined(served.name, grant.user, name, address, self.id, hub.now() - began))
        return seat

    def give_up_seat(self, document: str) -> Seat | None:
        """The seat is left, or the room has dismissed it."""
        seat = self.seats.pop(document, None)
        if seat is not None:
            self.hub.leave_place(seat.member.grant.user)
        return seat

    def refused(self, room: str, error: MotetError, user: str = "") -> None:
        """Tells whoever listens that somebody was not let in."""
        name, address = self.dialect.name, self.address
        event = AccessRefused.by(error, user=user, room=room, dialect=name, address=address, connection=self.id)
        self.hub.observe(event)

    def pause(self) -> None:
        """Reads nothing more, until as many `resume`s."""
        self._pauses += 1
        if self._pauses == 1:
            self.wire.pause_reading()

    def resume(self) -> None:
        """Takes one `pause` back."""
        self._pauses -= 1
        if not self._pauses:
            self.wire.resume_reading()

    @abstractmethod
    def received(self, payload: bytes) -> None:
        """One binary message. Raises ProtocolViolation."""

    def take(self, seat: Seat, message: Message) -> None:
        """A message other than an ordinary update, which may have a rate of its own. Raises ProtocolViolation."""
        if isinstance(message, BroadcastStateless):
            if self._slow.is_on:
                # It was read before the pause began. It goes to everybody, at a rate that the room shares.
                self._late.append((seat, message))
                return
            self.slow_down(self.meter.broadcast(seat.served.name, self.hub.now()))
        elif isinstance(message, Awareness):
            self.slow_down(self.meter.presence(self.hub.now()))
        seat.served.receive(seat, message)

    def slow_down(self, seconds: float) -> None:
        """[X31] Reads nothing more for so long; of several times the one that ends last counts."""
        if seconds <= 0.0 or self.over:
            return
        if not self._slow.is_on:
            self.pause()
        self._slow.last(seconds)

    def _tell_slow(self, seconds: float) -> None:
        seat = next(iter(self.seats.values()), None)  # of several documents there is no telling which it is for
        room, user = ("", "") if seat is None else (seat.served.name, seat.member.grant.user)
        self.hub.observe(PeerSlowed(self.id, room, user, "socket", seconds))

    def _speed_up(self) -> None:
        while self._late and not self._slow.is_on:
            seat, message = self._late.popleft()
            if self.seats.get(seat.group.document) is seat:  # else it has left, or had to
                self.take(seat, message)
        self.resume()

    @abstractmethod
    def oversized(self, size: int, head: bytes) -> None:
        """A message over the largest that is read; `head` is its beginning."""

    def must_be_queried(self, seat: Seat) -> bool:
        """Whether this client repeats its presence only when it is asked."""
        return False

    @abstractmethod
    def role_changed(self, seat: Seat) -> None:
        """The member may do other things from now on: tell the client, if its dialect has a word for it."""

    def expired(self, seat: Seat) -> None:
        """The member's grant has ended."""
        seat.served.expel(seat, NotAuthenticated("the grant has expired"))

    @abstractmethod
    def dismissed(self, seat: Seat, error: MotetError) -> None:
        """A room sent us away: tell the client, in the way that its dialect understands without looping."""

    def heard(self) -> None:
        """The socket showed a sign of life after a ping."""
        self._heard = self.hub.now()
        if self._probed:
            self.round_trip, self._probed = self._heard - self._probed, 0.0

    def probe(self) -> None:
        """Measures the round trip anew."""
        if not self._probed:
            self._probed = self.hub.now()
            self.wire.ping()

    def challenged(self, seat: Seat) -> None:
        """Another device claims an entry of ours: ours stays if this socket still answers."""
        asked = self.hub.now()
        self.wire.ping()

        def judge() -> None:
            if not self.over:
                seat.served.challenge_over(seat, answered=self._heard >= asked)

        asyncio.get_running_loop().call_later(CHALLENGE, judge)

    def congested(self) -> None:
        """The write buffer is over its mark: every room on this socket waits for it."""
        for seat in self.seats.values():
            seat.served.congested(seat)

    def drained(self) -> None:
        """The write buffer is low: the rooms go on, one piece at a time."""
        high = self.hub.settings.high_water_bytes
        low = high // 4
        for seat in list(self.seats.values()):
            if self.wire.buffered() > low:
                break
            seat.served.drained(seat)
        if self.over or not any(seat.member.behind_since for seat in self.seats.values()):
            return
        buffered = self.wire.buffered()
        if buffered <= low:
            # The kernel took all of it at once, so the transport will not call again.
            asyncio.get_running_loop().call_soon(self.drained)
        elif buffered <= high and self._draining is None:
            # Nor will it from between its marks: it never was over the high one.
            self._draining = asyncio.get_running_loop().call_later(DRAINING, self._go_on)

    def _go_on(self) -> None:
        self._draining = None
        if not self.over:
            self.drained()

    def closed(self, code: int, clean: bool) -> None:
        """The socket is gone."""
        self.over = True
        self.meter.settle(self.hub.now())
        self._slow.cancel()
        if self._draining is not None:
            self._draining.cancel()
        for document in list(self.seats):
            seat = self.give_up_seat(document)
            if seat is not None:
                seat.served.leave(seat, clean)
        if self._opened_at is not None:
            name, seconds = self.dialect.name, self.hub.now() - self._opened_at
            self.hub.open_connections[name] -= 1
            self.hub.observe(ConnectionClosed(self.id, name, self.address, code, clean, seconds))

    def hang_up(self, error: MotetError) -> None:
        """Closes the socket with the error's code and message."""
        self.wire.close(error.code, str(error))
