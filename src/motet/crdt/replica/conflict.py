"""Whether known ids that arrive again say the same: two replicas that share a client id must not be merged.

Struct boundaries differ (typing runs are squashed, peers split and merge), and peers write values anew (key order,
number formats), so parts are compared by meaning: the ids each refers to, and its content. What either side no longer
holds (GC, deleted content) cannot be compared and is accepted. Cost: linear in the update and in the structs of ours
that it names, each of which is taken apart once per `Comparison`.
"""

from __future__ import annotations

import struct
from json import loads
from typing import NamedTuple

from motet.crdt.replica.lane import Lane
from motet.crdt.replica.scan import ANY, DELETED, DOC, EMBED, FORMAT, GC, JSON, NO_PARENT, REF, SKIP, STRING, Struct
from motet.crdt.replica.values import Bytes, skip_text, skip_values
from motet.varint import read

_GONE = (GC, DELETED, SKIP)
_REPLACEMENT = "\ufffd".encode("utf-16-le")


class _Taken(NamedTuple):
    """A struct, taken apart: its numbers, its content's kind, the explicit parent, and the content by id."""

    struct: Struct
    ref: int
    parent: bytes
    text: bytes  # UTF-16
    values: list[bytes]


def _take_apart(b: Bytes, item: Struct) -> _Taken:
    _, length, start, stop, _, _, _, _, content, _ = item
    info = b[start]
    ref = info & REF
    parent = b"" if info & NO_PARENT or ref in _GONE else bytes(b[start + 1 : content])
    if ref == STRING:
        _, at = read(b, content)
        return _Taken(item, ref, parent, bytes(b[at:stop]).decode().encode("utf-16-le"), [])
    if ref != ANY and ref != JSON:
        return _Taken(item, ref, parent, b"", [bytes(b[content:stop])])
    _, at = read(b, content)
    values = []
    for _ in range(length):
        first = at
        at = skip_values(b, at, [2], len(b)) if ref == ANY else skip_text(b, at)
        values.append(bytes(b[first:at]))
    return _Taken(item, ref, parent, b"", values)


def _read_integer(b: bytes, at: int) -> tuple[int, int]:
    first = b[at]
    number, shift = first & 63, 6
    while b[at] & 128:
        at += 1
        number |= (b[at] & 127) << shift
        shift += 7
    return (-number if first & 64 else number), at + 1


def _read_value(b: bytes, at: int) -> tuple[object, int]:
    """A lib0 Any value, comparable by ==; NaN equals itself."""
    tag = b[at]
    at += 1
    if tag == 125:
        return _read_integer(b, at)
    if tag == 124 or tag == 123:
        size = 4 if tag == 124 else 8
        number: float = struct.unpack_from(">f" if tag == 124 else ">d", b, at)[0]
        return (number if number == number else "NaN"), at + size
    if tag == 122:
        return ("bigint", b[at : at + 8]), at + 8
    if tag == 119 or tag == 116:
        size, at = read(b, at)
        data = b[at : at + size]
        return (data.decode() if tag == 119 else data), at + size
    if tag == 118:
        entries: dict[str, object] = {}
        count, at = read(b, at)
        for _ in range(count):
            size, at = read(b, at)
            key = b[at : at + size].decode()
            entries[key], at = _read_value(b, at + size)
        return entries, at
    if tag == 117:
        items: list[object] = []
        count, at = read(b, at)
        for _ in range(count):
            item, at = _read_value(b, at)
            items.append(item)
        return items, at
    return ("constant", tag), at


def _json(text: bytes) -> object:
    return None if text == b"undefined" else loads(text, parse_int=float)


def _same_json(ours: bytes, theirs: bytes, at: int, other: int) -> bool:
    n, at = read(ours, at)
    m, other = read(theirs, other)
    return _json(ours[at : at + n]) == _json(theirs[other : other + m])


