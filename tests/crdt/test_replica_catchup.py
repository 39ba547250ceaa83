"""Catch-up in updates of bounded size: in order, nothing is ever pending; nothing that was there is missed."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from crdt_updates import block, compacted, one, replica, text, update, values, vector

from motet.crdt.replica import Replica, read_state_vector
from motet.crdt.replica.catchup import STEP


def conversation(turns: int, clients: int = 3, seed: int = 7) -> list[bytes]:
    """Updates of clients that write after each other's last words, some of it deleted."""
    rnd = random.Random(seed)
    clocks = dict.fromkeys(range(1, clients + 1), 0)
    last: tuple[int, int] | None = None
    out = []
    for turn in range(turns):
        client = rnd.randrange(1, clients + 1)
        words = f"turn {turn} " * rnd.randrange(1, 12)
        at = clocks[client]
        gone = {client: [(at, 5)]} if rnd.random() < 0.3 else None
        out.append(update(block(client, at, text(words, origin=last)), deletes=gone))
        clocks[client] += len(words)
        last = (client, clocks[client] - 1)
    return out


def received(chunks: Iterable[bytes], reader: Replica) -> Replica:
    for chunk in chunks:
        assert reader.take(chunk, 1) == 0, "pending"
    return reader


@pytest.mark.parametrize("limit", [1, 10_000, 1 << 20])
@pytest.mark.parametrize("have", [{}, {1: 9_000, 2: 8_000}])
def test_each_chunk_stands_on_those_before_it(limit: int, have: dict[int, int]) -> None:
    """[C12]"""
    updates = conversation(6_000)
    r = replica(*updates)
    reader = Replica()
    if have:  # a peer that stopped listening somewhere
        for u in updates[:600]:
            reader.take(u, 1)
    chunks = list(r.chunks(reader.state_vector(), limit))
    assert received(chunks, reader).encode() == r.encode()
    assert max(map(len, chunks)) <= limit + STEP + 10_000
    assert len(chunks) >= len(r.encode()) // (limit + STEP + 10_000)


def test_a_current_peer_gets_the_deletes_in_one_chunk() -> None:
    """[C12]"""
    r = replica(*conversation(50))
    assert list(r.chunks(r.state_vector())) == [r.diff(r.state_vector())]
    assert list(Replica().chunks(b"\0")) == [b"\0\0"]


def test_many_deletes_come_in_several_chunks_after_the_structs() -> None:
    """[C12]"""
    ranges = [(k, 1) for k in range(0, 60_000, 2)]
    r = replica(one(7, 0, text("x" * 60_000)), update(deletes={7: ranges}))
    chunks = list(r.chunks(b"\0", 20_000))
    assert received(chunks, Replica()).state_hash() == r.state_hash()
    assert [chunk[:2] == b"\0\1" for chunk in chunks] == [False] + [True] * (len(chunks) - 1)
    assert max(map(len, chunks[1:])) < 30_000


def test_takes_and_compactions_in_between_lose_nothing() -> None:
    """[C12] What is taken after the start reaches the peer by broadcast."""
    updates = conversation(4_000)
    r = replica(*updates[:3_000])
    reader, news = Replica(), []
    goal = read_state_vector(r.state_vector())
    for turn, chunk in enumerate(r.chunks(b"\0", 20_000)):
        assert reader.take(chunk, 1) == 0
        for u in updates[3_000 + 50 * turn : 3_050 + 50 * turn]:
            r.take(u, 1)
            news.append(u)
        if turn % 3 == 0:
            compacted(r)
    assert all(read_state_vector(reader.state_vector())[client] >= clock for client, clock in goal.items())
    for u in news:
        assert reader.take(u, 1) == 0
    assert compacted(reader).encode() == compacted(r).encode()


def test_the_cuts_survive_reopening_loading_and_compaction() -> None:
    """[C12] [C14]"""
    r = replica(*conversation(6_000))
    for other in (
        Replica.open(r.encode(), r.sidecar()),
        Replica.load(r.encode()),
        compacted(replica(*conversation(6_000))),
    ):
        chunks = list(other.chunks(b"\0", 50_000))
        assert len(chunks) > 3
        assert received(chunks, Replica()).state_hash() == r.state_hash()
        assert max(map(len, chunks)) <= 50_000 + STEP + 40_000


def test_a_refused_update_leaves_no_cut_behind() -> None:
    """[C3] [C12]"""
    r = replica(one(7, 0, text("ab", parent="one"), text("cd", parent="two")))
    big = text("x" * (STEP + 1), parent="three")
    torn = values(b"\x7e", origin=(7, 0))
    bad = update(block(8, 0, big, torn[:1].replace(b"\x88", b"\xc8") + torn[1:3] + b"\7\2" + torn[3:]))
    with pytest.raises(Exception, match="lists"):
        r.take(bad, 1)
    assert received(r.chunks(b"\0"), Replica()).encode() == r.encode()
    assert r.take(one(9, 0, text("y" * (STEP + 1))), 1) == 0
    assert received(r.chunks(b"\0", 1), Replica()).encode() == r.encode()
    assert r.diff(vector({9: 1})) != r.encode()
