"""What is stored beside an encoded replica, so that opening it is a read: where each segment and page lies.

One format byte, then columns: the number of values, and the values as little-endian integers. 5 MB of document have
about 30 KB of it.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from itertools import islice
from typing import Final, Literal

from motet.crdt.replica.catchup import History
from motet.crdt.replica.lane import FIRST_ROOT, SEGMENT, SEGMENT_STRUCTS, Lane, Segment
from motet.crdt.replica.ranges import RANGE_BYTES, Page, Ranges
from motet.crdt.replica.scan import read_head
from motet.crdt.replica.store import Store
from motet.errors import MalformedUpdate
from motet.varint import read, write

_FORMAT: Final = 1
Column = Literal["I", "Q"]

# one row a lane, segment, container, set of deletes, page of one, note of the history
_COLUMNS: Final[tuple[tuple[str, Column], ...]] = (
    ("lane_client", "Q"),
    ("lane_end", "I"),
    ("lane_segments", "I"),
    ("lane_containers", "I"),
    ("segment_clock", "I"),
    ("segment_count", "I"),
    ("segment_size", "I"),
    ("segment_dead", "I"),
    ("container_clock", "I"),
    ("container", "Q"),
    ("set_client", "Q"),
    ("set_pages", "I"),
    ("page_low", "I"),
    ("page_count", "I"),
    ("page_size", "I"),
    ("note_lane", "I"),
    ("note_clock", "I"),
    ("note_mark", "I"),
)


class Columns:
    """The sidecar's numbers, by column."""

    def __init__(self) -> None:
        self.by_name = {name: array(code) for name, code in _COLUMNS}
        self.roots: list[bytes] = []

    def add(self, **row: int) -> None:
        """Adds one value to each of the named columns."""
        for name, value in row.items():
            self.by_name[name].append(value)

    def encode(self) -> bytes:
        """The sidecar's bytes."""
        out = [bytes((_FORMAT,))]
        for column in self.by_name.values():
            if sys.byteorder == "big":
                column.byteswap()
            out += [write(len(column)), column.tobytes()]
        out.append(write(len(self.roots)))
        for root in self.roots:
            out += [write(len(root)), root]
        return b"".join(out)

    @classmethod
    def decode(cls, sidecar: bytes) -> Columns:
        """Raises IndexError or ValueError for anything that is no sidecar."""
        if sidecar[0] != _FORMAT:
            raise ValueError("unknown format")
        columns, at = cls(), 1
        for column in columns.by_name.values():
            count, at = read(sidecar, at)
            end = at + count * column.itemsize
            if end > len(sidecar):
                raise IndexError("short")
            column.frombytes(sidecar[at:end])
            if sys.byteorder == "big":
                column.byteswap()
            at = end
        count, at = read(sidecar, at)
        for _ in range(count):
            size, at = read(sidecar, at)
            columns.roots.append(sidecar[at : at + size])
            at += size
        if at != len(sidecar):
            raise ValueError("length")
        return columns


def write_sidecar(store: Store) -> bytes:
    """The sidecar of what `store.diff({})` gives now."""
    columns = Columns()
    columns.roots = list(store.roots)
    for lane in store.by_number:
        lane.settle()
        groups = list(_groups(lane))
        for group in groups:
            columns.add(
                segment_clock=group[0].clock,
                segment_count=sum(s.count for s in group),
                segment_size=sum(len(s.data) for s in group),
                segment_dead=min(sum(s.dead for s in group), 2**32 - 1),
            )
        for clock, container in zip(lane.container_clocks, lane.containers, strict=True):
            columns.add(container_clock=clock, container=container)
        columns.add(
            lane_client=lane.client,
            lane_end=lane.end,
            lane_segments=len(groups),
            lane_containers=len(lane.containers),
        )
    for client in sorted(store.dead, reverse=True):
        pages = store.dead[client].pages
        columns.add(set_client=client, set_pages=len(pages))
        for page in pages:
            columns.add(page_low=page.low, page_count=page.count, page_size=len(page.encode()))
    history = store.history
    columns.by_name.update(note_lane=history.lanes[:], note_clock=history.clocks[:], note_mark=history.marks[:])
    return columns.encode()


def _groups(lane: Lane) -> Iterator[list[Segment]]:
    """Neighbouring segments that are small enough to be one."""
    group: list[Segment] = []
    size = count = 0
    for segment in lane.segments:
        size += len(segment.data)
        count += segment.count
        if group and (size > SEGMENT or count > SEGMENT_STRUCTS):
            yield group
            group, size, count = [], len(segment.data), segment.count
        group.append(segment)
    if group:
        yield group


