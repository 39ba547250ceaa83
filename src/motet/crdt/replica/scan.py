"""Yjs's v1 update format: where each struct lies in the bytes, and what it refers to.

Follows Yjs 13.6 (src/utils/encoding.js, src/structs/*.js, lib0/encoding). An update is a number of blocks, each
`count client clock struct…`, then the delete set, for each client `client count (clock length)…`.

Bounds: every loop turn reads at least one byte, so a count with nothing behind it ends at the last byte; nothing
recurses; every struct is read once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from motet.crdt.replica.values import (
    Bytes,
    skip_bytes,
    skip_json,
    skip_json_array,
    skip_text,
    skip_values,
    utf16_length,
)
from motet.errors import MalformedUpdate
from motet.varint import read

if TYPE_CHECKING:
    from motet.crdt.replica.ranges import Ranges

MAX_CLOCK: Final = 2**31
"""Clocks stay below it: pycrdt wraps there, and no person types two thousand million characters."""
MAX_CLIENTS: Final = 1 << 17
"""Client ids in one update or document (a hundred editing sessions a day for three years)."""

GC, DELETED, JSON, BINARY, STRING, EMBED, FORMAT, TYPE, ANY, DOC, SKIP = range(11)
REF: Final = 31
HAS_ORIGIN: Final = 128
HAS_RIGHT: Final = 64
HAS_SUB: Final = 32
NO_PARENT: Final = HAS_ORIGIN | HAS_RIGHT  # with either, the parent is not written: it is that of the neighbour
NONE: Final = -1
_NAMED_TYPES = (3, 5)  # XmlElement and XmlHook carry a name
_LAST_TYPE = 6

Struct = tuple[int, int, int, int, int, int, int, int, int, int]
"""clock, length; start, stop (offsets); origin's client and clock; right origin's client and clock; content, chain.

Without origin and right origin, the origin's place holds the parent's id if it is an id. NONE is "it has none".
`content`, an offset, is 0 for GC and Skip. `chain` is the offset after the origin if that is the id before, or 0."""

Block = tuple[int, list[Struct]]
Deletion = tuple[int, int, int]
"""client, first clock, clock after the last."""


class BigValue(Exception):
    """A value too big for one step of a slow scan. `at` is where its content starts; the walk goes on from the rest."""

    def __init__(self, content: int, at: int, stack: list[int]) -> None:
        super().__init__()
        self.content, self.at, self.stack = content, at, stack


def _skip_rare(b: Bytes, at: int, ref: int) -> int:
    """The offset after a content that takes one id."""
    if ref == TYPE:
        kind, at = read(b, at)
        if kind > _LAST_TYPE:
            raise ValueError("type")
        return skip_text(b, at) if kind in _NAMED_TYPES else at
    if ref == FORMAT:
        return skip_json(b, skip_text(b, at))
    if ref == EMBED:
        return skip_json(b, at)
    if ref == BINARY:
        return skip_bytes(b, at)
    if ref == DOC:
        return skip_values(b, skip_text(b, at), [2], len(b))
    raise ValueError("content")


_FEW: Final = 8  # deleted ranges that are read without looking whether they are known
Walks = dict[int, list[tuple[int, int]]]
"""Big contents that were walked already, by offset: how many of the values end where, now and then, and the last."""
_NO_WALKS: Walks = {}


def scan_block(  # noqa: C901 (the one loop that every byte of every update passes: a call per field costs a third more)
    b: Bytes, at: int, me: bytes, client: int, clock: int, count: int, walks: Walks = _NO_WALKS, budget: int = 1 << 62
) -> tuple[list[Struct], int]:
    """`count` structs of one client (whose id is encoded in `me`) from an offset on, and the offset after them.

    Raises IndexError or ValueError for anything that is no struct; BigValue for values of more than `budget` bytes
    that are not in `walks`."""
    structs: list[Struct] = []
    for _ in range(count):
        start = at
        info = b[at]
        at += 1
        ref = info & REF
        oc = ok = rc = rk = NONE
        content = chain = 0
        if ref in (GC, SKIP):
            if info != ref:
                # Yjs passes over flags here, but never writes any, and yrs cannot read them: one would spoil the room
                # for every pycrdt client and all views.
                raise ValueError("a GC or Skip with flags")
            length, at = read(b, at)
        else:
            if info & HAS_ORIGIN:
                if b.startswith(me, at):
                    oc = client
                    ok, at = read(b, at + len(me))
                else:
                    oc, at = read(b, at)
                    ok, at = read(b, at)
                if oc == client and ok >= clock - 1:
                    if ok >= clock:
                        raise ValueError("refers to itself")
                    chain = at
            if info & HAS_RIGHT:
                rc, at = read(b, at)
                rk, at = read(b, at)
                if rc == client and rk >= clock:
                    raise ValueError("refers to itself")
            elif not info & HAS_ORIGIN:
                named = b[at]
                at += 1
                if named == 1:
                    at = skip_text(b, at)
                elif named == 0:
                    oc, at = read(b, at)
                    ok, at = read(b, at)
                    if oc == client and ok >= clock:
                        raise ValueError("refers to itself")
                else:
                    raise ValueError("parent")
                if info & HAS_SUB:
                    at = skip_text(b, at)
            content = at
            length = 1
            if ref == STRING:
                size = b[at]
                at += 1
                if size > 127:
                    size, at = read(b, content)
                text = b[at : at + size]
                at += size
                length = size if text.isascii() else utf16_length(text)
            elif ref == ANY:
                length = b[at]
                at += 1
                if length > 127:
                    length, at = read(b, content)
                if walks and content in walks:
                    at = walks[content][-1][1]
                else:
                    stack = [length << 1]
                    at = skip_values(b, at, stack, at + budget)
                    if stack:
                        raise BigValue(content, at, stack)
            elif ref == DELETED:
                length, at = read(b, at)
            elif ref == JSON:
                length, at = read(b, at)
                at = skip_json_array(b, at, length)
            else:
                at = _skip_rare(b, at, ref)
        if not length or clock + length >= MAX_CLOCK:
            raise ValueError("length")
        structs.append((clock, length, start, at, oc, ok, rc, rk, content, chain))
        clock += length
    if at > len(b):
        raise IndexError("short")
    return structs, at


def read_head(b: Bytes, at: int) -> tuple[int, int, bytes, int, int]:
    """A block's count, its client, plain and encoded, its first clock, and the offset of its first struct."""
    count, at = read(b, at)
    if not count:
        raise ValueError("empty block")  # no encoder writes one, and pycrdt panics at it
    client, end = read(b, at)
    me = bytes(b[at:end])
    clock, at = read(b, end)
    return count, client, me, clock, at


