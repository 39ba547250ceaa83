"""What operators see of rooms. Looking costs nothing that members feel: counts are read, no document is touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import nlargest
from math import inf

from motet.ids import RoomName, Seq, UserId
from motet.observability import Recent, Refusal
from motet.persistence import RoomOutline, RowInfo
from motet.presence import Shown
from motet.rooms.hub import Hub
from motet.rooms.seat import Seat
from motet.rooms.served import Served

ROWS = 50
"""Of the log that are shown of a room."""

PROBE_SECONDS = 10.0
"""Between two measurements of a member's round trip, while somebody looks."""


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """A member, as administrators see it."""

    member: int
    user: UserId
    name: str
    role: str
    dialect: str
    address: str
    since: int
    """When it joined, in milliseconds since the epoch."""
    expires: float | None
    """When its grant ends, in seconds since the epoch; None: it does not."""
    behind: bool
    """It reads too slowly, and catches up."""
    buffered: int
    """Bytes that wait for its socket."""
    last_seen: float
    """Seconds since anything came from it."""
    latency: float | None
    """Seconds of a round trip, if it was measured."""
    edits: int
    """Updates that it has sent."""


@dataclass(frozen=True, slots=True)
class RoomSummary:
    """A loaded room in a list."""

    room: str
    people: int
    """Users; of unknown ones each connection counts."""
    members: int
    rate: float
    """Updates per second, over the last seconds."""
    bytes: int
    seq: int
    log_rows: int
    behind: int
    lag: float | None
    """Seconds from the newest edit to its commit."""
    idle: float | None
    """Seconds without members; None while there are any."""
    suspended: bool


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """The newest snapshot of a room."""

    seq: int
    at: int | None
    bytes: int


@dataclass(frozen=True, slots=True)
class PresenceInfo:
    """An entry of the roster."""

    client: int
    user: str
    state: str
    """JSON, as the others see it."""


@dataclass(frozen=True, slots=True)
class RoomDetail:
    """One room, which may be stored and not loaded."""

    summary: RoomSummary
    loaded: bool
    members: list[MemberInfo]
    presence: list[PresenceInfo]
    refusals: list[Refusal]
    log: list[RowInfo]
    snapshot: SnapshotInfo | None


ORDERS: dict[str, Callable[[RoomSummary], float]] = {
    "rate": lambda room: room.rate,
    "people": lambda room: room.people,
    "bytes": lambda room: room.bytes,
    "behind": lambda room: room.behind,
    "lag": lambda room: room.lag or 0.0,
}
"""What rooms can be listed by, the greatest first."""


class Inspection:
    """Looks at the rooms of a hub."""

    def __init__(self, hub: Hub, recent: Recent) -> None:
        self._hub = hub
        self._recent = recent

    def loaded(self) -> int:
        """How many rooms are in memory."""
        return len(self._hub.served)

    def top(self, by: str, count: int) -> list[RoomSummary]:
        """The `count` loaded rooms with the most of what `by` (of ORDERS) names; of equals the busier."""
        order = ORDERS[by]
        found = (self.summary(served) for served in self._hub.served.values())
        return nlargest(count, found, key=lambda room: (order(room), room.rate, room.people))

    def summary(self, served: Served) -> RoomSummary:
        """A loaded room in numbers."""
        now, room = self._hub.now(), served.room
        users = [seat.member.grant.user for seat in served.seats.values()]
        return RoomSummary(
            room=served.name,
            people=len({user for user in users if user}) + users.count(UserId("")),
            members=len(users),
            rate=served.rate(now),
            bytes=room.replica.size,
            seq=served.head,
            log_rows=served.log_rows,
            behind=sum(seat.member.is_behind() for seat in served.seats.values()),
            lag=served.lag,
            idle=None if users else now - served.idle_since,
            suspended=room.suspended,
        )

    def members(self, room: RoomName) -> list[MemberInfo]:
        """Who is in a room now."""
        served = self._hub.served.get(room)
        return [] if served is None else [self._member(seat) for seat in served.seats.values()]

    def _member(self, seat: Seat) -> MemberInfo:
        member = seat.member
        grant = member.grant
        return MemberInfo(
            member=member.id,
            user=grant.user,
            name=grant.name,
            role=member.role.name,
            dialect=seat.group.dialect.name,
            address=seat.owner.address,
            since=seat.since,
            expires=None if grant.expires == inf else grant.expires,
            behind=member.is_behind(),
            buffered=seat.wire.buffered(),
            last_seen=seat.wire.silence(self._hub.now()),
            latency=seat.owner.round_trip,
            edits=seat.edits,
        )

    async def room(self, name: RoomName) -> RoomDetail | None:
        """All that is to be seen of a room; None if there is none. Raises RoomDeleted, Unavailable."""
        served = self._hub.served.get(name)
        outline = await self._hub.store.outline(name, ROWS)
        if served is None and outline is None:
            return None
        shown: list[Shown] = [] if served is None else served.room.roster.shown()
        snapshot = None
        if outline is not None and outline.snapshot_seq > Seq(0):
            snapshot = SnapshotInfo(outline.snapshot_seq, outline.snapshot_at, outline.snapshot_size)
        return RoomDetail(
            summary=_asleep(name, outline) if served is None else self.summary(served),
            loaded=served is not None,
            members=self.members(name),
            presence=[PresenceInfo(entry.client, entry.user, entry.state) for entry in shown],
            refusals=self._recent.of(name),
            log=[] if outline is None else list(outline.rows),
            snapshot=snapshot,
        )

    def probe(self, name: RoomName) -> None:
        """Somebody looks at a room: round trips are measured anew, for the next look."""
        served = self._hub.served.get(name)
        for seat in () if served is None else tuple(served.seats.values()):
            seat.owner.probe()


def _asleep(name: RoomName, outline: RoomOutline | None) -> RoomSummary:
    """A room that is not loaded, in numbers."""
    head, size = (0, 0) if outline is None else (outline.head, outline.snapshot_size)
    rows = 0 if outline is None else head - outline.snapshot_seq
    return RoomSummary(name, 0, 0, 0.0, size, head, rows, 0, None, None, suspended=False)
