"""Strangers' updates, cut from one input: each is refused with nothing changed, or taken as every oracle says.

Two replicas take the same, one at once and one in steps. `Model`, the slow oracle of the replica's own tests, follows
as long as it knows as much as they do.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from choices import Choices
from made_updates import made_update
from small_limits import small_limits

from motet.crdt.replica import (
    DROPPED,
    TAKEN,
    Replica,
    Touched,
    at_once,
    gate,
    holding,
    lack,
    read_state_vector,
    state_vector,
)
from motet.crdt.replica.check import Contradiction, Id, Model, Unit
from motet.crdt.replica.scan import scan
from motet.errors import IdConflict, MalformedUpdate

NOWHERE: Final = "\ud800"
"""The root of what lies in none."""
MOST_IDS: Final = 3_000
"""Ids of an update that the oracle, which holds each by itself, is still shown."""
STEPS: Final = 40


class Judge(Model):
    """The oracle, and how much of it holds: it knows nothing of what was dropped, forgotten or conflicts while it
    waits, and not that a struct between two lists becomes GC when it comes up from waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.knows_ids = True
        self.knows_content = True
        self._ids = 0

    def hear(self, update: bytes, answer: int) -> None:
        """An update that the replica took, with this answer."""
        blocks, deletions = scan(update, {})
        self._ids += sum(s[0] + s[1] - structs[0][0] for _, structs in blocks for s in structs[-1:])
        self._ids += sum(z - a for _, a, z in deletions)
        if self._ids > MOST_IDS or answer == DROPPED:
            self.knows_ids = self.knows_content = False
        if self.knows_ids:
            try:
                self.take(update)
            except Contradiction:  # the same in other words, or what only the oracle still knows
                self.knows_ids = self.knows_content = False
        self.knows_content = self.knows_content and answer == TAKEN

    def _advance(self, units: dict[Id, Unit], dead: set[Id]) -> bool:
        for id_, unit in units.items():
            if self.units.get(id_, unit) != unit:
                self.knows_ids = self.knows_content = False
        return super()._advance(units, dead)

    def compacted(self, dead: set[Id]) -> None:
        """The replica was compacted, and holds these ids for deleted: besides those that somebody deleted only ids
        that lie in dead parents, which are GC in every reader."""
        if not self.knows_content:
            return
        buried = dead - self.dead
        assert buried <= self._graves()
        for id_ in buried:
            self.units[id_] = Unit("gc", "", None, None, None, None)
        self.dead |= buried

    def _graves(self) -> set[Id]:
        """All ids that lie in something dead, however deep."""
        gone: set[Id] = set()
        while found := {id_ for id_ in self.units.keys() - gone if self._lies_in_one_of(id_, self.dead | gone)}:
            gone |= found
        return gone

    def _lies_in_one_of(self, id_: Id, dead: set[Id]) -> bool:
        unit = self.units[id_]
        while unit.parent is None:
            beside = unit.origin or unit.right
            if beside is None:
                return True  # a GC, or what has one for a neighbour
            unit = self.units[beside]
        return isinstance(unit.parent, tuple) and (unit.parent in dead or self.units[unit.parent].kind != "type")

    def check(self, replica: Replica) -> None:
        """The replica holds what it should."""
        if self.knows_ids:
            assert replica.ends() == self.state_vector()
            assert bool(replica.waiting_bytes) == self.waits
        if self.knows_content:
            assert self.agrees_with(replica.encode()) == ""


State = tuple[bytes, bytes, str, int, int]


def state(replica: Replica) -> State:
    """All that a refused update must not change."""
    return replica.encode(), replica.state_vector(), replica.state_hash(), replica.size, replica.waiting_bytes


def deleted(replica: Replica) -> set[Id]:
    """The first ids that are deleted; of many the oracle knows nothing anyway."""
    found: set[Id] = set()
    for client, ranges in at_once(holding(replica.encode())).dead.items():
        for page in ranges.pages:
            for a, z in zip(*page.load(), strict=True):
                found.update((client, clock) for clock in range(a, min(z, MOST_IDS)))
    return found


