"""All structs of one client, encoded end to end from clock 0 on without a gap, in segments.

A segment is the unit of everything that must not cost the whole lane: of the index (made when somebody asks, by one
scan of the segment), of rewriting, of catch-up. The last one is open: structs are appended to it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque
from typing import Final

from motet.crdt.replica.cutting import part
from motet.crdt.replica.scan import HAS_RIGHT, HAS_SUB, NO_PARENT, REF, STRING, Struct, scan_block
from motet.crdt.replica.values import Bytes
from motet.varint import read, write

SEGMENT: Final = 4 << 10
"""Bytes after which a segment is sealed: about 200 structs, 0.3 ms to index or rewrite. One struct may be bigger."""
SEGMENT_STRUCTS: Final = 512
MAX_RUN: Final = 4096
"""Bytes of the longest text that typing is squashed into: cutting into it decodes it."""
LANE_BYTES: Final = 900
"""Memory of a lane beside its structs: what a client id costs the document that has seen it."""

UNKNOWN: Final = 0
"""A container that is not known: what refers into it becomes GC in every reader."""
FIRST_ROOT: Final = 1
IN_MAP: Final = 1 << 62
"""Marks the container of a map's entries, whichever the key: they have no right origins."""

_NOTHING = bytearray()  # is only read
_NO_INDEX: array[int] = array("I")  # is only read
_NEVER = b"\xff" * 9  # begins no update

Mark = tuple[int, int, int, int, int, int, int, bytes, bytes]


class Segment:
    """Structs of one lane, end to end. `clocks` and `offsets` are empty until the segment is indexed."""

    __slots__ = ("clock", "clocks", "count", "data", "dead", "offsets")

    def __init__(self, clock: int, data: bytes | bytearray, count: int) -> None:
        self.clock = clock
        self.count = count
        self.data = data
        self.clocks = self.offsets = _NO_INDEX
        self.dead = 0  # an estimate of the bytes whose content is deleted and still here

    def index(self, lane: Lane) -> array[int]:
        """The structs' clocks; `offsets` is filled too."""
        if len(self.clocks) != self.count:
            structs, _ = scan_block(self.data, 0, lane.me, lane.client, self.clock, self.count)
            self.clocks = array("I", [s[0] for s in structs])
            self.offsets = array("I", [s[2] for s in structs])
        return self.clocks

    def bytes_between(self, a: int, z: int, end: int) -> int:
        """About how many bytes the ids [a, z) take, of a segment whose ids end at `end`."""
        if a <= self.clock and z >= end:
            return len(self.data)
        if len(self.clocks) != self.count:  # not worth a scan
            return len(self.data) * (z - a) // (end - self.clock)
        clocks, offsets = self.clocks, self.offsets
        i = bisect_right(clocks, a) - 1
        j = bisect_right(clocks, z - 1)
        first, first_offset = clocks[i], offsets[i]
        last, last_offset = (clocks[j], offsets[j]) if j < len(clocks) else (end, len(self.data))
        return (last_offset - first_offset) * (z - a) // (last - first)


