"""Which root types an update names, and of which kind, decided from its bytes without an engine.

A Yjs document does not say what its roots are: the application does, and reading a root as the wrong type can hang
pycrdt for ever. What a root holds tells: writing is found only in texts, values in arrays, markup in markup, and keys
without a sequence in maps. The format is update v1: Yjs's `readClientsStructRefs`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass
from enum import Enum

from motet import varint
from motet.crdt.replica import MAX_DEPTH
from motet.errors import MalformedUpdate

GC, DELETED, JSON, BINARY, STRING, EMBED, FORMAT, TYPE, ANY, DOC = range(10)
TAGGED_TYPES = (3, 5)
"""XmlElement and XmlHook: a name follows the type's number."""
MARKUP_TYPES = (3, 4, 5, 6)
"""XmlElement, XmlFragment, XmlHook, XmlText."""


class Kind(Enum):
    """What a root is."""

    TEXT = "text"
    MAP = "map"
    ARRAY = "array"
    XML = "xml"
    UNKNOWN = "unknown"
    """Everything it ever held is deleted, so that nothing tells."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What an update's structs say of the document, without an engine."""

    roots: dict[str, Kind]
    ends: dict[int, int]
    """Its state vector: for each client the clock after its last struct."""


# What was seen directly inside a root. Plain integers: an IntFlag's `|` costs a microsecond a struct.
NOTHING, KEY, GHOST, WRITING, VALUE, MARKUP = 0, 1, 2, 4, 8, 16
"""GHOST is a deleted part of a sequence; WRITING is a String, Format or Embed."""


class _Lane:
    """One client's structs, in order: where each begins, whose child it is, what it holds. 33 bytes a struct."""

    __slots__ = ("clocks", "end", "held", "origin_clients", "origin_clocks", "owners")

    def __init__(self) -> None:
        self.clocks = array("q")
        self.owners = array("q")
        """≥ 0: a root's number, doubled, + 1 for a child under a key; else NOWHERE or INHERITED."""
        self.origin_clients = array("q")
        """With origin_clocks: the id that an INHERITED owner comes from."""
        self.origin_clocks = array("q")
        self.held = bytearray()
        self.end = 0

    def add(self, owner: int, origin: tuple[int, int], length: int, held: int) -> None:
        self.clocks.append(self.end)
        self.owners.append(owner)
        self.origin_clients.append(origin[0])
        self.origin_clocks.append(origin[1])
        self.held.append(held)
        self.end += length


NOWHERE = -1
"""Not a direct child of a root."""
INHERITED = -2
FOLLOWED = -3
"""INHERITED, and on the path that is being followed: met again, it is a cycle."""
NO_ORIGIN = (-1, -1)


def outline(update: bytes) -> Outline:
    """The roots and the state vector of a whole document (a Yjs v1 update of n bytes), in time n log n at most.

    Raises MalformedUpdate, also for a client whose structs do not go from 0 on without a gap: that crashes pycrdt.
    """
    names: dict[str, int] = {}
    try:
        lanes = _scan(update, names)
    except (IndexError, ValueError) as error:
        raise MalformedUpdate(f"no Yjs update: {error}") from error
    seen = [NOTHING] * len(names)
    for lane in lanes.values():
        for at, held in enumerate(lane.held):
            owner = lane.owners[at]
            if owner == INHERITED:
                owner = _follow(lanes, lane, at)
            if owner >= 0:
                seen[owner >> 1] |= KEY if owner & 1 else held
    return Outline({name: _kind(seen[n]) for name, n in names.items()}, {c: lane.end for c, lane in lanes.items()})


def _kind(seen: int) -> Kind:
    if seen & WRITING:
        return Kind.TEXT
    if seen & VALUE:
        return Kind.ARRAY
    if seen & MARKUP:
        return Kind.XML
    # Texts and elements keep their attributes under keys too, so keys tell only where there never was a sequence.
    return Kind.MAP if seen == KEY else Kind.UNKNOWN


def _follow(lanes: dict[int, _Lane], lane: _Lane, at: int) -> int:
    """The owner that a struct inherits through its origins. Each struct is followed once: the whole path learns it."""
    path = []
    while lane.owners[at] == INHERITED:
        lane.owners[at] = FOLLOWED
        path.append((lane, at))
        found, clock = lanes.get(lane.origin_clients[at]), lane.origin_clocks[at]
        if found is None or not found.clocks or clock < found.clocks[0]:
            break
        lane, at = found, bisect_right(found.clocks, clock) - 1
    owner = max(lane.owners[at], NOWHERE)
    for lane, at in path:
        lane.owners[at] = owner
    return owner


