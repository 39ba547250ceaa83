"""The exact state of a document as one hash, equal in every replica of it that has integrated the same.

It is the SHA-256 of Yjs's `encodeSnapshot(snapshot(doc))` in the order that Yjs 13.6 writes: clients from the highest
to the lowest, each client's deleted ranges sorted and merged. In a browser: sha256 of `encodeSnapshot(snapshot(doc))`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

from motet import varint
from motet.crdt.replica import read_state_vector

Range = tuple[int, int]
"""A deleted range of clocks: its start and its length."""


def state_hash(state_vector: Mapping[int, int], deletes: Mapping[int, Iterable[Range]]) -> str:
    """64 hexadecimal digits. What became GC is deleted too; the ranges may come in any order, and touch or overlap."""
    out = bytearray()
    dead = {client: ranges for client in sorted(deletes, reverse=True) if (ranges := _merge(deletes[client]))}
    out += varint.write(len(dead))
    for client, ranges in dead.items():
        out += varint.write(client) + varint.write(len(ranges))
        for start, length in ranges:
            out += varint.write(start) + varint.write(length)
    ends = sorted(((client, end) for client, end in state_vector.items() if end), reverse=True)
    out += varint.write(len(ends))
    for client, end in ends:
        out += varint.write(client) + varint.write(end)
    return sha256(out).hexdigest()


def _merge(ranges: Iterable[Range]) -> list[Range]:
    merged: list[Range] = []
    for start, length in sorted(ranges):
        if merged and start <= sum(merged[-1]):
            first = merged[-1][0]
            merged[-1] = (first, max(sum(merged[-1]), start + length) - first)
        elif length:
            merged.append((start, length))
    return merged


def snapshot_hash(snapshot: bytes) -> str:
    """The state hash of an encoded snapshot (Yjs v1: the deletes, then the state vector), whatever its order."""
    deletes: dict[int, list[Range]] = {}
    clients, at = varint.read(snapshot, 0)
    for _ in range(clients):
        client, at = varint.read(snapshot, at)
        count, at = varint.read(snapshot, at)
        for _ in range(count):
            start, at = varint.read(snapshot, at)
            length, at = varint.read(snapshot, at)
            deletes.setdefault(client, []).append((start, length))
    return state_hash(read_state_vector(snapshot[at:]), deletes)
