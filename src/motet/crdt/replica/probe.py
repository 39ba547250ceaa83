"""The probe: a question that makes a Yjs peer say what it holds, and what its answer tells.

A peer answers a state vector with content, never with its own vector. But to a vector with every clock lowered by one
it answers with the last id of each client, and with its whole delete set (Yjs's `encodeStateAsUpdate`). So the answer's
ends are its vector; a client that is not in it is one of which the peer lacks the last id at least.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from typing import Final, NamedTuple

from motet.crdt.replica.ranges import Ranges
from motet.crdt.replica.scan import MAX_CLIENTS, read_head, scan_block, scan_ranges
from motet.errors import MalformedUpdate
from motet.varint import read, write

_STEP: Final = 256
"""Structs, or deleted ranges, between two yields; about 0.5 ms."""

SHOWN: Final = 20
"""Clients of a state vector that are written out as text."""


class Holding(NamedTuple):
    """What a replica holds: each client's next clock, and its deleted ids."""

    ends: Mapping[int, int]
    dead: Mapping[int, Ranges]


class Lack(NamedTuple):
    """The first ids, of the lowest client id, that one of two should hold as the other does and does not."""

    client: int
    start: int
    end: int


def lowered(ends: Mapping[int, int], whole: Collection[int] = ()) -> bytes:
    """The state vector to ask with; of the clients in `whole` everything is asked for."""
    return state_vector({client: end - 1 for client, end in ends.items() if end > 1 and client not in whole})


def state_vector(ends: Mapping[int, int]) -> bytes:
    """The clocks, encoded."""
    return write(len(ends)) + b"".join([write(client) + write(clock) for client, clock in ends.items()])


def holding(update: bytes) -> Generator[None, None, Holding]:
    """What the sender of an answer holds, read in steps. Raises MalformedUpdate."""
    ends: dict[int, int] = {}
    dead: dict[int, Ranges] = {}
    try:
        blocks, at = read(update, 0)
        if blocks > MAX_CLIENTS:
            raise MalformedUpdate(f"more than {MAX_CLIENTS} clients")
        for _ in range(blocks):
            count, client, me, clock, at = read_head(update, at)
            while count:
                structs, at = scan_block(update, at, me, client, clock, min(count, _STEP))
                clock = structs[-1][0] + structs[-1][1]
                count -= len(structs)
                yield
            ends[client] = clock
        clients, at = read(update, at)
        for _ in range(clients):
            client, at = read(update, at)
            count, at = read(update, at)
            ranges = dead.setdefault(client, Ranges())
            while count:
                some = min(count, _STEP)
                at = yield from _add(ranges, update, at, client, some)
                count -= some
    except (IndexError, ValueError, RecursionError) as error:
        raise MalformedUpdate(f"not an update: {error}") from None
    return Holding(ends, dead)


def _add(ranges: Ranges, update: bytes, at: int, client: int, count: int) -> Generator[None, None, int]:
    deletions: list[tuple[int, int, int]] = []
    at = scan_ranges(update, at, client, count, deletions)
    for _, a, z in deletions:
        if a < z:
            ranges.add(a, z)
    yield
    return at


def lack(ours: Holding, theirs: Holding) -> Generator[None, None, Lack | None]:
    """The first that we hold and they do not, in steps; None if they hold all of it. What they hold beyond it does not
    matter: it was taken from their answer, or it is what every reader deletes by itself."""
    looked = 0
    for client in sorted(ours.ends.keys() | ours.dead.keys()):
        have, end = theirs.ends.get(client, 0), ours.ends.get(client, 0)
        if have < end:
            return Lack(client, have, end)
        ranges, others = ours.dead.get(client), theirs.dead.get(client)
        if ranges is None:
            continue
        looked += ranges.count
        if looked >= _STEP:
            looked = 0
            yield
        if others is None or ranges.encode() != others.encode():
            found = yield from _undead(ranges, others if others is not None else Ranges())
            if found is not None:
                return Lack(client, *found)
    return None


def _undead(ranges: Ranges, others: Ranges) -> Generator[None, None, tuple[int, int] | None]:
    """The first part of the ranges that is not in the others."""
    for n, (a, z) in enumerate(_all(ranges), 1):
        for missing in others.missing(a, z):
            return missing
        if n % _STEP == 0:
            yield
    return None


def _all(ranges: Ranges) -> Iterator[tuple[int, int]]:
    for page in list(ranges.pages):
        yield from zip(*page.load(), strict=True)


def as_text(ends: Mapping[int, int], first: int) -> str:
    """A state vector as `client:clock` with spaces between, the client in question first, the rest cut short."""
    clients = [first, *sorted(ends.keys() - {first})]
    text = " ".join([f"{client}:{ends.get(client, 0)}" for client in clients[:SHOWN]])
    return text if len(clients) <= SHOWN else f"{text} and {len(clients) - SHOWN} more"
