"""Which roots an update would change, and which it cannot tell: the way that `Taker` takes, without entering anything.

A struct is looked at only when all that it refers to is here or was looked at before, exactly as it would be
integrated. So nothing is guessed: whoever may write one root only cannot park a struct in the hope that its neighbour
turns up in another.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from motet.crdt.replica.ancestry import NOWHERE
from motet.crdt.replica.gate import Piece, Waits
from motet.crdt.replica.lane import Lane
from motet.crdt.replica.scan import GC, REF, SKIP, Deletion, Struct, scan
from motet.crdt.replica.store import Store
from motet.crdt.replica.values import Bytes, skip_text
from motet.varint import read

May = Callable[[str], bool]
"""Whether a root, by its name, may be written."""


class Touched(NamedTuple):
    """What an update would change that is not so yet. Names of root types, and client ids.

    What follows from it in a reader stays in these roots: the value of a map that gives way to a new one, and the
    children of a deleted type, lie in the same root."""

    roots: frozenset[str]
    """Roots in which it adds or deletes anything."""
    written: frozenset[str]
    """Those in which it adds structs. In the others it only deletes, which a reader that made no change at all may do:
    see `Replica.touched`."""
    clients: frozenset[int]
    """Client ids of the structs that it adds, those that lie in no root among them: nothing of such can be seen, but
    their ids are taken."""
    unresolved: bool
    """A part refers to what is neither here nor in the update, so that it would wait, and where it goes is not known;
    the other fields leave it out."""


class _Plan:
    """What the survey has seen of one client's new ids, up to the clock `end`: from `clocks[i]` on in `roots[i]`."""

    __slots__ = ("clocks", "end", "roots")

    def __init__(self) -> None:
        self.end = 0
        self.clocks: list[int] = []
        self.roots: list[str] = []


class Survey:
    """One update, looked at in causal order. Between the calls others may change the store."""

    __slots__ = ("_plans", "_roots", "_store", "_written", "lack", "unresolved")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._plans: dict[int, _Plan] = {}
        self._roots: set[str] = set()
        self._written: set[str] = set()
        self.lack = (0, 0)  # the id that the struct needs at which `advance` stopped
        self.unresolved = False

    def end(self, client: int) -> int:
        """The client's next clock, if all that was looked at were integrated."""
        plan = self._plans.get(client)
        end = self._store.end(client)
        return end if plan is None or plan.end < end else plan.end

    def advance(self, client: int, structs: list[Struct], index: int, b: Bytes) -> int:
        """Looks at structs of one client from an index on; stops and answers as `Store.advance`."""
        end = self.end(client)
        while index < len(structs):
            clock, length, start, _, oc, ok, rc, rk, _, _ = structs[index]
            ref = b[start] & REF
            if clock + length > end and ref != SKIP:
                if clock > end:
                    self.lack = (client, clock - 1)
                    break
                if clock < end:
                    oc, ok = client, end - 1  # its new part follows what we hold, whatever it says of that
                # A GC struct is in no root, and every reader makes GC of what has such for a neighbour or a parent.
                root = NOWHERE if ref == GC else self._root(b, start, oc, ok, rc, rk)
                if root is None:
                    break
                self._plan(client, end, clock + length, root)
                end = clock + length
            index += 1
        return index

    def _plan(self, client: int, clock: int, end: int, root: str) -> None:
        plan = self._plans.get(client)
        if plan is None:
            plan = self._plans[client] = _Plan()
        if not plan.roots or plan.roots[-1] != root:
            plan.clocks.append(clock)
            plan.roots.append(root)
            self._written.add(root)
        plan.end = end

    def _root(self, b: Bytes, start: int, oc: int, ok: int, rc: int, rk: int) -> str | None:
        """The root of a struct with these neighbours; None if one is missing, and `lack` says which.

        A parent's own root is its children's, be it a type, deleted or none: compaction makes no difference. Where two
        neighbours disagree, which is refused or GC for it, both count."""
        root: str | None = None
        other: str | None = None
        if oc >= 0:
            root = self._where(oc, ok)
            if root is None:
                self.lack = (oc, ok)
                return None
        if rc >= 0:
            other = self._where(rc, rk)
            if other is None:
                self.lack = (rc, rk)
                return None
            self._written.add(other)
        if root is None:
            root = other if other is not None else _name(b, start)
        return root

    def _where(self, client: int, clock: int) -> str | None:
        """The root of an id; None if it is neither here nor planned."""
        lane = self._store.lanes.get(client)
        if lane is not None and clock < lane.end:
            return self._store.ancestry.root(lane.container(clock))
        plan = self._plans.get(client)
        if plan is None or clock >= plan.end:
            return None
        return plan.roots[bisect_right(plan.clocks, clock) - 1]

    def delete(self, client: int, a: int, z: int) -> None:
        """Looks at the delete of ids [a, z), which may be none, after all structs."""
        lane = self._store.lanes.get(client)
        end = 0 if lane is None else lane.end
        if lane is not None and a < min(z, end):
            self._delete_known(lane, a, min(z, end))
        a = max(a, end)
        if a < z:
            plan = self._plans.get(client)
            if plan is None or z > plan.end:
                self.unresolved = True
            if plan is not None and a < plan.end:
                first, last = bisect_right(plan.clocks, a) - 1, bisect_right(plan.clocks, z - 1)
                self._roots.update(plan.roots[first:last])

    def _delete_known(self, lane: Lane, a: int, z: int) -> None:
        """Ids that are here. A sync step 2 repeats every delete that its sender knows: only what is new counts."""
        dead = self._store.dead.get(lane.client)
        for low, high in ((a, z),) if dead is None else dead.missing(a, z):
            first = bisect_right(lane.container_clocks, low) - 1
            last = bisect_right(lane.container_clocks, high - 1)
            for container in set(lane.containers[first:last]):
                self._roots.add(self._store.ancestry.root(container))

    def touched(self) -> Touched:
        """The outcome."""
        written = frozenset(self._written - {NOWHERE})
        return Touched(written | (self._roots - {NOWHERE}), written, frozenset(self._plans), self.unresolved)