def scan_ranges(b: Bytes, at: int, client: int, count: int, out: list[Deletion]) -> int:
    """Adds `count` deleted ranges of one client to `out`, and returns the offset after them.

    An empty range, which says nothing, is (client, 0, 0)."""
    for _ in range(count):
        clock, at = read(b, at)
        length, at = read(b, at)
        if clock + length >= MAX_CLOCK:
            raise ValueError("deleted range")
        out.append((client, clock, clock + length) if length else (client, 0, 0))
    return at


def scan_known_ranges(b: Bytes, at: int, client: int, count: int, known: Ranges, out: list[Deletion]) -> int:
    """The same, where most may be known: a peer that reconnects sends its whole delete set.

    Pages of ranges that equal what is known are stepped over as bytes (a page's ranges take 0.1 µs then, not 500); an
    empty range stands for them in `out`."""
    page = 0
    while count:
        if page < len(known.pages):
            same = known.pages[page]
            if same.count <= count and b.startswith(same.encode(), at):
                at += len(same.encode())
                count -= same.count
                page += 1
                out.append((client, 0, 0))
                continue
        at = scan_ranges(b, at, client, 1, out)
        count -= 1
        while page < len(known.pages) and known.pages[page].low <= out[-1][1]:
            page += 1
    return at


def scan(b: bytes, known: dict[int, Ranges]) -> tuple[list[Block], list[Deletion]]:
    """An update's blocks and those of its deletes that are not plainly known. Raises MalformedUpdate."""
    blocks: list[Block] = []
    deletions: list[Deletion] = []
    try:
        clients, at = read(b, 0)
        if clients > MAX_CLIENTS:
            raise MalformedUpdate(f"more than {MAX_CLIENTS} clients")
        for _ in range(clients):
            count, client, me, clock, at = read_head(b, at)
            structs, at = scan_block(b, at, me, client, clock, count)
            blocks.append((client, structs))
        if len({client for client, _ in blocks}) < len(blocks):
            raise MalformedUpdate("two blocks of one client")  # readers forget the first
        clients, at = read(b, at)
        for _ in range(clients):
            client, at = read(b, at)
            count, at = read(b, at)
            if count > _FEW and client in known:
                at = scan_known_ranges(b, at, client, count, known[client], deletions)
            else:
                at = scan_ranges(b, at, client, count, deletions)
    except (IndexError, ValueError, RecursionError) as error:
        raise MalformedUpdate(f"not an update: {error}") from None
    if at != len(b):
        raise MalformedUpdate("bytes after the update's end")
    return blocks, deletions


def read_state_vector(state_vector: bytes) -> dict[int, int]:
    """A state vector's clocks by client. Raises MalformedUpdate."""
    clocks: dict[int, int] = {}
    try:
        count, at = read(state_vector, 0)
        if count > MAX_CLIENTS:
            raise MalformedUpdate(f"more than {MAX_CLIENTS} clients")
        for _ in range(count):
            client, at = read(state_vector, at)
            clocks[client], at = read(state_vector, at)
    except (IndexError, ValueError) as error:
        raise MalformedUpdate(f"not a state vector: {error}") from None
    if at != len(state_vector):
        raise MalformedUpdate("bytes after the state vector's end")
    return clocks


def begins_before(update: bytes, clocks: Mapping[int, int]) -> bool:
    """Whether the first struct of an update is older than these clocks by client; true of one without structs, of which
    it cannot be told. Any bytes will do: whether they are an update is for `scan` to say."""
    try:
        blocks, at = read(update, 0)
        if not blocks:
            return True
        _, client, _, clock, _ = read_head(update, at)
    except (IndexError, ValueError):
        return False
    return clock < clocks.get(client, 0)
