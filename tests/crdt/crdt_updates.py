"""Builds updates by hand, for tests: structs of one client from a clock on, and deletes."""

from __future__ import annotations

from motet.crdt.replica import Replica
from motet.varint import write

Id = tuple[int, int]


def _id(id_: Id) -> bytes:
    return write(id_[0]) + write(id_[1])


def _string(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return write(len(data)) + data


def item(
    ref: int,
    content: bytes,
    origin: Id | None = None,
    right: Id | None = None,
    parent: str | Id = "t",
    sub: str | None = None,
) -> bytes:
    """An item with a content of any kind."""
    info = ref | (128 if origin else 0) | (64 if right else 0) | (32 if sub is not None else 0)
    out = bytes((info,))
    if origin:
        out += _id(origin)
    if right:
        out += _id(right)
    if not origin and not right:
        out += b"\1" + _string(parent) if isinstance(parent, str) else b"\0" + _id(parent)
        if sub is not None:
            out += _string(sub)
    return out + content


def text(s: str, origin: Id | None = None, right: Id | None = None, parent: str | Id = "t") -> bytes:
    """A string item."""
    return item(4, _string(s), origin, right, parent)


def values(*encoded: bytes, origin: Id | None = None, parent: str | Id = "t", sub: str | None = None) -> bytes:
    """An item of Any values."""
    return item(8, write(len(encoded)) + b"".join(encoded), origin, None, parent, sub)


def any_text(s: str) -> bytes:
    """A string as an Any value."""
    return b"\x77" + _string(s)


def array_type(origin: Id | None = None, parent: str | Id = "t", sub: str | None = None) -> bytes:
    """An item that is a Y.Array."""
    return item(7, b"\0", origin, None, parent, sub)


def map_type(parent: str | Id = "t", sub: str | None = None) -> bytes:
    """An item that is a Y.Map."""
    return item(7, b"\1", None, None, parent, sub)


def gc(length: int) -> bytes:
    """A GC struct."""
    return b"\0" + write(length)


def skip(length: int) -> bytes:
    """A Skip."""
    return b"\x0a" + write(length)


def deleted(length: int, origin: Id | None = None, parent: str | Id = "t") -> bytes:
    """An item whose content is deleted."""
    return item(1, write(length), origin, None, parent)


def block(client: int, clock: int, *structs: bytes) -> bytes:
    """A client's structs from a clock on."""
    return write(len(structs)) + write(client) + write(clock) + b"".join(structs)


def delete_set(deletes: dict[int, list[Id]]) -> bytes:
    """Ranges (clock, length) by client."""
    out = write(len(deletes))
    for client, ranges in deletes.items():
        out += write(client) + write(len(ranges)) + b"".join([write(a) + write(n) for a, n in ranges])
    return out


def update(*blocks: bytes, deletes: dict[int, list[Id]] | None = None) -> bytes:
    """An update of these blocks and deletes."""
    return write(len(blocks)) + b"".join(blocks) + delete_set(deletes or {})


def one(client: int, clock: int, *structs: bytes, deletes: dict[int, list[Id]] | None = None) -> bytes:
    """An update of one block."""
    return update(block(client, clock, *structs), deletes=deletes)


def vector(clocks: dict[int, int]) -> bytes:
    """A state vector."""
    return write(len(clocks)) + b"".join([write(client) + write(clock) for client, clock in clocks.items()])


def replica(*updates: bytes) -> Replica:
    """A replica that has taken these updates whole, with no news left."""
    made = Replica()
    for u in updates:
        assert made.take(u, 1) == 0
    made.news()
    return made


def compacted(made: Replica) -> Replica:
    """The replica, compacted."""
    for _ in made.compact():
        pass
    return made
