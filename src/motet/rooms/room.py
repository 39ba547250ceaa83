"""A room: one document and the people in it. A plain synchronous object: each call is one step, answered by effects.

What wants an algorithm is in a component: the replica (`crdt`), the roster (`presence`), `catchup` for slow members.
The rules in brackets are those of docs/PROTOCOL.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import NamedTuple

from motet.crdt.replica import DROPPED, SLOW, Replica
from motet.errors import Forbidden, MalformedUpdate, MotetError, OverQuota, ProtocolViolation, TryLater
from motet.ids import MemberId
from motet.presence import EMPTY, Identity, Roster
from motet.rooms.catchup import CatchUp
from motet.rooms.effects import (
    NOTHING,
    Broadcast,
    Challenge,
    Dismiss,
    Effect,
    Effects,
    Out,
    Persist,
    Send,
    WorkDone,
    WorkOn,
)
from motet.rooms.limits import KEEP_ALIVE, MAX_QUESTIONS, NO_CHANGE, NO_STRUCTS, PARKED, RoomLimits
from motet.rooms.member import Member, Parked
from motet.rooms.statuses import Statuses
from motet.sync import Awareness, BroadcastStateless, Message, QueryAwareness, SyncStep1, SyncStep2, Update


class LongTake(NamedTuple):
    """A large update that is taken in steps, so that other rooms are not kept waiting."""

    member: Member
    steps: Generator[None, None, int]
    statuses: int


class Room:
    """The document and its members. `dirty` says that `tick` has something to do."""

    def __init__(self, replica: Replica, roster: Roster, limits: RoomLimits, now: float) -> None:
        self.replica = replica
        self.roster = roster
        self.limits = limits
        self.members: dict[MemberId, Member] = {}
        self.dirty = False
        self.suspended = False
        self.catch_up = CatchUp(replica)
        self.statuses = Statuses()
        self._congesting: list[Member] = []
        self._long: deque[LongTake] = deque()
        self._users: dict[int, str] = {}
        self._spoke = now
        self.over_quota = False
        self._at_once = min(SLOW, limits.max_update_bytes)  # an update up to here needs no closer look at its size

    # ---- coming and going

    def join(self, member: Member, now: float) -> Effects:
        """The member is in from here on. It is told who is here and asked for what we lack. Raises TryLater."""
        self.check_places()
        self.members[member.id] = member
        self.roster.audience = len(self.members)
        if member.grant.user:
            self._users[member.id] = member.grant.user
        effects: list[Effect] = []
        if not member.wants_status:
            effects.append(self._ask(member))
        roster = self.roster.full()
        if roster is not None:
            effects.append(Send(member, Out.AWARENESS, roster))
        return effects

    def _ask(self, member: Member, counted: bool = False) -> Send:
        """Sync step 1: what do we lack? [H8] A provider counts the sync that it began itself as one unsaved change, and
        no other: only the answer to a `counted` question has a status of its own."""
        if len(member.questions) < MAX_QUESTIONS:
            member.questions.append(counted)
        return Send(member, Out.SYNC_STEP_1, self.replica.state_vector())

    def check_places(self) -> None:
        """Raises TryLater when no more members are let in."""
        if len(self.members) >= self.limits.max_members:
            raise TryLater(f"the room is full (max_members_per_room = {self.limits.max_members})")

    def leave(self, member: Member, now: float, clean: bool) -> None:
        """The member is gone; what it sent and was not yet acknowledged stays."""
        if self.members.pop(member.id, None) is not None:
            self.roster.leave(member.id, now, clean)
            self.roster.audience = len(self.members)

    # ---- what members send

    def update(self, member: Member, data: bytes) -> Effects:
        """An Update of a member. This is the hot path; what is not ordinary is looked at closely."""
        if len(data) > self._at_once or self.over_quota or self.suspended or not member.writes_all:
            return self._update_closely(member, data)
        try:
            ticket = self.replica.take(data, member.id)
        except MalformedUpdate as e:
            return self._refuse(member, e, 1)
        self.dirty = True
        if ticket:
            return self._parked(member, ticket, 1)
        if member.wants_status:
            self.statuses.due.append(member)
        return NOTHING

    def receive(self, member: Member, message: Message, now: float) -> Effects:
        """One message of a member. Raises ProtocolViolation; a malformed update is answered, not raised."""
        if isinstance(message, Update):
            return self.update(member, message.data)
        if isinstance(message, SyncStep2):
            return self._step2(member, message.data)
        if isinstance(message, SyncStep1):
            return self._step1(member, message.state_vector, now)
        if isinstance(message, Awareness):
            return self._awareness(member, message.data, now)
        if isinstance(message, QueryAwareness):
            return [Send(member, Out.AWARENESS, self.roster.full() or EMPTY)]
        if isinstance(message, BroadcastStateless) and member.writes_all:
            return [Broadcast(Out.STATELESS, message.payload.encode(), None)]
        return NOTHING

    def _update_closely(self, member: Member, data: bytes) -> Effects:
        if self.suspended:
            member.owed += 1
            return NOTHING
        if not member.writes_all:
            return self._refuse(member, Forbidden("this connection may not edit"), 1)
        return self._take(member, data, 1, self.limits.max_update_bytes, "max_update_bytes")

    def _step1(self, member: Member, state_vector: bytes, now: float) -> Effects:
        try:
            effects = self.catch_up.answer(member, state_vector, now)
        except MalformedUpdate as e:
            raise ProtocolViolation(f"sync step 1: {e}") from e
        if member.wants_status:
            self.statuses.forget(member)
            self._long = deque(long._replace(statuses=0) if long.member is member else long for long in self._long)
            effects.append(self._ask(member, counted=True))
        return effects

    def _step2(self, member: Member, data: bytes) -> Effects:
        """What we lacked. With it the statuses are due that were withheld for updates of the same member."""
        counted = member.questions.popleft() if member.questions else True
        statuses, member.owed = member.owed + (1 if counted else 0), 0
        if self.suspended:
            member.owed = statuses
            return NOTHING
        if not member.writes_all and data != NO_CHANGE:
            return self._refuse(member, Forbidden("this connection may not edit"), statuses)
        return self._take(member, data, statuses, self.limits.max_room_bytes, "max_room_bytes")

    def _take(self, member: Member, data: bytes, statuses: int, limit: int, name: str) -> Effects:
        if len(data) > limit:
            return self._refuse(member, OverQuota(f"over {name} = {limit} bytes"), statuses)
        if self.over_quota and not data.startswith(NO_STRUCTS):
            limit = self.limits.max_room_bytes
            return self._refuse(member, OverQuota(f"the room is over max_room_bytes = {limit} bytes"), statuses)
        if len(data) > SLOW:
            self._long.append(LongTake(member, self.replica.take_slowly(data, member.id), statuses))
            return [WorkOn(member)]
        try:
            ticket = self.replica.take(data, member.id)
        except MalformedUpdate as e:
            return self._refuse(member, e, statuses)
        return self._taken(member, ticket, statuses)

    def work(self, now: float) -> tuple[Effects, bool]:
        """One step of the long take that is first in line, and whether there is more to do."""
        if not self._long:
            return NOTHING, False
        member, steps, statuses = self._long[0]
        self.dirty = True
        try:
            next(steps)
            return NOTHING, True
        except StopIteration as done:
            effects = self._taken(member, done.value, statuses)
        except MalformedUpdate as e:
            effects = self._refuse(member, e, statuses)
        self._long.popleft()
        return [WorkDone(member), *effects], bool(self._long)

    def _taken(self, member: Member, ticket: int, statuses: int) -> Effects:
        self.dirty = True
        if ticket:
            return self._parked(member, ticket, statuses)
        if member.wants_status:
            self.statuses.due += [member] * statuses
        return NOTHING

    def _parked(self, member: Member, ticket: int, statuses: int) -> Effects:
        """[R5] What is early waits; what does not fit is asked for again at once."""
        if ticket == DROPPED:
            member.owed += statuses
            if member.asked:
                return [Dismiss(member, ProtocolViolation("updates that refer to what was never sent"))]
            member.asked = True
            return [self._ask(member)]
        before = member.parked.get(ticket)
        if before is not None:
            statuses += before.statuses
        member.parked[ticket] = Parked(before.since if before is not None else 0.0, statuses)
        return NOTHING

    def _refuse(self, member: Member, error: MotetError, statuses: int) -> Effects:
        """[R4] Nothing was changed. A first malformed update may be an accident: we ask for what we lack, once, and the
        answer pays the statuses that this one had."""
        effects: list[Effect] = []
        if member.wants_status and statuses:
            effects.append(Send(member, Out.NOT_SAVED, b""))
        if type(error) is MalformedUpdate:
            member.strikes += 1
            member.owed += statuses
            if member.strikes == 1:
                effects.append(self._ask(member))
                return effects
        elif isinstance(error, Forbidden):
            if not member.denied:
                member.denied = True
                effects.append(Send(member, Out.DENIED, str(error).encode()))
            return effects
        effects.append(Dismiss(member, error))
        return effects

    def oversized(self, member: Member, size: int) -> Effects:
        """[R8] A message too large to be read at all."""
        return [
            Dismiss(
                member, OverQuota(f"a message of {size} bytes is over max_room_bytes = {self.limits.max_room_bytes}")
            )
        ]

    def _awareness(self, member: Member, data: bytes, now: float) -> Effects:
        grant = member.grant
        identity = Identity(grant.user, grant.name, grant.attributes.get("color", ""))
        applied = self.roster.apply(member.id, identity, data, now)
        owner = self.members.get(MemberId(applied.challenge)) if applied.challenge else None
        return [Challenge(owner)] if owner is not None else NOTHING

    # ---- the tick, and what follows the commit

    def tick(self, now: float) -> Effects:
        """Once per turn of the event loop in which something was taken: the news go to the others, the log and, after
        the commit, to the authors as statuses."""
        self.dirty = False
        news = self.replica.news()
        if self.suspended:
            self.statuses.withhold()
            return NOTHING
        effects: list[Effect] = []
        if news is not None:
            authors = news.authors
            author = self.members.get(MemberId(authors[0][0])) if len(authors) == 1 else None
            users = self._users
            effects.append(Broadcast(Out.UPDATE, news.update, author))
            effects.append(Persist([(users.get(who, ""), data) for who, data in authors]))
            if news.ripe:
                self._ripen(news.ripe)
            self.statuses.ride()
            self.catch_up.version += 1
            self.over_quota = self.replica.size - self.replica.garbage > self.limits.max_room_bytes
        elif self.statuses.due:
            effects += [Send(member, Out.SAVED, b"") for member in self.statuses.repeat()]
        if self._congesting:
            for member in self._congesting:
                self.catch_up.fall_behind(member, now)
            self._congesting = []
        return effects

    def _ripen(self, tickets: tuple[int, ...]) -> None:
        """What waited is integrated: its authors are owed the statuses of this commit."""
        for member in self.members.values():
            if member.parked:
                for ticket in tickets:
                    parked = member.parked.pop(ticket, None)
                    if parked is not None and member.wants_status:
                        self.statuses.due += [member] * parked.statuses
                member.asked = member.asked and bool(member.parked)

    def committed(self) -> Effects:
        """The oldest Persist that was not yet answered is on disk."""
        told = self.statuses.committed()
        return [Send(member, Out.SAVED, b"") for member in told if member.id in self.members] if told else NOTHING

    @property
    def has_long_takes(self) -> bool:
        """Large updates are being taken."""
        return bool(self._long)

    def suspend(self) -> Effects:
        """[R6] The store fails or is about to: no update is taken, and none is acknowledged, until `resume`."""
        self.suspended = True
        self.statuses.withhold()
        done = [WorkDone(long.member) for long in self._long]
        for long in self._long:
            long.member.owed += long.statuses
        self._long.clear()
        return done

    def resume(self, replica: Replica) -> Effects:
        """The store is back, and this is what its log holds. Everybody is asked for what it lacks."""
        self.suspended = False
        self.replica = replica
        self.catch_up = CatchUp(replica)
        for member in self.members.values():
            member.owed += sum(parked.statuses for parked in member.parked.values())
            member.parked.clear()
            if member.is_behind():
                # The log may lack what was broadcast before: what the member had is no place to go on from.
                member.have, member.chunks = b"\0", None
        return [self._ask(member) for member in self.members.values()]

    # ---- slow members, time

    def congested(self, member: Member, now: float) -> None:
        """The member's transport buffer is over its mark. It is behind as soon as what was taken has been written."""
        if self.dirty:
            self._congesting.append(member)
        else:
            self.catch_up.fall_behind(member, now)

    def drained(self, member: Member, now: float) -> Effects:
        """Its buffer is low again: the next piece of what it lacks; with the last, the roster that it missed."""
        if not member.is_behind():
            if member in self._congesting:
                self._congesting.remove(member)
            return NOTHING
        effects = self.catch_up.go_on(member, now)
        if not member.is_behind():
            effects.append(Send(member, Out.AWARENESS, self.roster.full() or EMPTY))
        return effects

    def presence(self, now: float) -> Effects:
        """The presence tick: what changed since the last, as one frame; and who must raise its clock to be seen."""
        effects: list[Effect] = []
        data = self.roster.flush(now)
        if data is not None:
            self._spoke = now
            effects.append(Broadcast(Out.AWARENESS, data, None))
        for provocation in self.roster.provoke():
            member = self.members.get(MemberId(provocation.member))
            if member is not None:
                effects.append(Send(member, Out.AWARENESS, provocation.data))
                effects.append(Send(member, Out.QUERY_AWARENESS, b""))
        return effects

    def wake(self, now: float) -> Effects:
        """What time alone brings; to be called about once a second."""
        effects: list[Effect] = []
        if self.members and now - self._spoke >= KEEP_ALIVE:
            self._spoke = now
            effects.append(Broadcast(Out.AWARENESS, EMPTY, None))
        for member in self.members.values():
            if member.parked:
                effects += self._still_parked(member, now)
            if member.is_behind() and now - member.behind_since > self.limits.behind_seconds:
                effects.append(Dismiss(member, TryLater("too slow to follow (behind_seconds)")))
        self.catch_up.let_go(now)
        return effects

    def _still_parked(self, member: Member, now: float) -> Effects:
        for ticket, parked in member.parked.items():
            if not parked.since:
                member.parked[ticket] = Parked(now, parked.statuses)
        oldest = min(parked.since for parked in member.parked.values())
        if now - oldest > 2 * PARKED and member.asked:
            return [Dismiss(member, ProtocolViolation("updates that refer to what was never sent"))]
        if now - oldest > PARKED and not member.asked:
            member.asked = True
            return [self._ask(member)]
        return NOTHING