def _same_value(ref: int, ours: bytes, theirs: bytes) -> bool:
    if ours == theirs:
        return True
    if ref == ANY:
        return _read_value(ours, 0)[0] == _read_value(theirs, 0)[0]
    if ref in (JSON, EMBED):
        return _same_json(ours, theirs, 0, 0)
    if ref == FORMAT:
        at, other = skip_text(ours, 0), skip_text(theirs, 0)
        return ours[:at] == theirs[:other] and _same_json(ours, theirs, at, other)
    # a subdocument's options are normalised by its readers: its guid says which it is
    return ref == DOC and ours[: skip_text(ours, 0)] == theirs[: skip_text(theirs, 0)]


def _same_text(ours: bytes, theirs: bytes) -> bool:
    """UTF-16; halves of a pair that an edit split were replaced by whoever split them."""
    if ours == theirs:
        return True
    if _REPLACEMENT not in ours and _REPLACEMENT not in theirs:
        return False

    def blurred(text: bytes) -> list[bytes]:
        units = [text[i : i + 2] for i in range(0, len(text), 2)]
        return [_REPLACEMENT if 0xD8 <= unit[1] <= 0xDF else unit for unit in units]

    return blurred(ours) == blurred(theirs)


def _same_place(ours: _Taken, theirs: _Taken, client: int, clock: int) -> bool:
    """Whether the id at `clock`, which begins a struct on one side at least, refers to the same ids."""

    def refers(taken: _Taken) -> tuple[int, int, int, int, bytes]:
        first, _, _, _, oc, ok, rc, rk, _, _ = taken.struct
        return (oc, ok, rc, rk, taken.parent) if first == clock else (client, clock - 1, rc, rk, b"")

    return refers(ours) == refers(theirs)


def _same_part(ours: _Taken, theirs: _Taken, client: int, a: int, z: int) -> bool:
    if ours.ref in _GONE or theirs.ref in _GONE:
        return True
    if ours.ref != theirs.ref or not _same_place(ours, theirs, client, a):
        return False
    i, j = a - ours.struct[0], a - theirs.struct[0]
    n = z - a
    if ours.ref == STRING:
        return _same_text(ours.text[2 * i : 2 * (i + n)], theirs.text[2 * j : 2 * (j + n)])
    pairs = zip(ours.values[i : i + n], theirs.values[j : j + n], strict=True)
    return all(_same_value(ours.ref, one, other) for one, other in pairs)


class Comparison:
    """Compares structs of one update with what a lane holds."""

    def __init__(self) -> None:
        self._ours: dict[tuple[int, int], _Taken] = {}  # client, clock → a struct of ours that needed it

    def same(self, lane: Lane, b: Bytes, theirs: Struct, end: int) -> bool:
        """Whether their struct, up to the clock `end` that we know, says what we hold."""
        clock, length, start, stop, *_ = theirs
        lane.settle()
        segment, i = lane.find(clock)
        at = segment.offsets[i]
        if segment.clocks[i] == clock and segment.data.startswith(b[start:stop], at):
            after = segment.offsets[i + 1] if i + 1 < segment.count else len(segment.data)
            if after == at + stop - start:
                return True
        apart: _Taken | None = None
        end = min(end, clock + length)
        while clock < end:
            segment, i = lane.find(clock)
            ref = segment.data[segment.offsets[i]] & REF
            next_clock = segment.clocks[i + 1] if i + 1 < segment.count else lane.end_of(segment)
            z = min(end, next_clock)
            if ref not in _GONE and b[start] & REF not in _GONE:
                apart = apart or _take_apart(b, theirs)
                key = (lane.client, segment.clocks[i])
                ours = self._ours.get(key)
                if ours is None:
                    ours = self._ours[key] = _take_apart(segment.data, lane.struct(segment, i))
                if not _same_part(ours, apart, lane.client, clock, z):
                    return False
            clock = z
        return True
