"""Small updates that are well-formed, put together as an input says: they refer to and contradict each other."""

from __future__ import annotations

from choices import Choices

from motet.varint import write, write_bytes

FIRST = 101
"""The lowest of their client ids."""
CLIENTS = 4
ROOTS = ("t", "comments", "m")


def made_update(choices: Choices) -> bytes:
    """An update of one or two clients, with up to two deletes."""
    shape = choices.byte()
    first, two = shape % CLIENTS, shape >> 7
    blocks = [_block(choices, FIRST + (first + n) % CLIENTS) for n in range(1 + two)]
    deletes = [_delete(choices) for _ in range(choices.below(3))]
    return write(len(blocks)) + b"".join(blocks) + write(len(deletes)) + b"".join(deletes)


def _delete(choices: Choices) -> bytes:
    """One range, of a client that the delete set may name again: nobody says that it may not."""
    at = choices.byte()
    return write(FIRST + at % CLIENTS) + b"\1" + write(at // CLIENTS % 16) + write(1 + choices.below(4))


def _id(choices: Choices) -> bytes:
    at = choices.byte()
    return write(FIRST + at % CLIENTS) + write(at // CLIENTS % 16)


def _block(choices: Choices, client: int) -> bytes:
    clock, count = choices.below(16), 1 + choices.below(3)
    head, at, structs = write(count) + write(client) + write(clock), clock, []
    for _ in range(count):
        struct, length = _struct(choices, client, at)
        structs.append(struct)
        at += length
    return head + b"".join(structs)


def _struct(choices: Choices, client: int, clock: int) -> tuple[bytes, int]:
    kind, place = choices.below(9), choices.byte()
    if kind == 0:
        return b"\0\2", 2
    ref, content, length = (
        (4, b"\2ab", 2),
        (4, b"\1c", 1),
        (8, b"\2\x7e\x7f", 2),
        (8, b"\1\x7e", 1),
        (7, b"\1", 1),
        (7, b"\0", 1),
        (1, b"\3", 3),
        (4, b"\x04\xf0\x9f\x98\x80", 2),
    )[kind - 1]
    if place & 1 and clock:
        return bytes((ref | 128,)) + write(client) + write(clock - 1) + content, length
    info, refs = ref, b""
    if place & 2:
        info, refs = info | 128, refs + _id(choices)
    if place & 4:
        info, refs = info | 64, refs + _id(choices)
    if not info & 192:
        refs = b"\0" + _id(choices) if place & 8 else b"\1" + write_bytes(ROOTS[place % len(ROOTS)].encode())
        if place & 16:
            info, refs = info | 32, refs + write_bytes(b"k%d" % (place >> 6))
    return bytes((info,)) + refs + content, length
