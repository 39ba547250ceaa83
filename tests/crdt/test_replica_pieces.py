"""A document in pieces: the same bytes as its encoding, for whoever writes a large one out."""

from __future__ import annotations

import random

import pytest
from pycrdt import Array, Doc

from motet.crdt import Documents, Replica, View, batches


def random_history(seed: int) -> Replica:
    """Authors who insert and delete concurrently, in segments that are full and one that is open."""
    chance = random.Random(seed)
    docs = [Doc[object]() for _ in range(3)]
    replica = Replica()
    for _ in range(40):
        doc = chance.choice(docs)
        doc.apply_update(replica.encode())
        array = doc.get("array", type=Array)
        with doc.transaction():
            for _ in range(chance.randrange(1, 40)):
                array.insert(chance.randrange(len(array) + 1), "x" * chance.choice((1, 50, 9000)))
            for _ in range(chance.randrange(5)):
                del array[chance.randrange(len(array))]
        replica.take(doc.get_update(replica.state_vector()), 0)
    return replica


@pytest.mark.parametrize("seed", range(5))
def test_the_pieces_are_the_whole_document(seed: int) -> None:
    replica = random_history(seed)
    assert b"".join(replica.pieces()) == replica.diff() == replica.encode()
    before, kept = replica.encode(), replica.pieces()
    for _ in replica.compact():
        pass
    assert b"".join(kept) == before  # what was given out does not change
    assert b"".join(replica.pieces()) == replica.diff()


def test_an_empty_document_has_pieces_too() -> None:
    assert b"".join(Replica().pieces()) == b"\0\0"


def test_batches_are_the_same_bytes_in_parts_of_about_a_size() -> None:
    """None is over twice the size, whatever the pieces are."""
    for pieces in ([], [b""], [b"abc"] * 50, [b"x" * 1000, b"y", b"z" * 33], [b"ab", b"c" * 9, b"d"] * 9):
        parts = list(batches(pieces, 10))
        assert b"".join(parts) == b"".join(pieces)
        assert all(10 <= len(part) < 20 for part in parts[:-1])
        assert all(parts)


async def test_a_view_can_be_asked_with_pieces() -> None:
    replica = random_history(9)
    documents = Documents()
    try:
        whole = await documents.view(replica.encode(), View.HASH)
        assert await documents.view(replica.pieces(), View.HASH) == whole
    finally:
        await documents.close()
