"""Structural compaction: deleted content goes, neighbours are squashed, and every id keeps its origins and its parent.

What is deleted becomes ContentDeleted. Only children of deleted types become GC: every Yjs reader makes GC of what has
GC for a neighbour, so an offline edit next to GC would be lost, while one inside deleted text is kept. For the same
reason what names a dead parent, or follows GC, is GC already in every reader, and is written so here.

A segment is rewritten at a time (0.7 ms). Two drivers: `tidy`, for segments that became mostly dead, one an update,
which makes memory follow live content at a cost proportional to the bytes taken; and `Compaction`, for all of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator
from typing import Final

from motet.crdt.replica.catchup import STEP
from motet.crdt.replica.cutting import cut_content, cut_head, part
from motet.crdt.replica.lane import MAP, MAX_RUN, SEGMENT, Lane, Segment
from motet.crdt.replica.ranges import Ranges
from motet.crdt.replica.scan import ANY, DELETED, GC, HAS_RIGHT, JSON, NO_PARENT, REF, STRING, TYPE, Struct, scan_block
from motet.crdt.replica.store import Store
from motet.crdt.replica.values import Bytes
from motet.varint import write

_SMALL: Final = SEGMENT // 8  # bytes of a segment that is rewritten together with the one after it
_STRUCTS: Final = 512  # looked at between two yields
_NO_STRUCT: Final = -1


class _Writer:
    """Writes structs of one lane, each joined to the one before where Yjs would join them."""

    def __init__(self, lane: Lane, clock: int) -> None:
        self._lane = lane
        self._segment = Segment(clock, b"", 0)
        self._out = bytearray()
        self._clock = clock  # where the last struct begins, and …
        self._end = clock  # … the next one
        self._ref = _NO_STRUCT
        self._head = b""
        self._right = (-1, -1)
        self._body = bytearray()  # of text and values; the whole struct for what is never joined

    def gc(self, z: int) -> None:
        """The ids up to z, as GC."""
        if self._ref != GC:
            self._begin(GC, b"\0", (-1, -1))
        self._end = z

    def item(self, b: Bytes, struct: Struct, a: int, z: int, ref: int) -> None:
        """The struct's ids [a, z), as content of this kind: its own or DELETED."""
        right = (struct[6], struct[7])
        follows = a > struct[0] or struct[9] > 0
        joins = follows and self._ref == ref and self._right == right
        if ref == DELETED:
            if not joins:
                self._begin(ref, cut_head(b, struct, self._lane.client, a, ref), right)
        elif ref in (STRING, ANY, JSON):
            content = cut_content(b, struct, a, z)
            # values of a map are never joined: in a reader only the last of them would be the map's
            if not joins or len(self._body) + len(content) >= MAX_RUN or self._lane.container(a) == MAP:
                self._begin(ref, cut_head(b, struct, self._lane.client, a, ref), right)
            self._body += content
        else:
            self._begin(ref, part(b, struct, self._lane.client, a, z), right)
        self._end = z

    def _begin(self, ref: int, head: bytes, right: tuple[int, int]) -> None:
        self._flush()
        self._clock, self._ref, self._head, self._right = self._end, ref, head, right
        self._body = bytearray()

    def _flush(self) -> None:
        if self._ref == _NO_STRUCT:
            return
        out = self._out
        out += self._head
        if self._ref == STRING:
            out += write(len(self._body)) + self._body
        elif self._ref in (GC, DELETED, ANY, JSON):
            out += write(self._end - self._clock) + self._body
        self._segment.count += 1

    def finish(self) -> Segment:
        """What was written, as a segment without an index."""
        self._flush()
        self._segment.data = bytes(self._out)
        return self._segment


