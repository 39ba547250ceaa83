"""A part of one struct, as Yjs writes it: what is left follows the id before it (Item.write and splice in Yjs)."""

from __future__ import annotations

from motet.crdt.replica.scan import ANY, DELETED, GC, HAS_ORIGIN, JSON, REF, SKIP, STRING, Struct
from motet.crdt.replica.values import Bytes, skip_text, skip_values, utf16_length
from motet.varint import read, write


def cut_text(text: bytes, a: int, z: int) -> bytes:
    """UTF-16 units [a, z) of UTF-8 text. Half a surrogate pair becomes U+FFFD, as in Yjs."""
    if text.isascii():
        return text[a:z]
    return text.decode().encode("utf-16-le")[2 * a : 2 * z].decode("utf-16-le", "replace").encode()


def cut_head(b: Bytes, struct: Struct, client: int, a: int, ref: int) -> bytes:
    """All before the content, of the struct's part from clock `a` on, with this content ref."""
    clock, _, start, _, _, _, rc, rk, content, _ = struct
    info = b[start] & ~REF | ref
    if a == clock:
        return bytes((info,)) + b[start + 1 : content]
    right = write(rc) + write(rk) if rc >= 0 else b""
    return bytes((info | HAS_ORIGIN,)) + write(client) + write(a - 1) + right


def cut_content(b: Bytes, struct: Struct, a: int, z: int) -> bytes:
    """The text or values of the ids [a, z), without the length or count in front."""
    clock, length, start, stop, _, _, _, _, content, _ = struct
    _, at = read(b, content)
    if a == clock and z == clock + length:
        return bytes(b[at:stop])
    ref = b[start] & REF
    if ref == STRING:
        return cut_text(bytes(b[at:stop]), a - clock, z - clock)
    first = at
    for k in range(clock, z):
        if k == a:
            first = at
        at = skip_values(b, at, [2], len(b)) if ref == ANY else skip_text(b, at)
    return bytes(b[first:at])


def split(b: Bytes, struct: Struct, client: int, most: int, walk: list[tuple[int, int]] | None) -> tuple[int, bytes]:
    """The struct at b, of text or values, as several of about `most` bytes: how many, and they."""
    clock, _, start, _, _, _, _, _, content, _ = struct
    ref = b[start] & REF
    _, at = read(b, content)
    ends = walk or (_text_ends(b, at, struct, most) if ref == STRING else _value_ends(b, at, struct, most))
    out: list[bytes] = []
    done = 0
    for count, end in ends:
        size = end - at if ref == STRING else count - done
        out += [cut_head(b, struct, client, clock + done, ref), write(size), bytes(b[at:end])]
        done, at = count, end
    return len(ends), b"".join(out)


def _text_ends(b: Bytes, at: int, struct: Struct, most: int) -> list[tuple[int, int]]:
    """Where text may be split: how many ids end where. Never inside a character, which would tear surrogate pairs."""
    ends, count, stop = [], 0, struct[3]
    while at < stop:
        end = min(at + most, stop)
        while end < stop and b[end] & 0xC0 == 0x80:
            end -= 1
        count += utf16_length(b[at:end])
        ends.append((count, end))
        at = end
    return ends


def _value_ends(b: Bytes, at: int, struct: Struct, most: int) -> list[tuple[int, int]]:
    """The same for values."""
    ref = b[struct[2]] & REF
    ends, first = [], at
    for count in range(1, struct[1] + 1):
        at = skip_values(b, at, [2], len(b)) if ref == ANY else skip_text(b, at)
        if at - first >= most or count == struct[1]:
            ends.append((count, at))
            first = at
    return ends


def part(b: Bytes, struct: Struct, client: int, a: int, z: int) -> bytes:
    """The struct at b, cut to its ids with clocks [a, z)."""
    clock, length, start, stop, *_ = struct
    if a == clock and z == clock + length:
        return bytes(b[start:stop])
    ref = b[start] & REF
    if ref in (GC, SKIP):
        return bytes((ref,)) + write(z - a)
    head = cut_head(b, struct, client, a, ref)
    if ref == DELETED:
        return head + write(z - a)
    content = cut_content(b, struct, a, z)
    if ref == STRING:
        return head + write(len(content)) + content
    assert ref in (ANY, JSON), "a struct of one id cannot be cut"
    return head + write(z - a) + content
