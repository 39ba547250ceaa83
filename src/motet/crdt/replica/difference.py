"""Where two replicas of one document differ, whatever the boundaries of their structs and whatever was compacted."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator
from typing import NamedTuple

from motet.crdt.replica.conflict import Comparison
from motet.crdt.replica.lane import Lane
from motet.crdt.replica.probe import Holding, Lack, lack
from motet.crdt.replica.scan import scan_block
from motet.crdt.replica.store import Store


class Difference(NamedTuple):
    """The first ids in which two replicas differ, those of other content before those that one lacks."""

    where: Lack
    content: bool
    """Both have the ids, and say different things about them. Else one lacks them, or does not know that they are
    deleted, which a reader of its content may: implicit deletes travel in no update."""


def difference(one: Store, other: Store) -> Generator[None, None, Difference | None]:
    """In steps of about a millisecond; void if either changes between them.

    Equal bytes are equal content. Else content is compared by meaning, as far as both still hold it."""
    mine, theirs = _holding(one), _holding(other)
    missing = (yield from lack(mine, theirs)) or (yield from lack(theirs, mine))
    if mine.ends == theirs.ends:  # a delete that one lacks may be an implicit one: other content is graver
        for client in sorted(one.lanes):
            found = yield from _conflict(one.lanes[client], other.lanes[client])
            if found is not None:
                return Difference(found, content=True)
    return None if missing is None else Difference(missing, content=False)


def _holding(store: Store) -> Holding:
    return Holding({client: lane.end for client, lane in store.lanes.items()}, dict(store.dead))


def _conflict(lane: Lane, other: Lane) -> Generator[None, None, Lack | None]:
    """The first struct of a lane of which the other says something else."""
    clock, end = 0, other.end
    if lane.end == end and lane.cut(0, end) == other.cut(0, end):
        return None
    yield
    while clock < min(lane.end, end):
        lane.settle()
        i = bisect_right(lane.starts, clock) - 1
        segment, comparison = lane.segments[i], Comparison()
        structs, _ = scan_block(segment.data, 0, lane.me, lane.client, segment.clock, segment.count)
        for struct in structs:
            if struct[0] < end and not comparison.same(other, segment.data, struct, end):
                return Lack(lane.client, struct[0], struct[0] + struct[1])
        clock = lane.segment_end(i)
        yield
    return None
