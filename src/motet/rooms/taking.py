"""How a room takes what members send to its document: what they may, what fits, and what waits for its causes.

The rules in brackets are those of docs/PROTOCOL.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import NamedTuple

from motet.access import Role, Roles
from motet.crdt.replica import DROPPED, SLOW, TAKEN, Replica, at_once, begins_before
from motet.errors import Forbidden, MalformedUpdate, MotetError, OverQuota, ProtocolViolation
from motet.rooms.effects import NOTHING, Dismiss, Effect, Effects, Out, Refused, Send, Why, WorkDone, WorkOn
from motet.rooms.limits import NO_STRUCTS, PARKED, RoomLimits
from motet.rooms.member import Member, Parked
from motet.rooms.permit import Holder, Permit, Verdict
from motet.rooms.statuses import Statuses


class LongTake(NamedTuple):
    """A large update that is taken in steps, so that other rooms are not kept waiting."""

    member: Member
    steps: Generator[None, None, int]
    statuses: int


class Taking:
    """Between the members and the replica. `dirty` says that something was taken since the last tick."""

    def __init__(self, replica: Replica, limits: RoomLimits, roles: Roles, holder: Holder) -> None:
        self.replica = replica
        self.limits = limits
        self.dirty = False
        self.suspended = False
        self.over_quota = False
        self.statuses = Statuses()
        self.permit = Permit(roles, holder)
        self._roles = roles
        self._long: deque[LongTake] = deque()
        self._at_once = min(SLOW, limits.max_update_bytes)  # an update up to here needs no closer look at its size

    # ---- what members send

    def update(self, member: Member, data: bytes) -> Effects:
        """An Update of a member. This is the hot path; what is not ordinary is looked at closely."""
        is_ordinary = member.writes_all and member.began is None and len(data) <= self._at_once
        if not is_ordinary or self.over_quota or self.suspended:
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

    def _update_closely(self, member: Member, data: bytes) -> Effects:
        # A delete alone may be of the queue or not. "Unsaved" until the next sync is then the better mistake.
        statuses = 0 if member.began is not None and begins_before(data, member.began) else 1
        if self.suspended:
            member.owed += statuses
            return NOTHING
        return self._take(member, data, statuses, answer=False)

    def step2(self, member: Member, data: bytes) -> Effects:
        """What we lacked. With it the statuses are due that were withheld for updates of the same member."""
        member.unanswered = max(0, member.unanswered - 1)
        if member.stale:
            # [R6] It leaves out what the log has lost, so it pays for nothing: the next answer does.
            member.stale -= 1
            return NOTHING if self.suspended else self._take(member, data, 0, answer=True)
        statuses = member.owed + (member.began is not None)
        member.owed, member.began = 0, None
        if self.suspended:
            member.owed = statuses
            return NOTHING
        return self._take(member, data, statuses, answer=True)

    def _take(self, member: Member, data: bytes, statuses: int, answer: bool) -> Effects:
        limits = self.limits
        limit, name = (
            (limits.max_room_bytes, "max_room_bytes") if answer else (limits.max_update_bytes, "max_update_bytes")
        )
        if len(data) > limit:
            return self._refuse(member, OverQuota(f"over {name} = {limit} bytes"), statuses)
        if self.over_quota and not data.startswith(NO_STRUCTS):
            error = OverQuota(f"the room is over max_room_bytes = {limits.max_room_bytes} bytes")
            return self._refuse(member, error, statuses)
        if len(data) > SLOW:
            slowly = self.replica.take_slowly(data, member.id)
            steps = slowly if member.writes_all else self._take_own_slowly(member, data, answer)
            self._long.append(LongTake(member, steps, statuses))
            return [WorkOn(member)]
        try:
            if member.writes_all:
                ticket = self.replica.take(data, member.id)
            else:
                ticket = self._take_own(member, data, answer)
        except (MalformedUpdate, Forbidden) as e:
            return self._refuse(member, e, statuses)
        return self._taken(member, ticket, statuses)

    def _take_own(self, member: Member, data: bytes, answer: bool) -> int:
        """[X41] Takes what a restricted member may write, in one step with the judgement. Raises Forbidden."""
        verdict = self.permit.judge(self.replica.touched(data), member, answer)
        if verdict is Verdict.TAKE:
            return self.replica.take(data, member.id)
        if verdict is Verdict.WITHIN:
            return at_once(self.replica.take_within(data, member.id, self.permit.mine(member)))
        return DROPPED if verdict is Verdict.UNKNOWN else TAKEN

    def _take_own_slowly(self, member: Member, data: bytes, answer: bool) -> Generator[None, None, int]:
        verdict = self.permit.judge((yield from self.replica.touching(data)), member, answer)
        if verdict in (Verdict.TAKE, Verdict.WITHIN):
            # Never `take_slowly`: between the steps others may bring ids that would carry a part elsewhere.
            return (yield from self.replica.take_within(data, member.id, self.permit.mine(member)))
        return DROPPED if verdict is Verdict.UNKNOWN else TAKEN

    def work(self) -> tuple[Effects, bool]:
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
        except (MalformedUpdate, Forbidden) as e:
            effects = self._refuse(member, e, statuses)
        self._long.popleft()
        return [WorkDone(member), *effects], bool(self._long)

    def _taken(self, member: Member, ticket: int, statuses: int) -> Effects:
        self.dirty = True
        if ticket:
            return self._parked(member, ticket, statuses)
        member.asked = member.asked and bool(member.parked)
        if member.wants_status:
            self.statuses.due += [member] * statuses
        return NOTHING

    def ask(self, member: Member, why: Why = Why.GREETING) -> Send:
        """Sync step 1: what do we lack?"""
        return self.ask_from(member, self.replica.state_vector(), why)

    def ask_from(self, member: Member, state_vector: bytes, why: Why = Why.GREETING) -> Send:
        """Sync step 1 with this state vector: what is there beyond it?"""
        member.unanswered += 1
        return Send(member, Out.SYNC_STEP_1, state_vector, why)

    # ---- what is refused

    def _refuse(self, member: Member, error: MotetError, statuses: int) -> Effects:
        """[R4] Nothing was changed. A first malformed update may be an accident: we ask for what we lack, once, and the
        answer pays the statuses that this one had."""
        effects: list[Effect] = [Refused(member, error, str(error) not in member.told)]
        if member.wants_status and statuses:
            effects.append(Send(member, Out.NOT_SAVED, b""))
        if type(error) is MalformedUpdate:
            member.strikes += 1
            member.owed += statuses
            if member.strikes == 1:
                effects.append(self.ask(member, Why.MALFORMED))
                return effects
        elif isinstance(error, Forbidden):
            # [R13] Once per reason; there is a reason for each set of lanes, and few of those.
            member.refused += statuses
            reason = str(error)
            if reason not in member.told:
                member.told.add(reason)
                effects.append(Send(member, Out.DENIED, reason.encode()))
            return effects
        effects.append(Dismiss(member, error))
        return effects

    def oversized(self, member: Member, size: int) -> Effects:
        """[R8] A message too large to be read at all."""
        limit = self.limits.max_room_bytes
        error = OverQuota(f"a message of {size} bytes is over max_room_bytes = {limit}")
        return [Refused(member, error, True), Dismiss(member, error)]

    # ---- what waits for its causes

    def _parked(self, member: Member, ticket: int, statuses: int) -> Effects:
        """[R5] What is early waits; what does not fit is asked for again at once."""
        if ticket == DROPPED:
            member.dropped = True
            member.owed += statuses
            if not member.asked:
                member.asked = True
                return [self.ask(member, Why.EARLY)]
            if member.unanswered:
                return NOTHING  # the answer, which is on its way, holds this too
            return [Dismiss(member, ProtocolViolation("updates that refer to what was never sent"))]
        before = member.parked.get(ticket)
        if before is not None:
            statuses += before.statuses
        member.parked[ticket] = Parked(before.since if before is not None else 0.0, statuses)
        return NOTHING

    def ripen(self, member: Member, tickets: tuple[int, ...]) -> None:
        """What waited is integrated: its author is owed the statuses of this commit."""
        for ticket in tickets:
            parked = member.parked.pop(ticket, None)
            if parked is not None and member.wants_status:
                self.statuses.due += [member] * parked.statuses
        member.asked = member.asked and bool(member.parked)

    def still_parked(self, member: Member, now: float) -> Effects:
        """Something of the member waits: since when, and is it time to ask?"""
        for ticket, parked in member.parked.items():
            if not parked.since:
                member.parked[ticket] = Parked(now, parked.statuses)
        oldest = min(parked.since for parked in member.parked.values())
        if now - oldest > 2 * PARKED and member.asked:
            return [Dismiss(member, ProtocolViolation("updates that refer to what was never sent"))]
        if now - oldest > PARKED and not member.asked:
            member.asked = True
            return [self.ask(member, Why.EARLY)]
        return NOTHING

    # ---- what a member may

    def change_role(self, member: Member, role: Role) -> Effects:
        """The member may write other lanes from now on. What waits of it is judged anew: forgotten, and asked for."""
        lost, gained = self.permit.lost(member.role, role), self.permit.lost(role, member.role)
        waited = lost and self.waits(member)
        member.role, member.writes_all = role, self._roles.writes_all(role)
        effects: list[Effect] = []
        if lost:
            effects += self.forget(member)
        if gained:
            member.told.clear()
            member.owed, member.refused = member.owed + member.refused, 0
        if gained or waited or member.owed:
            effects.append(self.ask(member, Why.ROLE))
        return effects

    def waits(self, member: Member) -> bool:
        """Whether something of the member is still to come: it waits for its causes, or is being taken in steps."""
        return bool(member.parked) or any(long.member is member for long in self._long)

    def forget(self, member: Member) -> Effects:
        """Nothing that waits of the member comes into the document any more; its statuses are owed."""
        self.replica.forget(member.id)
        member.owed += sum(parked.statuses for parked in member.parked.values())
        member.parked.clear()
        member.asked = False
        done = [long for long in self._long if long.member is member]
        for long in done:
            self._long.remove(long)
            member.owed += long.statuses
        return [WorkDone(member)] if done else NOTHING

    def forget_statuses(self, member: Member) -> None:
        """[H8] See `Statuses.forget`."""
        self.statuses.forget(member)
        self._long = deque(long._replace(statuses=0) if long.member is member else long for long in self._long)

    # ---- a store that fails

    @property
    def has_long_takes(self) -> bool:
        """Large updates are being taken."""
        return bool(self._long)

    def suspend(self) -> Effects:
        """[R6] The store fails or is about to: no update is taken, and none is acknowledged, until `restart`."""
        self.suspended = True
        self.statuses.withhold()
        done = [WorkDone(long.member) for long in self._long]
        for long in self._long:
            long.member.owed += long.statuses
        self._long.clear()
        return done

    def restart(self, replica: Replica) -> None:
        """The store is back, and this is what its log holds."""
        self.suspended = False
        self.replica = replica