class Play:
    """One input."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._quick, self._slow = Replica(), Replica()
        self._heard, self._heard_in_parts = Replica(), Replica()
        self._judge = Judge()
        self._taken_bytes = 0
        self._slow_follows = True
        self._has_graves = False  # compaction drew deletes that no update says

    def run(self) -> None:
        """All of it."""
        choices = self._choices
        for _ in range(STEPS):
            if not choices:
                break
            what = choices.byte()
            act, author = what & 7, 1 + (what >> 6)
            if act < 2:
                self._take(choices.blob(), author)
            elif act < 4:
                self._take(made_update(choices.part()), author)
            elif act == 4:
                self._tell()
            elif act == 5:
                self._forget(author)
            elif act == 6:
                self._compact()
            else:
                self._ask(choices.blob())
        self._tell()
        self._compare()
        self._judge.check(self._quick)
        self._give()
        self._open_again()
        self._compact()
        self._judge.check(self._quick)

    def _take(self, update: bytes, author: int) -> None:
        replica = self._quick
        before, ends, dead = state(replica), replica.ends(), deleted(replica)
        seen = self._look(update)
        assert state(replica) == before
        try:
            answer = replica.take(update, author)
        except MalformedUpdate as error:
            assert state(replica) == before
            assert seen is not None or not isinstance(error, IdConflict)
            self._refuse_slowly(update, author, error if seen is not None else None)
            return
        assert seen is not None
        self._taken_bytes += len(update)
        if not before[4]:  # else what waited here may be what it lacked, and bring in more
            assert (answer == TAKEN) is not seen.unresolved
            assert self._roots_since(ends) <= seen.written
            assert (
                self._roots_of({id_ for id_ in deleted(replica) - dead if id_[1] < ends.get(id_[0], 0)}) <= seen.roots
            )
        self._judge.hear(update, answer)
        self._take_slowly(update, author, answer)

    def _look(self, update: bytes) -> Touched | None:
        """What the update would touch, at once and in steps; None for what is no update."""
        try:
            seen = self._quick.touched(update)
        except MalformedUpdate:
            try:
                at_once(self._quick.touching(update))
            except MalformedUpdate:
                return None
            raise
        with suppress(IdConflict):  # which touched() does not look for
            assert at_once(self._quick.touching(update)) == seen
        return seen

    def _take_slowly(self, update: bytes, author: int, answer: int) -> None:
        if not self._slow_follows:
            return
        waits = self._slow.waiting_bytes
        try:
            slowly = at_once(self._slow.take_slowly(update, author))
        except IdConflict:
            assert waits  # a part let in what had waited, which another part contradicts
            self._slow_follows = False
            return
        if DROPPED in (slowly, answer):  # pieces of other sizes wait here and there
            self._slow_follows = False
        else:
            assert min(slowly, 1) == min(answer, 1)

    def _refuse_slowly(self, update: bytes, author: int, error: MalformedUpdate | None) -> None:
        """In steps the same is refused, but for what is only known to be torn when it is too late."""
        if not self._slow_follows or (error is not None and not isinstance(error, IdConflict)):
            return
        before = state(self._slow)
        try:
            at_once(self._slow.take_slowly(update, author))
        except MalformedUpdate:
            assert state(self._slow) == before
        else:
            raise AssertionError(f"take refuses what take_slowly does not: {error}")

    def _roots_since(self, ends: dict[int, int]) -> set[str]:
        """The roots of what was integrated beyond these clocks."""
        new = {client: range(ends.get(client, 0), end) for client, end in self._quick.ends().items()}
        return self._roots_of({(client, clock) for client, clocks in new.items() for clock in clocks[:500]})

    def _roots_of(self, ids: set[Id]) -> set[str]:
        """The roots that these ids, which are there, lie in."""
        store = self._quick._store
        return {store.ancestry.root(store.lanes[client].container(clock)) for client, clock in ids} - {NOWHERE}

    def _tell(self) -> None:
        """The news to those who listen, who need nothing else."""
        self._slow.news()
        news = self._quick.news()
        if news is None:
            return
        assert self._heard.take(news.update, 1) == TAKEN
        answers = [self._heard_in_parts.take(update, author) for author, update in news.authors]
        if DROPPED in answers:  # parts may wait for each other, and there was no room for that
            self._heard_in_parts = Replica.load(self._heard.encode())
        assert not self._heard_in_parts.waiting_bytes
        for heard in (self._heard, self._heard_in_parts):
            assert heard.ends() == self._quick.ends()

    def _compare(self) -> None:
        """Whoever took the same in another way holds the same."""
        others = [] if self._has_graves else [self._heard, self._heard_in_parts]
        if self._slow_follows:
            others.append(self._slow)
            assert bool(self._slow.waiting_bytes) == bool(self._quick.waiting_bytes)
        for other in others:
            assert other.ends() == self._quick.ends()
            assert other.state_hash() == self._quick.state_hash()
            assert at_once(self._quick.differs(other)) is None
        assert self._quick.waiting_bytes <= gate.MAX_WAITING
        assert len(self._quick.encode()) <= 8 * self._taken_bytes + 64

    def _forget(self, author: int) -> None:
        for replica in (self._quick, self._slow):
            replica.forget(author)
        if self._judge.waits:
            self._judge.knows_ids = self._judge.knows_content = False

    def _compact(self) -> None:
        for replica in (self._slow, self._quick):  # both, or one knows less of what was there than the other
            ends, before = replica.ends(), deleted(replica)
            at_once(replica.compact())
            after = deleted(replica)
            assert replica.ends() == ends
            assert after >= before
            assert replica.garbage == 0
        self._has_graves = self._has_graves or after > before
        self._judge.compacted(after)

    def _ask(self, vector: bytes) -> None:
        """For what the sender of a state vector lacks; and what the sender of an answer to a probe holds."""
        try:
            theirs = at_once(holding(vector))
        except MalformedUpdate:
            pass
        else:
            at_once(lack(at_once(holding(self._quick.encode())), theirs))
        before = state(self._quick)
        try:
            clocks = read_state_vector(vector)
        except MalformedUpdate:
            return
        blocks, _ = scan(self._quick.diff(vector), {})
        firsts = {client: structs[0][0] for client, structs in blocks}
        ends = self._quick.ends()
        assert firsts == {client: clocks.get(client, 0) for client, end in ends.items() if clocks.get(client, 0) < end}
        assert self._quick.lacks(vector) == any(clock > ends.get(client, 0) for client, clock in clocks.items())
        assert state(self._quick) == before

    def _give(self) -> None:
        """A newcomer, whichever way it is served, has all of it."""
        replica = self._quick
        encoded = replica.encode()
        assert b"".join(replica.pieces()) == encoded == replica.diff()
        assert replica.diff(replica.state_vector()).startswith(b"\0")
        assert read_state_vector(state_vector(replica.ends())) == replica.ends()
        in_chunks = Replica()
        for chunk in replica.chunks(b"\0", 64):
            assert in_chunks.take(chunk, 1) == TAKEN
        for other in (in_chunks, Replica.load(encoded)):
            assert other.state_hash() == replica.state_hash()
            assert at_once(other.differs(replica)) is None
        assert replica.take(encoded, 1) == TAKEN
        assert replica.news() is None

    def _open_again(self) -> None:
        replica, mutation = self._quick, self._choices.rest()
        encoded, sidecar = replica.encode(), replica.sidecar()
        opened = Replica.open(encoded, sidecar)
        assert opened.encode() == encoded
        assert opened.sidecar() == sidecar
        assert opened.state_hash() == replica.state_hash()
        with suppress(MalformedUpdate):
            Replica.open(encoded, mutation)


def one(data: bytes) -> None:
    """Raises for a bug only."""
    choices = Choices(data)
    with small_limits(choices.byte() & 1 == 1):
        Play(choices).run()
