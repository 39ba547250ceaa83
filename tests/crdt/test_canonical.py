"""The state hash, in one order whatever order it is told in."""

from __future__ import annotations

from hashlib import sha256

from motet.crdt.canonical import snapshot_hash, state_hash


def test_the_hash_is_of_the_snapshot_in_yjs_s_order() -> None:
    """[D6] Deletes, then the state vector; clients from the highest down."""
    encoded = b"\2" + b"\x09\1\0\2" + b"\x05\2\1\1\4\3" + b"\2" + b"\x09\4" + b"\x05\x0a"
    assert state_hash({5: 10, 9: 4}, {5: [(1, 1), (4, 3)], 9: [(0, 2)]}) == sha256(encoded).hexdigest()


def test_ranges_are_sorted_and_merged() -> None:
    """[D6]"""
    merged = state_hash({5: 10}, {5: [(0, 8)]})
    assert state_hash({5: 10}, {5: [(6, 2), (0, 4), (4, 2)]}) == merged
    assert state_hash({5: 10}, {5: [(0, 8), (1, 2), (3, 0)]}) == merged


def test_clients_without_structs_or_deletes_do_not_count() -> None:
    """[D6]"""
    assert state_hash({5: 10, 6: 0}, {7: []}) == state_hash({5: 10}, {})


def test_a_snapshot_in_another_order_has_the_same_hash() -> None:
    """[D6] yrs writes clients as they come."""
    one = b"\2" + b"\x05\1\1\1" + b"\x09\1\0\2" + b"\2" + b"\x05\x0a" + b"\x09\4"
    other = b"\2" + b"\x09\1\0\2" + b"\x05\1\1\1" + b"\2" + b"\x09\4" + b"\x05\x0a"
    assert snapshot_hash(one) == snapshot_hash(other) == sha256(other).hexdigest()
