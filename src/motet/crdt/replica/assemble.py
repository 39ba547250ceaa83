"""An update, put together from cuts of lanes and deleted ranges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from motet.crdt.replica.ranges import Ranges
from motet.varint import write

NOTHING = b"\0\0"
"""The update that says nothing."""


class Cut(NamedTuple):
    """Structs of one client without a gap: first clock, the clock after the last, how many, and their bytes."""

    clock: int
    end: int
    structs: int
    data: bytes


def assemble(cuts: Mapping[int, list[Cut]], dead: Iterable[tuple[int, bytes]]) -> bytes:
    """An update of each client's cuts (in order, not overlapping; gaps become Skips) and encoded delete sets.

    Clients go from the highest id down, as Yjs writes them."""
    out = [write(len(cuts))]
    for client in sorted(cuts, reverse=True):
        at = cuts[client][0].clock
        body: list[bytes] = []
        count = 0
        for cut in cuts[client]:
            if cut.clock > at:
                body.append(b"\x0a" + write(cut.clock - at))
                count += 1
            body.append(cut.data)
            count += cut.structs
            at = cut.end
        out += [write(count), write(client), write(cuts[client][0].clock), *body]
    return b"".join(out + delete_sets(dead))


def delete_sets(dead: Iterable[tuple[int, bytes]]) -> list[bytes]:
    """The end of an update, in pieces."""
    sets = sorted(dead, reverse=True)
    out = [write(len(sets))]
    for client, encoded in sets:
        out += [write(client), encoded]
    return out


def encode_dead(dead: Mapping[int, Ranges]) -> list[tuple[int, bytes]]:
    """Delete sets, encoded, for `assemble`."""
    return [(client, ranges.encode()) for client, ranges in dead.items()]


def batches(pieces: Iterable[bytes], size: int = 256 << 10) -> Iterator[bytes]:
    """The same bytes in parts of about `size`, to be written one after the other."""
    held: list[bytes] = []
    total = 0
    for piece in pieces:
        for at in range(0, len(piece), size):
            part = piece[at : at + size]
            held.append(part)
            total += len(part)
            if total >= size:
                yield b"".join(held)
                held, total = [], 0
    if held:
        yield b"".join(held)
