"""Seats: the members' other half, where a member's bytes go.

A broadcast is encoded once per group (members that speak one dialect and call the room by one name).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from motet.errors import MotetError
from motet.rooms.effects import Out
from motet.rooms.member import Member
from motet.rooms.wire import Wire
from motet.sync import Dialect, frame

if TYPE_CHECKING:
    from motet.rooms.served import Served

Encoder = Callable[[Dialect, str, bytes], bytes | None]

ENCODERS: dict[Out, Encoder] = {
    Out.SYNC_STEP_1: lambda dialect, document, data: dialect.sync_step1(document, data),
    Out.SYNC_STEP_2: lambda dialect, document, data: dialect.sync_step2(document, data),
    Out.AWARENESS: lambda dialect, document, data: dialect.awareness(document, data),
    Out.QUERY_AWARENESS: lambda dialect, document, data: dialect.query_awareness(document),
    Out.SAVED: lambda dialect, document, data: dialect.sync_status(document, True),
    Out.NOT_SAVED: lambda dialect, document, data: dialect.sync_status(document, False),
    Out.DENIED: lambda dialect, document, data: dialect.denied(document, data.decode()),
    Out.STATELESS: lambda dialect, document, data: dialect.stateless(document, data.decode()),
}


class Hold(Enum):
    """Why a member's socket is not read."""

    TAKE = auto()
    """A large update of it is being taken."""
    JOURNAL = auto()
    """More waits for the disk than should."""
    RATE = auto()
    """The room is over its rate."""


class Owner(Protocol):
    """The connection that a seat belongs to."""

    id: str
    """What it is called in logs and traces."""
    address: str
    """The peer's IP address, or "unix"."""

    round_trip: float | None
    """Seconds, of the newest `probe`."""

    def probe(self) -> None:
        """Measures the round trip anew."""
        ...

    def pause(self) -> None:
        """Reads nothing more, until as many `resume`s."""
        ...

    def resume(self) -> None:
        """Takes one `pause` back."""
        ...

    def role_changed(self, seat: Seat) -> None:
        """The member may do other things from now on; tell the client."""
        ...

    def expired(self, seat: Seat) -> None:
        """The member's grant has ended: ask for a fresh token where that can be, or end it. Called about once a second
        until one of the two is done."""
        ...

    def dismissed(self, seat: Seat, error: MotetError) -> None:
        """The member has left the room for this reason; tell the client."""
        ...

    def must_be_queried(self, seat: Seat) -> bool:
        """Whether this client repeats its presence only when it is asked."""
        ...

    def challenged(self, seat: Seat) -> None:
        """Ping the socket; `Served.challenge_over` is to be called when it is known whether it answers."""
        ...


class Group:
    """Seats that get the very same bytes."""

    __slots__ = ("dialect", "document", "saved", "seats")

    def __init__(self, dialect: Dialect, document: str) -> None:
        self.dialect = dialect
        self.document = document
        self.seats: list[Seat] = []
        self.saved = self.encode(Out.SAVED, b"")

    def encode(self, out: Out, data: bytes) -> bytes:
        """A whole WebSocket frame, or nothing where the dialect cannot say it."""
        if out is Out.UPDATE:  # the hot path: the look-up below costs as much as the encoding
            return frame(self.dialect.update(self.document, data))
        payload = ENCODERS[out](self.dialect, self.document, data)
        return frame(payload) if payload is not None else b""


class Seat:
    """A member and its socket."""

    __slots__ = ("_holds", "edits", "group", "member", "owner", "served", "since", "wire")

    def __init__(self, member: Member, group: Group, wire: Wire, owner: Owner, served: Served, since: int) -> None:
        self.member = member
        self.group = group
        self.wire = wire
        self.owner = owner
        self.served = served
        self.since = since
        """When it joined, in milliseconds since the epoch."""
        self.edits = 0
        """Updates that it has sent."""
        self._holds: set[Hold] = set()

    def hold(self, why: Hold) -> None:
        """The socket is not read, for this reason among others."""
        if why not in self._holds:
            self._holds.add(why)
            self.owner.pause()

    def release(self, why: Hold) -> None:
        """This reason is gone."""
        if why in self._holds:
            self._holds.remove(why)
            self.owner.resume()

    def release_all(self) -> None:
        """The seat has no reasons any more."""
        for why in tuple(self._holds):
            self.release(why)