def writes_elsewhere(store: Store, piece: Piece, may: May) -> bool:
    """Whether structs of the piece that would be integrated now lie in a root that may not be written."""
    seen = Survey(store)
    seen.advance(piece.client, piece.structs, piece.index, piece.data)
    return not all(map(may, seen.touched().written))


def deletes_within(store: Store, deletions: Iterable[Deletion], may: May) -> Iterator[Deletion]:
    """The parts of deletes that are of ids which are here, in roots that may be written."""
    for client, a, z in deletions:
        lane = store.lanes.get(client)
        if lane is None:
            continue
        z = min(z, lane.end)
        i = bisect_right(lane.container_clocks, a)
        while a < z:
            stop = min(z, lane.container_clocks[i]) if i < len(lane.containers) else z
            root = store.ancestry.root(lane.containers[i - 1])
            if root == NOWHERE or may(root):
                yield client, a, stop
            a = stop
            i += 1


def _name(b: Bytes, start: int) -> str:
    """The root that a struct names."""
    _, at = read(b, start + 2)
    return b[at : skip_text(b, start + 2)].decode()


def survey(store: Store, update: bytes) -> Touched:
    """As Replica.touched."""
    blocks, deletions = scan(update, store.dead)
    seen = Survey(store)
    if len(blocks) == 1:
        client, structs = blocks[0]
        seen.unresolved = seen.advance(client, structs, 0, update) < len(structs)
    elif blocks:
        seen.unresolved = _survey_blocks(seen, [Piece(client, 0, update, structs) for client, structs in blocks])
    for client, a, z in deletions:
        seen.delete(client, a, z)
    return seen.touched()


def _survey_blocks(seen: Survey, todo: list[Piece]) -> bool:
    """Looks at the blocks in causal order, as `Taker` does; whether any is left that waits."""
    waits = Waits()
    while todo:
        piece = todo.pop()
        before = seen.end(piece.client)
        piece.index = seen.advance(piece.client, piece.structs, piece.index, piece.data)
        if piece.index < len(piece.structs):
            waits.wait(piece, *seen.lack)
        end = seen.end(piece.client)
        if waits and end > before:
            todo += waits.due(piece.client, end)
    return bool(waits)