def _scan(b: bytes, names: dict[str, int]) -> dict[int, _Lane]:
    """The update's structs by client; `names` learns the roots. A loop ends with the bytes, whatever its count says."""
    lanes: dict[int, _Lane] = {}
    blocks, at = varint.read(b, 0)
    for _ in range(blocks):
        count, at = varint.read(b, at)
        client, at = varint.read(b, at)
        clock, at = varint.read(b, at)
        lane = lanes.setdefault(client, _Lane())
        if clock != lane.end:
            raise ValueError("a gap before a client's structs")
        for _ in range(count):
            info = b[at]
            at += 1
            owner, origin = NOWHERE, NO_ORIGIN
            if info & 31 != GC:
                owner, origin, at = _parent(b, at, info, names)
                if owner == INHERITED and origin == (
                    client,
                    lane.end - 1,
                ):  # it continues its predecessor, as typing does
                    owner = lane.owners[-1]
            length, held, at = _content(b, at, info & 31)
            lane.add(owner, origin, length, held)
    return lanes


def _parent(b: bytes, at: int, info: int, names: dict[str, int]) -> tuple[int, tuple[int, int], int]:
    """An item's owner, the origin that it inherits it from, and the offset of its content."""
    origin = NO_ORIGIN
    for flag in (128, 64):  # the origin, then the right origin
        if info & flag:
            client, at = varint.read(b, at)
            clock, at = varint.read(b, at)
            if origin is NO_ORIGIN:
                origin = (client, clock)
    if info & 192:
        return INHERITED, origin, at
    named, at = varint.read(b, at)
    owner = NOWHERE
    if named:
        name, at = varint.read_bytes(b, at)
        owner = names.setdefault(name.decode(), len(names)) << 1
    else:
        at = varint.read(b, varint.read(b, at)[1])[1]
    if info & 32:
        at = varint.read_bytes(b, at)[1]
        owner |= 1  # NOWHERE stays NOWHERE: all its bits are set
    return owner, NO_ORIGIN, at


def _content(b: bytes, at: int, ref: int) -> tuple[int, int, int]:
    """A struct's length in clocks, what it holds, and the offset after it."""
    if ref == GC:
        length, at = varint.read(b, at)
        return length, NOTHING, at
    if ref == DELETED:
        length, at = varint.read(b, at)
        return length, GHOST, at
    if ref == STRING:
        text, at = varint.read_bytes(b, at)
        return len(text) if text.isascii() else len(text.decode().encode("utf-16-le")) >> 1, WRITING, at
    if ref == TYPE:
        number, at = varint.read(b, at)
        if number in TAGGED_TYPES:
            at = varint.read_bytes(b, at)[1]
        return 1, MARKUP if number in MARKUP_TYPES else VALUE, at
    if ref in (EMBED, FORMAT):
        for _ in range(1 if ref == EMBED else 2):
            at = varint.read_bytes(b, at)[1]
        return 1, WRITING, at
    length = 1
    if ref == BINARY:
        at = varint.read_bytes(b, at)[1]
    elif ref == DOC:
        at = _skip_value(b, varint.read_bytes(b, at)[1], 0)
    elif ref in (ANY, JSON):
        length, at = varint.read(b, at)
        for _ in range(length):
            at = _skip_value(b, at, 0) if ref == ANY else varint.read_bytes(b, at)[1]
    else:
        raise ValueError(f"content {ref}")
    return length, VALUE, at


def _skip_value(b: bytes, at: int, depth: int) -> int:
    """The offset after a plain value (lib0's `readAny`)."""
    tag = b[at]
    at += 1
    if tag in (120, 121, 126, 127):  # true, false, null, undefined
        return at
    if tag == 125:  # an integer: signed, so not varint.read
        while b[at] & 128:
            at += 1
        return at + 1
    if tag in (122, 123, 124):  # a 64-bit integer, a double, a float
        return at + (4 if tag == 124 else 8)
    if tag in (116, 119):  # bytes, a string
        return varint.read_bytes(b, at)[1]
    if tag not in (117, 118) or depth == MAX_DEPTH:
        raise ValueError(f"value {tag}" if depth < MAX_DEPTH else "a value nested too deep")
    count, at = varint.read(b, at)
    for _ in range(count):
        if tag == 118:  # an object's key
            at = varint.read_bytes(b, at)[1]
        at = _skip_value(b, at, depth + 1)
    return at


__all__ = ["Kind", "Outline", "outline"]