class Lane:
    """See the module. `number` is the client's place in the order of arrival, from 1 on."""

    __slots__ = (
        "_before",
        "_behind",
        "_between",
        "_end_bytes",
        "_open",
        "_right",
        "_rotten",
        "_size",
        "_text",
        "client",
        "container_clocks",
        "containers",
        "end",
        "expected",
        "me",
        "noted",
        "number",
        "segments",
        "starts",
    )

    def __init__(self, client: int, number: int, rotten: deque[tuple[int, Segment]]) -> None:
        # Shared by all lanes: sealed segments that became mostly dead, each with its client. Not with its lane, which
        # holds this: lanes with segments in it would be left to the garbage collector when the document is let go.
        self._rotten = rotten
        self.client = client
        self.me = write(client)
        self.number = number
        self.end = 0  # the next clock
        self.noted = 0  # what it was when the history last noted it
        self.segments: list[Segment] = []
        self.starts: list[int] = []  # of the segments, to bisect in
        self.container_clocks: array[int] = array("I")  # from this clock on the structs lie in …
        self.containers: array[int] = array("Q")  # … this container (see there)
        self._open = _NOTHING  # the last segment's data, if it is open
        self._before = self._between = b""  # of `expected`: all before the clock, and between it and the clock before
        self._end_bytes = b""  # `end`, encoded
        self.expected = _NEVER  # how an update that types on after the last struct must begin
        self._text = -1  # where the last struct's string starts in the last segment; -1: it is no text
        self._right = b""  # the last struct's right origin, encoded
        self._size = 0  # bytes of the last struct's string
        self._behind = False  # its length, as stored, is behind

    # -- appending

    def push(self, b: Bytes, struct: Struct, container: int) -> None:
        """Appends a struct whose clock is `end`."""
        clock, length, start, stop, _, _, rc, rk, content, _ = struct
        self.settle()
        data = self._open
        if not data or len(data) >= SEGMENT or self.segments[-1].count >= SEGMENT_STRUCTS:
            data = self._open_segment()
        segment = self.segments[-1]
        at = len(data)
        segment.clocks.append(clock)
        segment.offsets.append(at)
        segment.count += 1
        data += b[start:stop]
        self.end = clock + length
        if not self.containers or self.containers[-1] != container:
            self.container_clocks.append(clock)
            self.containers.append(container)
        info = b[start]
        if info & (REF | HAS_SUB) == STRING:
            self._text = at + content - start
            self._size = read(b, content)[0]
            self._right = write(rc) + write(rk) if info & HAS_RIGHT else b""
            self._before = b"\1\1" + self.me
            self._between = (b"\xc4" if info & HAS_RIGHT else b"\x84") + self.me
            self._expect()
        else:
            self._text = -1
            self.expected = _NEVER

    def type_on(self, b: Bytes, struct: Struct) -> int:
        """Lengthens the last string by the struct, if that is text which goes on where it ends; by how many bytes."""
        clock, length, start, stop, _, _, _, _, content, chain = struct
        if not chain or self._text < 0 or b[start] & (REF | HAS_SUB) != STRING or self._right != b[chain:content]:
            return 0
        size, at = read(b, content)
        if self._size + size >= MAX_RUN:
            return 0
        self._open += b[at:stop]
        self._size += size
        self._behind = True
        self.end = clock + length
        self._expect()
        return size

    def type_update(self, update: bytes) -> int:
        """The same for a whole update that begins as expected; how many bytes it added, 0 if it is something else."""
        at = len(self.expected)
        size = len(update) - at - 2
        if 0 < size < 128 and update[at] == size and not update[-1] and self._size + size < MAX_RUN:
            text = update[at + 1 : -1]
            if text.isascii():
                self._open += text
                self._size += size
                self._behind = True
                self.end = end = self.end + size
                before = self._end_bytes if size == 1 else write(end - 1)
                self._end_bytes = write(end)
                self.expected = self._before + self._end_bytes + self._between + before + self._right
                return size
        return 0

    def settle(self) -> None:
        """Writes the last string's length, which typing leaves behind."""
        if self._behind:
            data = self._open
            data[self._text : read(data, self._text)[1]] = write(self._size)
            self._behind = False

    def _expect(self) -> None:
        self._end_bytes = write(self.end)
        self.expected = self._before + self._end_bytes + self._between + write(self.end - 1) + self._right

    def _open_segment(self) -> bytearray:
        if self.segments:
            last = self.segments[-1]
            last.data = bytes(last.data)  # without the room to grow
            if last.dead * 2 > len(last.data):
                self._rotten.append((self.client, last))
        self._open = bytearray()
        segment = Segment(self.end, self._open, 0)
        segment.clocks, segment.offsets = array("I"), array("I")
        self.segments.append(segment)
        self.starts.append(self.end)
        return self._open

    # -- taking back

    def mark(self) -> Mark:
        """Where the lane ends now, for `restore`."""
        self.settle()
        last = self.segments[-1] if self.segments else None
        size, count = (len(last.data), last.count) if last else (0, 0)
        state = (len(self.segments), size, count, len(self.containers), self._text, self._size)
        return (self.end, *state, self._right, self.expected)

    def restore(self, mark: Mark) -> None:
        """Takes back all that was appended since the mark."""
        self.end, segments, size, count, containers, self._text, self._size, self._right, self.expected = mark
        self._behind = False
        del self.segments[segments:], self.starts[segments:]
        del self.container_clocks[containers:], self.containers[containers:]
        if segments:
            last = self.segments[-1]
            if last.clocks:  # it is open, or was when the mark was made
                data = last.data
                if self._text >= 0:  # typing since may have written another length, of more bytes even
                    _, at = read(data, self._text)
                    data = data[: self._text] + write(self._size) + data[at:]
                last.data = self._open = bytearray(data[:size])
                del last.clocks[count:], last.offsets[count:]
                last.count = count

    # -- asking

    def find(self, clock: int) -> tuple[Segment, int]:
        """The segment and the place in it of the struct that holds an id."""
        segment = self.segments[bisect_right(self.starts, clock) - 1]
        return segment, bisect_right(segment.index(self), clock) - 1

    def kind(self, clock: int) -> int:
        """What kind of struct holds an id: its content's ref."""
        segment, i = self.find(clock)
        return segment.data[segment.offsets[i]] & REF

    def container(self, clock: int) -> int:
        """What an id lies in: UNKNOWN, a root's number, or its parent's lane number << 32 | clock; with IN_MAP."""
        return self.containers[bisect_right(self.container_clocks, clock) - 1]

    def struct(self, segment: Segment, i: int) -> Struct:
        """The struct at a place, scanned again."""
        return scan_block(segment.data, segment.offsets[i], self.me, self.client, segment.clocks[i], 1)[0][0]

    def segment_end(self, i: int) -> int:
        """The clock after segment i."""
        return self.starts[i + 1] if i + 1 < len(self.starts) else self.end

    def end_of(self, segment: Segment) -> int:
        """The clock after a segment of this lane."""
        return self.segment_end(bisect_right(self.starts, segment.clock) - 1)

    def cut(self, a: int, z: int) -> tuple[int, bytes]:
        """How many structs make up the ids [a, z), not empty, and their bytes."""
        if self._text >= 0 and z == self.end and a > self.segments[-1].clocks[-1]:  # news of typing
            text = self._open[a - z :]
            if text.isascii():
                return 1, self._between + write(a - 1) + self._right + write(z - a) + text
        self.settle()
        first = bisect_right(self.starts, a) - 1
        last = bisect_right(self.starts, z - 1) - 1
        count, pieces = 0, []
        for i in range(first, last + 1):
            segment = self.segments[i]
            end = self.segment_end(i)
            if a <= segment.clock and z >= end:
                count += segment.count
                pieces.append(segment.data)
            else:
                more, data = self._cut_segment(segment, max(a, segment.clock), min(z, end), end)
                count += more
                pieces.append(data)
        return count, b"".join(pieces)

    def pieces(self) -> tuple[int, list[bytes]]:
        """How many structs there are, and their bytes as they are held: of the open segment alone there is a copy."""
        self.settle()
        return sum([segment.count for segment in self.segments]), [bytes(segment.data) for segment in self.segments]

    def _cut_segment(self, segment: Segment, a: int, z: int, end: int) -> tuple[int, bytes]:
        clocks = segment.index(self)
        i = bisect_right(clocks, a) - 1
        j = bisect_right(clocks, z - 1) - 1
        after = segment.offsets[j + 1] if j + 1 < segment.count else len(segment.data)
        whole_end = clocks[j + 1] if j + 1 < segment.count else end
        if a == clocks[i] and z == whole_end:
            return j - i + 1, bytes(segment.data[segment.offsets[i] : after])
        first = self.struct(segment, i)
        if i == j:
            return 1, part(segment.data, first, self.client, a, z)
        last = self.struct(segment, j)
        head = part(segment.data, first, self.client, a, first[0] + first[1])
        tail = part(segment.data, last, self.client, last[0], z)
        return j - i + 1, head + bytes(segment.data[segment.offsets[i + 1] : segment.offsets[j]]) + tail

    # -- deletes and rewriting

    def seal(self) -> None:
        """Closes the last segment: the next struct begins another."""
        self.settle()
        last = self.segments[-1]
        last.data = bytes(last.data)
        self._open = _NOTHING
        self._text = -1
        self.expected = _NEVER

    def replace(self, first: int, count: int, segments: list[Segment]) -> None:
        """Puts segments in the place of `count` sealed ones."""
        self.segments[first : first + count] = segments
        self.starts[first : first + count] = [segment.clock for segment in segments]

    def bytes_between(self, a: int, z: int) -> int:
        """About how many bytes the ids [a, z), not empty, take."""
        first = bisect_right(self.starts, a) - 1
        last = bisect_right(self.starts, z - 1) - 1
        size = 0
        for i in range(first, last + 1):
            segment, end = self.segments[i], self.segment_end(i)
            size += segment.bytes_between(max(a, segment.clock), min(z, end), end)
        return size

    def bury(self, a: int, z: int) -> int:
        """Counts the ids [a, z) as deleted; about how many bytes they take."""
        buried = 0
        i = bisect_right(self.starts, a) - 1
        while a < z:
            segment = self.segments[i]
            end = self.starts[i + 1] if i + 1 < len(self.starts) else self.end
            size = segment.bytes_between(a, z if z < end else end, end)
            half = len(segment.data) >> 1
            if segment.dead <= half < segment.dead + size and i + 1 < len(self.starts):
                self._rotten.append((self.client, segment))
            segment.dead += size
            buried += size
            a = end
            i += 1
        return buried


def is_explicit(info: int) -> bool:
    """Whether a struct names its parent."""
    return not info & NO_PARENT
