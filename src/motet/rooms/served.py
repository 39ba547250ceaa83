"""A room that is being served: carries out its effects on sockets and journal, and calls its ticks and timers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from motet.access import Access, Grant, Role
from motet.crdt import Replica
from motet.errors import Forbidden, IdConflict, MalformedUpdate, MotetError, OverQuota
from motet.ids import MemberId, RoomName, Seq
from motet.observability import (
    AccessEnded,
    EditRefused,
    MemberBehind,
    MemberCaughtUp,
    MemberLeft,
    PeerSlowed,
    Resynced,
    RoleChanged,
    Trace,
    UpdateApplied,
)
from motet.persistence import Kind, Row, StoredRoom
from motet.rooms.delivery import broadcast, send
from motet.rooms.effects import (
    Broadcast,
    Challenge,
    Dismiss,
    Effects,
    Out,
    Persist,
    Refused,
    Send,
    Why,
    WorkDone,
    WorkOn,
)
from motet.rooms.host import Host
from motet.rooms.member import Member
from motet.rooms.room import Room
from motet.rooms.seat import Group, Hold, Owner, Seat
from motet.rooms.slowing import Slowing
from motet.rooms.traffic import Traffic
from motet.rooms.wire import Wire
from motet.sync import Dialect, Message, Update

KINDS = ((IdConflict, "conflict"), (MalformedUpdate, "malformed"), (OverQuota, "quota"), (Forbidden, "lane"))
"""Why an edit is refused, in a word; the first that fits."""


class Served:
    """One open room."""

    head: Seq
    """The newest row on disk."""
    log_rows: int
    log_bytes: int
    snapshot_bytes: int
    """Rows and bytes in the log since the newest snapshot, and the size of that."""

    def __init__(self, name: RoomName, room: Room, host: Host, stored: StoredRoom | None) -> None:
        self.name = name
        self.room = room
        self.host = host
        self.measure(stored)
        self.seats: dict[MemberId, Seat] = {}
        self.groups: dict[tuple[str, str], Group] = {}
        self.idle_since = host.now()
        self.closed = False
        self.scheduled = False
        self.lag: float | None = None
        """Seconds from the newest tick with news to its commit."""
        self.taken_at = 0.0
        """When the first update of the coming tick, or of the last, was taken (seconds)."""
        self._ticked_at = 0.0
        self.taken_of = ""
        """The connection that it came from, if it was one message."""
        self.behind: dict[MemberId, float] = {}
        """Members that read too slowly, and since when (seconds)."""
        self.traffic = Traffic(self.seats.values(), host.now())
        self._update = room.update
        self._presence: asyncio.Handle | None = None
        self._presence_at = 0.0
        self._working = False
        self._slow = Slowing(host.now, self._tell_slow, self._speed_up)

    # ---- seats

    def join(self, member: Member, dialect: Dialect, document: str, wire: Wire, owner: Owner) -> Seat:
        """Takes a seat in the room. Raises TryLater when it is full."""
        effects = self.room.join(member, self.host.now())
        group = self.groups.get((dialect.name, document))
        if group is None:
            group = self.groups[dialect.name, document] = Group(dialect, document)
        seat = Seat(member, group, wire, owner, self, self.host.wall_clock())
        group.seats.append(seat)
        self.seats[member.id] = seat
        self.perform(effects)
        self.arm_presence()
        return seat

    def leave(self, seat: Seat, clean: bool) -> None:
        """Gives the seat up; may be called again."""
        if self.seats.pop(seat.member.id, None) is None:
            return
        seat.release_all()
        self.traffic.gone += seat.edits
        group = seat.group
        group.seats.remove(seat)
        if not group.seats:
            self.groups.pop((group.dialect.name, group.document), None)
        now = self.host.now()
        self.behind.pop(seat.member.id, None)
        self.room.leave(seat.member, now, clean)
        if not self.seats:
            self.idle_since = now
        self.arm_presence()
        user, owner, seconds = seat.member.grant.user, seat.owner, (self.host.wall_clock() - seat.since) / 1000
        self.host.observe(MemberLeft(self.name, user, seat.group.dialect.name, owner.address, owner.id, seconds))

    # ---- messages in

    def receive(self, seat: Seat, message: Message) -> None:
        """One message of a member. Raises ProtocolViolation."""
        if type(message) is Update:
            self.update(seat, message.data)
            return
        self.perform(self.room.receive(seat.member, message, self.host.now()))
        self.arm_presence()
        if self.room.dirty and not self.scheduled:
            self._schedule(seat.owner.id)

    def update(self, seat: Seat, data: bytes) -> None:
        """An Update of a member: the hot path."""
        seat.edits += 1
        effects = self._update(seat.member, data)
        if effects:
            self.perform(effects)
        if not self.scheduled and self.room.dirty:
            self._schedule(seat.owner.id)

    def _schedule(self, of: str) -> None:
        """The tick comes in this turn of the loop, and its time runs from here."""
        self.scheduled = True
        self.taken_at, self.taken_of = self.host.now(), of
        self.host.schedule(self)

    def congested(self, seat: Seat) -> None:
        """The seat's write buffer is over its high-water mark."""
        member, now = seat.member, self.host.now()
        self.room.congested(member, now)
        if member.id not in self.behind:
            self.behind[member.id] = now
            self.host.observe(MemberBehind(self.name, member.grant.user, seat.owner.id, seat.wire.buffered()))

    def drained(self, seat: Seat) -> None:
        """The seat's write buffer is low again."""
        member, now = seat.member, self.host.now()
        self.perform(self.room.drained(member, now))
        if not member.is_behind() and (since := self.behind.pop(member.id, None)) is not None:
            self.host.observe(MemberCaughtUp(self.name, member.grant.user, seat.owner.id, now - since))

    def challenge_over(self, seat: Seat, answered: bool) -> None:
        """A challenged seat keeps its entries if it answered; else whoever claimed them has them now."""
        roster = self.room.roster
        if answered:
            roster.answered(seat.member.id)
        else:
            roster.unanswered(seat.member.id, self.host.now())
        self.arm_presence()

    # ---- time

    def tick(self) -> None:
        """Once per loop turn in which something was taken."""
        self.scheduled = False
        self._ticked_at = now = self.host.now()
        self.perform(self.room.tick(now))
        self.room.written(now)

    def wake(self) -> None:
        """About once a second."""
        self.traffic.look(self.host.counts, self.host.now())
        self.perform(self.room.wake(self.host.now()))
        now = self.host.wall_clock() / 1000
        for seat in [seat for seat in self.seats.values() if seat.member.grant.expires <= now]:
            seat.owner.expired(seat)

    def arm_presence(self) -> None:
        """One timer for the room's next presence tick."""
        now = self.host.now()
        due = self.room.roster.due(now)
        if due is None or self.closed:
            return
        if self._presence is not None:
            if self._presence_at <= due:
                return
            self._presence.cancel()
        self._presence_at = due
        self._presence = asyncio.get_running_loop().call_later(max(0.0, due - now), self._on_presence)

    def _on_presence(self) -> None:
        self._presence = None
        self.host.guard(self, self._presence_tick)

    def _presence_tick(self) -> None:
        self.perform(self.room.presence(self.host.now()))
        self.arm_presence()

    def _work(self) -> None:
        effects, more = self.room.work()
        self.perform(effects)
        if self.room.dirty and not self.scheduled:
            self._schedule("")
        self._working = more
        if more:
            asyncio.get_running_loop().call_soon(self.host.guard, self, self._work)

    # ---- what members may

    def recheck(self, access: Access) -> None:
        """A ruling was made: everybody here is judged anew, and what waits of those who left. Whose grant has just
        ended is left to `Owner.expired`."""
        for seat in list(self.seats.values()):
            member = seat.member
            try:
                role = access.standing(member.grant, self.name)
            except MotetError as e:
                self.expel(seat, e)
                continue
            self._set_role(seat, role)
        for member in list(self.room.departed.values()):
            try:
                if access.standing(member.grant, self.name).may >= member.role.may:
                    continue
            except MotetError:
                pass  # it is told when it comes back
            self.perform(self.room.disown(member))

    def renew(self, seat: Seat, grant: Grant, role: Role) -> None:
        """The member has shown a fresh token. Raises Forbidden for one of somebody else."""
        if grant.user != seat.member.grant.user:
            raise Forbidden("this token is somebody else's")
        seat.member.grant = grant
        self._set_role(seat, role)
        self.room.identify(seat.member, self.host.now())
        self.arm_presence()

    def _set_role(self, seat: Seat, role: Role) -> None:
        member, before = seat.member, seat.member.role
        if role == before:
            return
        self.perform(self.room.set_role(member, role, self.host.now()))
        self.arm_presence()
        seat.owner.role_changed(seat)
        user, owner = member.grant.user, seat.owner
        self.host.observe(RoleChanged(user, self.name, before.name, role.name, owner.address, owner.id))

    def expel(self, seat: Seat, error: MotetError) -> None:
        """The member may not be here any more: it goes, and nothing that waits of it stays."""
        self.perform(self.room.disown(seat.member))
        self.perform([Dismiss(seat.member, error)])

    # ---- the store

    def stored(self, head: Seq) -> None:
        """The oldest submission is on disk."""
        self.head = head
        self.perform(self.room.committed())

    def suspend(self) -> None:
        """Takes no updates until `resume`."""
        self.perform(self.room.suspend())

    def reload(self, stored: StoredRoom | None, replica: Replica) -> None:
        """Goes on from what the log holds."""
        self.measure(stored)
        self.perform(self.room.resume(replica))
        if not self.scheduled:
            self._schedule("")

    def measure(self, stored: StoredRoom | None) -> None:
        """Takes the head and sizes from what is stored."""
        self.head = stored.head if stored is not None else Seq(0)
        self.log_rows = len(stored.tail) if stored is not None else 0
        self.log_bytes = sum(len(row.data) for row in stored.tail) if stored is not None else 0
        self.snapshot_bytes = len(stored.snapshot.data) if stored is not None and stored.snapshot is not None else 0

    def close(self) -> None:
        """The room leaves memory."""
        self.closed = True
        self._slow.cancel()
        if self._presence is not None:
            self._presence.cancel()
            self._presence = None

    def dismiss_all(self, error: MotetError) -> None:
        """Everybody must go."""
        self.perform([Dismiss(seat.member, error) for seat in list(self.seats.values())])

    # ---- effects

    def perform(self, effects: Effects) -> None:
        """Carries out what the room asks for."""
        for effect in effects:
            if isinstance(effect, Broadcast):
                broadcast(self.groups.values(), effect.out, effect.data, effect.but, self.host.counts)
            elif isinstance(effect, Persist):
                self._persist(effect)
            elif isinstance(effect, Send):
                self._send(effect)
            else:
                self._manage(effect)

    def _persist(self, effect: Persist) -> None:
        at = self.host.wall_clock()
        rows = []
        size = 0
        for author, data in effect.rows:
            rows.append(Row(self.name, author, at, Kind.UPDATE, data))
            size += len(data)
        self.log_rows += len(rows)
        self.log_bytes += size
        host, now = self.host, self.host.now()
        host.counts.update_bytes += size
        seconds = now - self.taken_at
        trace = None
        if host.histograms.edit_to_peer_seconds.observe(seconds, now):
            trace = self._trace(rows, size)
            id = "" if trace is None else trace.id
            host.observe(UpdateApplied(self.name, self.taken_of, len(rows), size, seconds, id))
        host.submit(self, rows, trace)
        slow = host.rates.edited(self.name, len(rows), size, now)
        if slow:
            self._slow_down(slow)

    def _trace(self, rows: Sequence[Row], size: int) -> Trace | None:
        """Of a tick that is sampled: what was taken is with the others, and on its way to the disk."""
        tracing = self.host.tracing
        if tracing is None:
            return None
        users = {row.author for row in rows}
        user = users.pop() if len(users) == 1 else ""
        trace = tracing.begin("edit", began=self.taken_at, room=self.name, connection=self.taken_of, user=user)
        trace.tell(updates=len(rows), size=size)
        trace.part("take", self.taken_at)
        trace.part("broadcast", self._ticked_at)
        trace.part("commit")
        return trace

    def _slow_down(self, seconds: float) -> None:
        """[X35] The room is over its rate: nobody in it is read for so long."""
        for seat in self.seats.values():
            seat.hold(Hold.RATE)
        self._slow.last(seconds)

    def _tell_slow(self, seconds: float) -> None:
        self.host.observe(PeerSlowed("", self.name, "", "room", seconds))

    def _speed_up(self) -> None:
        for seat in self.seats.values():
            seat.release(Hold.RATE)

    def _send(self, effect: Send) -> None:
        seat = self.seats.get(effect.member.id)
        if seat is None or (effect.out is Out.QUERY_AWARENESS and not seat.owner.must_be_queried(seat)):
            return
        if effect.why is not Why.GREETING:
            self.host.observe(Resynced(self.name, seat.member.grant.user, effect.why.value))
        send(seat, effect.out, effect.data, self.host.counts)

    def _refused(self, effect: Refused) -> None:
        error = effect.error
        kind = next(word for kind, word in KINDS if isinstance(error, kind))
        self.host.counts.edits_refused.add(kind)
        seat = self.seats.get(effect.member.id)
        if effect.is_news and seat is not None:
            user, owner = seat.member.grant.user, seat.owner
            self.host.observe(EditRefused(user, self.name, kind, str(error), owner.address, owner.id))

    def _manage(self, effect: Dismiss | Challenge | Refused | WorkOn | WorkDone) -> None:
        seat = self.seats.get(effect.member.id)
        if isinstance(effect, Refused):
            self._refused(effect)
        elif isinstance(effect, WorkOn):
            if seat is not None:
                seat.hold(Hold.TAKE)
            if not self._working:
                self._working = True
                asyncio.get_running_loop().call_soon(self.host.guard, self, self._work)
        elif seat is None:
            return
        elif isinstance(effect, WorkDone):
            seat.release(Hold.TAKE)
        elif isinstance(effect, Challenge):
            seat.owner.challenged(seat)
        else:
            self.leave(seat, clean=True)
            user, error, owner = seat.member.grant.user, effect.error, seat.owner
            dialect = seat.group.dialect.name
            self.host.observe(AccessEnded(user, self.name, str(error), error.code, dialect, owner.address, owner.id))
            owner.dismissed(seat, error)
