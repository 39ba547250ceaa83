"""Structural compaction: deleted content goes, neighbours are squashed, and every id keeps its origins and its parent.

What is deleted becomes ContentDeleted. Only children of deleted types become GC: every Yjs reader makes GC of what has
GC for a neighbour, so an offline edit next to GC would be lost, while one inside deleted text is kept. For the same
reason what lies in a dead parent is GC already in every reader, deleted by name or not, and is written so here.

A segment is rewritten at a time (0.5 ms). Two drivers: `tidy`, for segments that became mostly dead, one an update,
which makes memory follow live content at a cost proportional to the bytes taken; and `Compaction`, for all of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator
from typing import Final

from motet.crdt.replica.catchup import STEP
from motet.crdt.replica.cutting import cut_content, cut_head, part
from motet.crdt.replica.lane import IN_MAP, MAX_RUN, SEGMENT, SEGMENT_STRUCTS, UNKNOWN, Lane, Segment
from motet.crdt.replica.scan import ANY, DELETED, GC, JSON, REF, STRING, TYPE, Struct, scan_block
from motet.crdt.replica.store import Store
from motet.crdt.replica.values import Bytes
from motet.varint import write

_SMALL: Final = SEGMENT // 8  # bytes of a segment that is rewritten together with the one after it
_STRUCTS: Final = 512  # looked at between two yields
_FLOOR: Final = 128 << 10  # bytes of garbage that any document may keep: what waits dies whole, and is rewritten once
_NO_STRUCT: Final = -1


class _Writer:
    """Writes structs of one lane, each joined to the one before where Yjs would join them."""

    def __init__(self, lane: Lane, clock: int) -> None:
        self._lane = lane
        self._segments: list[Segment] = []
        self._out = bytearray()
        self._first = self._clock = self._end = clock  # of the segment and of its last struct, and after that
        self._count = 0
        self._ref = _NO_STRUCT
        self._head = b""
        self._right = (-1, -1)
        self._body = bytearray()  # of text and values

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
        client = self._lane.client
        if ref == DELETED:
            if not joins:
                self._begin(ref, cut_head(b, struct, client, a, ref), right)
        elif ref in (STRING, ANY, JSON):
            content = cut_content(b, struct, a, z)
            # values of a map are never joined: in a reader only the last of them would be the map's
            if not joins or len(self._body) + len(content) > MAX_RUN or self._lane.container(a) & IN_MAP:
                self._begin(ref, cut_head(b, struct, client, a, ref), right)
            self._body += content
        else:
            self._begin(ref, part(b, struct, client, a, z), right)
        self._end = z

    def _begin(self, ref: int, head: bytes, right: tuple[int, int]) -> None:
        self._flush()
        if len(self._out) >= SEGMENT or self._count >= SEGMENT_STRUCTS:
            self._seal()
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
        self._count += 1

    def _seal(self) -> None:
        self._segments.append(Segment(self._first, bytes(self._out), self._count))
        self._out = bytearray()
        self._first, self._count = self._end, 0

    def finish(self) -> list[Segment]:
        """What was written, as segments without an index."""
        self._flush()
        self._seal()
        return self._segments


class _Graves:
    """Which containers belong to dead parents; asked once each in a pass."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._dead: dict[int, bool] = {UNKNOWN: True}  # what lies in no list that we know has GC for a neighbour

    def knows(self, container: int) -> bool:
        """Whether asking is a look-up in a dict; else it may index a segment."""
        return container in self._dead

    def has(self, container: int) -> bool:
        """Whether what lies in the container has a dead parent."""
        dead = self._dead.get(container)
        if dead is None:
            dead = self._dead[container] = self._look(container & ~IN_MAP)
        return dead

    def _look(self, container: int) -> bool:
        number, clock = container >> 32, container & 0xFFFFFFFF
        if not number:
            return False  # a root
        parent = self._store.by_number[number - 1]
        if parent.kind(clock) != TYPE:
            return True
        dead = self._store.dead.get(parent.client)
        return dead is not None and clock in dead


def _rewrite(store: Store, lane: Lane, batch: list[Segment], end: int, graves: _Graves | None) -> list[Segment]:
    """Neighbouring segments, whose ids end at `end`, without what is dead or, with graves, lies in them."""
    first = batch[0].clock
    b = b"".join([segment.data for segment in batch])
    structs, _ = scan_block(b, 0, lane.me, lane.client, first, sum(segment.count for segment in batch))
    dead = store.dead.get(lane.client)
    ranges = list(dead.within(first, end)) if dead is not None else []
    writer = _Writer(lane, first)
    row = 0
    for struct in structs:
        clock, length, start, *_ = struct
        at, stop, ref = clock, clock + length, b[start] & REF
        if ref == GC or (graves is not None and graves.has(lane.container(clock))):
            writer.gc(stop)
            if ref != GC:
                store.gone(lane.client, clock, stop)
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
    return writer.finish()


def _renew(store: Store, lane: Lane, i: int, graves: _Graves | None) -> int:
    """Rewrites sealed segment i, with a small one before it; how many structs it read and wrote."""
    first = i - 1 if i and len(lane.segments[i - 1].data) < _SMALL else i
    batch = lane.segments[first : i + 1]
    segments = _rewrite(store, lane, batch, lane.segment_end(i), graves)
    store.garbage -= sum(old.dead for old in batch)
    store.size += sum(len(new.data) for new in segments) - sum(len(old.data) for old in batch)
    store.note_at = min(store.note_at, store.size + STEP)
    lane.replace(first, len(batch), segments)
    return sum(segment.count for segment in batch) + sum(segment.count for segment in segments)


def tidy(store: Store) -> None:
    """Rewrites one of the segments that became mostly dead, if there is garbage enough in all."""
    if store.garbage < max(_FLOOR, store.size >> 2):
        return
    client, segment = store.rotten.popleft()
    lane = store.lanes.get(client)
    if lane is None:
        return  # it was new in an update that was taken back
    i = bisect_right(lane.starts, segment.clock) - 1
    if i < len(lane.segments) - 1 and lane.segments[i] is segment:
        _renew(store, lane, i, None)


class Compaction:
    """One pass over a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._graves = _Graves(store)

    def steps(self) -> Generator[None, None, None]:
        """Yields between the steps; between them anything may happen to the store."""
        looked = 0
        for lane in list(self._store.by_number):
            clock = 0
            while clock < lane.end:
                i = bisect_right(lane.starts, clock) - 1
                end = lane.segment_end(i)
                if lane.segments[i].count > 1 or lane.segments[i].dead:
                    yield from self._prepare(lane, clock, end)
                    i = bisect_right(lane.starts, clock) - 1
                    end = lane.segment_end(i)
                    if i == len(lane.segments) - 1:
                        lane.seal()
                    looked += _renew(self._store, lane, i, self._graves)
                clock = end  # a lone struct that lives has nothing to give, and perhaps somebody is typing on
                if looked >= _STRUCTS:
                    looked = 0
                    yield
        self._store.rotten.clear()
        self._store.history.thin(self._store)

    def _prepare(self, lane: Lane, clock: int, end: int) -> Generator[None, None, None]:
        """Asks for the segment's containers, each in a step of its own."""
        first = bisect_right(lane.container_clocks, clock) - 1
        last = bisect_right(lane.container_clocks, end - 1)
        for container in set(lane.containers[first:last]):
            if not self._graves.knows(container):
                self._graves.has(container)
                yield
