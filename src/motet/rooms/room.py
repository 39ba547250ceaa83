"""A room: one document and the people in it. A plain synchronous object: each call is one step, answered by effects.

What wants an algorithm is in a component: the replica (`crdt`), the roster (`presence`), `catchup` for slow members.
The rules in brackets are those of docs/PROTOCOL.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from motet.access import PRESENCE, Role, Roles
from motet.crdt.replica import Replica, lowered, read_state_vector
from motet.errors import MalformedUpdate, ProtocolViolation, TryLater
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
    Why,
)
from motet.rooms.limits import KEEP_ALIVE, RoomLimits
from motet.rooms.member import Member
from motet.rooms.taking import Taking
from motet.sync import Awareness, BroadcastStateless, Message, QueryAwareness, SyncStep1, SyncStep2, Update


class Room(Taking):
    """The document, how it takes updates (`taking`), and the people in it. `dirty` says that `tick` has work to do."""

    def __init__(self, replica: Replica, roster: Roster, limits: RoomLimits, roles: Roles, now: float) -> None:
        super().__init__(replica, limits, roles, roster.holder)
        self.roster = roster
        self.members: dict[MemberId, Member] = {}
        self.departed: dict[MemberId, Member] = {}
        """Who left while something of theirs is still to come; bounded by what may wait."""
        self.catch_up = CatchUp(replica)
        self._congesting: list[Member] = []
        self._writing = False  # a tick's effects are being carried out
        self._users: dict[int, str] = {}  # of members, of the departed, and of those in `_leaving`
        self._leaving: list[MemberId] = []  # who left since the last tick, which may still write their rows
        self._spoke = now
        self.changed = now
        """When there were news, last (seconds)."""

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
            effects.append(self.ask(member))
        roster = self.roster.full()
        if roster is not None:
            effects.append(Send(member, Out.AWARENESS, roster))
        return effects

    def check_places(self) -> None:
        """Raises TryLater when no more members are let in."""
        if len(self.members) >= self.limits.max_members:
            raise TryLater(f"the room is full (max_members_per_room = {self.limits.max_members})")

    def leave(self, member: Member, now: float, clean: bool) -> None:
        """The member is gone; what it sent and was not yet acknowledged stays."""
        if self.members.pop(member.id, None) is not None:
            self.roster.leave(member.id, now, clean)
            self.roster.audience = len(self.members)
            if self.waits(member):
                self.departed[member.id] = member
            else:
                self._bury(member)

    def _bury(self, member: Member) -> None:
        """Nothing of a member that left is still to come."""
        if member.dropped:
            self.replica.forget(member.id)  # else it would come in the name of nobody, whatever became of its author
        self.departed.pop(member.id, None)
        if self.dirty:
            self._leaving.append(member.id)
        else:
            self._users.pop(member.id, None)

    def set_role(self, member: Member, role: Role, now: float) -> Effects:
        """[X2] From now on the member may do this, and no more."""
        if PRESENCE in member.role.may and PRESENCE not in role.may:
            self.roster.leave(member.id, now, clean=True)
        return self.change_role(member, role)

    def disown(self, member: Member) -> Effects:
        """[X3] The member, here or departed, has lost its right to be here: what waits of it is forgotten."""
        effects = self.forget(member)
        if member.id in self.departed:
            self._bury(member)
        return effects

    # ---- what members send

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
            if member.is_behind():
                return NOTHING  # [R9] it gets the roster when it has drained
            return [Send(member, Out.AWARENESS, self.roster.full() or EMPTY)]
        if isinstance(message, BroadcastStateless) and self.permit.may_write(member):
            return [Broadcast(Out.STATELESS, message.payload.encode(), None)]
        return NOTHING

    def _step2(self, member: Member, data: bytes) -> Effects:
        if member.probe is not None:
            answered, member.probe = member.probe, None
            answered(data)
            if self.over_quota:
                # It was not when it was probed. Nobody must go for repeating what they were asked to repeat.
                member.unanswered -= 1
                return [self.ask(member)]
        return self.step2(member, data)

    def _step1(self, member: Member, state_vector: bytes, now: float) -> Effects:
        try:
            effects = self.catch_up.answer(member, state_vector, now)
        except MalformedUpdate as e:
            raise ProtocolViolation(f"sync step 1: {e}") from e
        member.synced = True
        if member.wants_status:
            self.forget_statuses(member)
            member.began = read_state_vector(state_vector)
            effects.append(self.ask(member))
        return effects

    def _awareness(self, member: Member, data: bytes, now: float) -> Effects:
        if PRESENCE not in member.role.may:
            return NOTHING
        applied = self.roster.apply(member.id, _identity(member), data, now)
        owner = self.members.get(MemberId(applied.challenge)) if applied.challenge else None
        return [Challenge(owner)] if owner is not None else NOTHING

    def identify(self, member: Member, now: float) -> None:
        """The member's grant has changed, and its name perhaps with it."""
        self.roster.identify(member.id, _identity(member), now)

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
            self.changed = now
            for gone in self._leaving:
                users.pop(gone, None)
            self._leaving.clear()
            self.over_quota = self.replica.size - self.replica.garbage > self.limits.max_room_bytes
        elif self.statuses.due:
            effects += [Send(member, Out.SAVED, b"") for member in self.statuses.repeat()]
        if self.departed:
            for member in [member for member in self.departed.values() if not self.waits(member)]:
                self._bury(member)
        self._writing = True
        return effects

    def written(self, now: float) -> None:
        """What the tick asked for was carried out: whose buffer went over its mark meanwhile, or since the last take,
        has all that the replica holds, and is behind from here on."""
        self._writing = False
        if self._congesting:
            for member in self._congesting:
                self.catch_up.fall_behind(member, now)
            self._congesting = []

    def _ripen(self, tickets: tuple[int, ...]) -> None:
        """What waited is integrated: its authors are owed the statuses of this commit."""
        for member in self.members.values():
            if member.parked:
                self.ripen(member, tickets)
        for member in self.departed.values():
            self.ripen(member, tickets)

    def committed(self) -> Effects:
        """The oldest Persist that was not yet answered is on disk."""
        told = self.statuses.committed()
        return [Send(member, Out.SAVED, b"") for member in told if member.id in self.members] if told else NOTHING

    def resume(self, replica: Replica) -> Effects:
        """The store is back, and this is what its log holds; news that the replica has besides follow with the next
        tick. Everybody is asked for what it lacks."""
        self.restart(replica)
        self.dirty = True
        self.catch_up = CatchUp(replica)
        for member in list(self.departed.values()):
            self._bury(member)
        for member in self.members.values():
            member.owed += sum(parked.statuses for parked in member.parked.values())
            member.parked.clear()
            member.asked, member.stale = False, member.unanswered
            if member.is_behind():
                # The log may lack what was broadcast before: what the member had is no place to go on from.
                member.have, member.chunks = b"\0", None
        return [self.ask(member, Why.STORE) for member in self.members.values()]

    def resync(self) -> Effects:
        """An operator wants it: everybody who follows gets the whole document, and is asked for what we lack."""
        whole = self.replica.encode()
        effects: list[Effect] = []
        for member in self.members.values():
            if not member.is_behind():  # else it gets what it lacks when it has drained
                effects += [Send(member, Out.SYNC_STEP_2, whole), self.ask(member, Why.OPERATOR)]
        return effects

    # ---- whether all hold the same

    def is_quiet(self, now: float, seconds: float) -> bool:
        """[V1] There were no news for so long, nothing is under way, and all that was taken is on disk."""
        busy = self.dirty or self.suspended or self.has_long_takes or self.statuses.in_flight
        return not busy and now - self.changed >= seconds

    def probe(self, member: Member, answered: Callable[[bytes], None], whole: Collection[int] = ()) -> Effects:
        """[V3] Asks a sound member of a quiet room what it holds; of the clients in `whole` it sends everything."""
        member.probe = answered
        return [self.ask_from(member, lowered(self.replica.ends(), whole))]

    def heal(self, member: Member, state_vector: bytes, now: float) -> Effects:
        """[V6] Sends the member all that it lacks from this state vector on, and every delete; asks for the rest."""
        return [*self.catch_up.answer(member, state_vector, now), self.ask(member, Why.DIVERGENCE)]

    # ---- slow members, time

    def congested(self, member: Member, now: float) -> None:
        """The member's transport buffer is over its mark. It is behind as soon as what was taken has been written."""
        if self.dirty or self._writing:
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
                effects += self.still_parked(member, now)
            if member.is_behind() and now - member.behind_since > self.limits.behind_seconds:
                effects.append(Dismiss(member, TryLater("too slow to follow (behind_seconds)")))
        self.catch_up.let_go(now)
        return effects


def _identity(member: Member) -> Identity:
    grant = member.grant
    return Identity(grant.user, grant.name, grant.attributes.get("color", ""))