class _Doom:
    """Which structs have no living place: their parent is gone, or a neighbour is GC."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._gone: dict[int, bool] = {}  # by container, for one pass

    def lookups(self, lane: Lane, b: Bytes, struct: Struct) -> list[tuple[Lane, int]]:
        """The ids that `of` looks at, for a struct."""
        _, _, start, _, oc, ok, rc, rk, *_ = struct
        info = b[start]
        lanes = self._store.lanes
        if info & REF == GC:
            return []
        ids = [(lanes[oc], ok)] if oc >= 0 else []
        if info & HAS_RIGHT:
            ids.append((lanes[rc], rk))
        return ids

    def of(self, lane: Lane, b: Bytes, struct: Struct, fresh: Ranges) -> bool:
        """Whether the struct is GC in every reader; `fresh` is what this pass has made GC of the lane by now."""
        info = b[struct[2]]
        if not info & NO_PARENT:
            return struct[4] >= 0 and self._is_gone(self._store.lanes[struct[4]], struct[5])
        container = lane.container(struct[0])
        if container >> 32:
            gone = self._gone.get(container)
            if gone is None:
                parent = self._store.by_number[(container >> 32) - 1]
                gone = self._gone[container] = self._is_gone(parent, container & 0xFFFFFFFF)
            if gone:
                return True
        return any(
            (other is lane and clock in fresh) or other.kind(clock) == GC
            for other, clock in self.lookups(lane, b, struct)
        )

    def _is_gone(self, parent: Lane, clock: int) -> bool:
        kind = parent.kind(clock)
        if kind == TYPE:
            dead = self._store.dead.get(parent.client)
            return dead is not None and clock in dead
        return kind in (GC, DELETED)


def rewrite(store: Store, lane: Lane, batch: list[Segment], end: int, doom: _Doom | None) -> Segment:
    """Neighbouring segments, whose ids end at `end`, as one without what is dead; with `doom`, also its children."""
    first = batch[0].clock
    b = b"".join([segment.data for segment in batch])
    structs, _ = scan_block(b, 0, lane.me, lane.client, first, sum(segment.count for segment in batch))
    dead = store.dead.get(lane.client)
    ranges = list(dead.within(first, end)) if dead is not None else []
    fresh = Ranges()
    writer = _Writer(lane, first)
    row = 0
    for struct in structs:
        clock, length, start, *_ = struct
        at, stop, ref = clock, clock + length, b[start] & REF
        if ref == GC or (doom is not None and doom.of(lane, b, struct, fresh)):
            writer.gc(stop)
            fresh.add(clock, stop)
            continue
        while row < len(ranges) and ranges[row][1] <= clock:
            row += 1
        i = row
        while i < len(ranges) and ranges[i][0] < stop:
            a, z = max(ranges[i][0], clock), min(ranges[i][1], stop)
            if a > at:
                writer.item(b, struct, at, a, ref)
            writer.item(b, struct, a, z, DELETED)
            at = z
            i += 1
        if at < stop:
            writer.item(b, struct, at, stop, ref)
    if doom is not None:
        for a, z in fresh.within(first, end):
            store.gone(lane.client, a, z)
    return writer.finish()


def _batch(lane: Lane, i: int) -> tuple[list[Segment], int, int]:
    """Segment i with a small one before it; the place of the first, and the clock after the last."""
    first = i - 1 if i and len(lane.segments[i - 1].data) < _SMALL else i
    return lane.segments[first : i + 1], first, lane.segment_end(i)


def _replace(store: Store, lane: Lane, first: int, batch: list[Segment], segment: Segment) -> None:
    store.garbage -= sum(old.dead for old in batch)
    store.size += len(segment.data) - sum(len(old.data) for old in batch)
    store.note_at = min(store.note_at, store.size + STEP)
    lane.replace(first, len(batch), segment)


def tidy(store: Store) -> None:
    """Rewrites one of the segments that became mostly dead."""
    lane, segment = store.rotten.pop()
    i = bisect_right(lane.starts, segment.clock) - 1
    if i < len(lane.segments) - 1 and lane.segments[i] is segment:
        batch, first, end = _batch(lane, i)
        _replace(store, lane, first, batch, rewrite(store, lane, batch, end, None))


class Compaction:
    """One pass over a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._doom = _Doom(store)
        self._looked = 0  # structs looked at since the last yield

    def steps(self) -> Generator[None, None, None]:
        """Yields between the steps; between them anything may happen to the store."""
        for lane in list(self._store.by_number):
            clock = 0
            while clock < lane.end:
                clock = yield from self._compact(lane, clock)
                if self._looked >= _STRUCTS:
                    self._looked = 0
                    yield
        self._store.rotten.clear()
        self._store.history.thin(self._store)

    def _compact(self, lane: Lane, clock: int) -> Generator[None, None, int]:
        """Rewrites the segment with the clock; the clock after it."""
        i = bisect_right(lane.starts, clock) - 1
        if lane.segments[i].count == 1 and not lane.segments[i].dead:
            return lane.segment_end(i)  # nothing to gain, and perhaps somebody is typing on
        yield from self._warm(lane, lane.segments[i], lane.segment_end(i))
        i = bisect_right(lane.starts, clock) - 1
        if i == len(lane.segments) - 1:
            lane.seal()
        batch, first, end = _batch(lane, i)
        self._looked += sum(segment.count for segment in batch)
        _replace(self._store, lane, first, batch, rewrite(self._store, lane, batch, end, self._doom))
        return end

    def _warm(self, lane: Lane, segment: Segment, end: int) -> Generator[None, None, None]:
        """Indexes what rewriting the segment will look at, a segment a step."""
        b = bytes(segment.data)
        structs, _ = scan_block(b, 0, lane.me, lane.client, segment.clock, segment.count)
        for struct in structs:
            for other, clock in self._doom.lookups(lane, b, struct):
                target = other.segments[bisect_right(other.starts, clock) - 1]
                if len(target.clocks) != target.count:
                    self._looked += target.count
                    target.index(other)
                    if self._looked >= _STRUCTS:
                        self._looked = 0
                        yield