def open_store(encoded: bytes, sidecar: bytes) -> Store:
    """The store whose diff and sidecar these are. Raises MalformedUpdate if they do not fit each other."""
    try:
        return _Opening(encoded, Columns.decode(sidecar)).run()
    except (IndexError, ValueError, KeyError) as error:
        raise MalformedUpdate(f"the sidecar does not fit the snapshot: {error}") from None


class _Opening:
    """Reads the columns row by row, and then the encoded blocks along what they say."""

    def __init__(self, encoded: bytes, columns: Columns) -> None:
        self._encoded = encoded
        self._columns = columns.by_name
        self._store = Store()
        self._store.roots.update((root, i) for i, root in enumerate(columns.roots, FIRST_ROOT))
        self._sizes: dict[int, list[int]] = {}  # by client: its segments' bytes

    def _rows(self, *names: str) -> Iterator[tuple[int, ...]]:
        return zip(*[self._columns[name] for name in names], strict=True)

    def run(self) -> Store:
        """The store."""
        store = self._store
        self._read_lanes()
        blocks, at = read(self._encoded, 0)
        if blocks != len(store.lanes) or len(store.by_number) != blocks:
            raise ValueError("lanes")
        for client in sorted(store.lanes, reverse=True):
            at = self._fill(store.lanes[client], at)
        if self._read_dead(at) != len(self._encoded):
            raise ValueError("length")
        self._read_history(store.history)
        return store

    def _read_lanes(self) -> None:
        """Everything of the lanes but their bytes."""
        store = self._store
        clocks, containers, at = self._columns["container_clock"], self._columns["container"], 0
        segments = self._rows("segment_clock", "segment_count", "segment_size", "segment_dead")
        for client, end, segment_rows, container_rows in self._rows(
            "lane_client", "lane_end", "lane_segments", "lane_containers"
        ):
            lane = store.new_lane(client)
            sizes = self._sizes[client] = []
            before = -1
            for clock, count, size, dead in islice(segments, segment_rows):
                segment = Segment(clock, b"", count)
                segment.dead = dead
                store.garbage += dead
                lane.segments.append(segment)
                lane.starts.append(clock)
                sizes.append(size)
                if clock <= before or (before < 0 and clock):
                    raise ValueError("clocks")
                before = clock
            lane.end = end
            lane.container_clocks = clocks[at : at + container_rows]
            lane.containers = containers[at : at + container_rows]
            at += container_rows
            if before < 0 or end <= before or lane.container_clocks[0]:
                raise ValueError("clocks")
        if next(segments, None) is not None or at != len(clocks) or at != len(containers):
            raise ValueError("rows")

    def _fill(self, lane: Lane, at: int) -> int:
        """Gives a lane its bytes; the offset after them."""
        count, client, _, clock, at = read_head(self._encoded, at)
        for segment, size in zip(lane.segments, self._sizes[lane.client], strict=True):
            segment.data = _slice(self._encoded, at, size)
            at += size
            count -= segment.count
            self._store.size += size
        if count or client != lane.client or clock:
            raise ValueError("block")
        return at

    def _read_dead(self, at: int) -> int:
        rows = self._rows("page_low", "page_count", "page_size")
        sets, at = read(self._encoded, at)
        if sets != len(self._columns["set_client"]):
            raise ValueError("delete sets")
        for expected, pages in self._rows("set_client", "set_pages"):
            client, at = read(self._encoded, at)
            count, at = read(self._encoded, at)
            ranges = self._store.dead[client] = Ranges()
            for low, page_count, size in islice(rows, pages):
                ranges.append(Page.stored(low, page_count, _slice(self._encoded, at, size)))
                at += size
            self._store.size += RANGE_BYTES * count
            if client != expected or count != ranges.count or client not in self._store.lanes:
                raise ValueError("deletes")
        return at

    def _read_history(self, history: History) -> None:
        columns, lanes = self._columns, self._store.by_number
        history.lanes, history.clocks = columns["note_lane"], columns["note_clock"]
        history.marks = columns["note_mark"]
        rows = len(history.lanes)
        if history.marks and history.marks[-1] != rows:
            raise ValueError("history")
        for number, clock in self._rows("note_lane", "note_clock"):
            lanes[number - 1].noted = clock


def _slice(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise IndexError("short")
    return data[at : at + size]
