"""A part of one struct, as Yjs writes it: what is left follows the id before it (Item.write and splice in Yjs)."""

from __future__ import annotations

from motet.crdt.replica.scan import (
    ANY,
    DELETED,
    GC,
    HAS_ORIGIN,
    JSON,
    REF,
    SKIP,
    STRING,
    Bytes,
    Struct,
    skip_text,
    skip_values,
)
from motet.varint import read, write


def cut_text(text: bytes, a: int, z: int) -> bytes:
    """UTF-16 units [a, z) of UTF-8 text. Half a surrogate pair becomes U+FFFD, as in Yjs."""
    if text.isascii():
        return text[a:z]
    return text.decode().encode("utf-16-le")[2 * a : 2 * z].decode("utf-16-le", "replace").encode()


def _cut_values(b: Bytes, content: int, ref: int, a: int, z: int) -> bytes:
    _, at = read(b, content)
    first = at
    for i in range(z):
        if i == a:
            first = at
        at = skip_values(b, at, [2], len(b)) if ref == ANY else skip_text(b, at)
    return write(z - a) + bytes(b[first:at])


def part(b: Bytes, struct: Struct, client: int, a: int, z: int) -> bytes:
    """The struct at b, cut to its ids with clocks [a, z)."""
    clock, length, start, stop, _, _, rc, rk, content, _ = struct
    if a == clock and z == clock + length:
        return bytes(b[start:stop])
    info = b[start]
    ref = info & REF
    if ref in (GC, SKIP):
        return bytes((ref,)) + write(z - a)
    if a == clock:
        head = bytes(b[start:content])
    else:
        head = bytes((info | HAS_ORIGIN,)) + write(client) + write(a - 1)
        if rc >= 0:
            head += write(rc) + write(rk)
    if ref == DELETED:
        return head + write(z - a)
    if ref == STRING:
        _, at = read(b, content)
        text = cut_text(bytes(b[at:stop]), a - clock, z - clock)
        return head + write(len(text)) + text
    if ref in (ANY, JSON):
        return head + _cut_values(b, content, ref, a - clock, z - clock)
    raise AssertionError("a struct of one id cannot be cut")
