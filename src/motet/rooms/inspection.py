"""What operators see of rooms. Looking costs nothing that members feel: counts are read, no document is touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import nlargest
from math import inf
from weakref import WeakKeyDictionary

from motet.ids import RoomName, Seq, UserId
from motet.observability import Recent, Refusal
from motet.persistence import RoomOutline, RowInfo
from motet.presence import Shown
from motet.rooms.hub import Hub
from motet.rooms.seat import Seat
from motet.rooms.served import Served

ROWS = 50
"""Of the log that are shown of a room."""

MOST = 200
"""Rooms of a list, at most."""

PROBE_SECONDS = 10.0
"""Between two measurements of the members' round trips, while somebody looks."""


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
    """When it was written, in milliseconds since the epoch."""
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


ORDERS: dict[str, Callable[[Served, float], float]] = {
    "rate": lambda served, now: served.traffic.rate(now),
    "people": lambda served, now: _people(served) if served.seats else 0,
    "bytes": lambda served, now: served.room.replica.size,
    "behind": lambda served, now: len(served.behind),
    "lag": lambda served, now: served.lag or 0.0,
}
"""What rooms can be listed by, the greatest first; `now` in monotonic seconds."""


class Inspection:
    """Looks at the rooms of a hub."""

    def __init__(self, hub: Hub, recent: Recent) -> None:
        self._hub = hub
        self._recent = recent
        self._tops: dict[str, tuple[float, list[RoomSummary]]] = {}
        """By what: the newest lists of MOST, and when they were made (monotonic seconds)."""
        self._probed = WeakKeyDictionary[Served, float]()

    def loaded(self) -> int:
        """How many rooms are in memory."""
        return len(self._hub.served)

    def top(self, by: str, count: int, age: float = 0.0) -> list[RoomSummary]:
        """The `count` (MOST at most) loaded rooms with the most of what `by` (of ORDERS) names; of equals the one with
        more members. They may be `age` seconds old: then many who look together cost as much as one."""
        now = self._hub.now()
        at, found = self._tops.get(by, (-inf, []))
        if now - at > age:
            order = ORDERS[by]
            most = nlargest(MOST, self._hub.served.values(), key=lambda served: (order(served, now), len(served.seats)))
            found = [self.summary(served) for served in most]
            self._tops[by] = now, found
        return found[:count]

    def summary(self, served: Served) -> RoomSummary:
        """A loaded room in numbers."""
        now, room = self._hub.now(), served.room
        return RoomSummary(
            room=served.name,
            people=_people(served),
            members=len(served.seats),
            rate=served.traffic.rate(now),
            bytes=room.replica.size,
            seq=served.head,
            log_rows=served.log_rows,
            behind=len(served.behind),
            lag=served.lag,
            idle=None if served.seats else now - served.idle_since,
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
        """Somebody looks at a room: round trips are measured anew, for the next look, but not more often than every
        PROBE_SECONDS, however many look."""
        served, now = self._hub.served.get(name), self._hub.now()
        if served is None or now - self._probed.get(served, -inf) < PROBE_SECONDS:
            return
        self._probed[served] = now
        for seat in tuple(served.seats.values()):
            seat.owner.probe()


def _people(served: Served) -> int:
    """Users; of unknown ones each connection counts."""
    users = [seat.member.grant.user for seat in served.seats.values()]
    return len({user for user in users if user}) + users.count(UserId(""))


def _asleep(name: RoomName, outline: RoomOutline | None) -> RoomSummary:
    """A room that is not loaded, in numbers."""
    head, size = (0, 0) if outline is None else (outline.head, outline.snapshot_size)
    rows = 0 if outline is None else head - outline.snapshot_seq
    return RoomSummary(name, 0, 0, 0.0, size, head, rows, 0, None, None, suspended=False)
