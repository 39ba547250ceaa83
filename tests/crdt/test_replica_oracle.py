"""The replica against the slow oracle, on histories made by pycrdt and on hand-made ones with everything allowed."""

from __future__ import annotations

import random
import secrets
from typing import Any

import pytest
from crdt_updates import block, compacted, deleted, gc, item, skip, text, update, values
from pycrdt import Array, Doc, Map, Text
from replica_fuzz import drain

from motet.crdt.replica import Replica, read_state_vector
from motet.crdt.replica.check import Model


def pycrdt_history(rnd: random.Random) -> list[bytes]:
    """Updates of three pycrdt documents that sync at times."""
    out: list[bytes] = []
    docs: list[Doc[Any]] = [Doc(client_id=rnd.randrange(1, 2**31)) for _ in range(3)]
    for doc in docs:
        doc.get("t", type=Text), doc.get("m", type=Map), doc.get("a", type=Array)
    for _ in range(rnd.randrange(20, 60)):
        doc = rnd.choice(docs)
        before = doc.get_state()
        t, m, a = doc.get("t", type=Text), doc.get("m", type=Map), doc.get("a", type=Array)
        kind = rnd.randrange(6)
        if kind < 2:
            t.insert(rnd.randrange(len(t) + 1), rnd.choice(("a", "word ", "xyz")))
        elif kind == 2 and len(t):
            at = rnd.randrange(len(t))
            del t[at : min(len(t), at + rnd.randrange(1, 4))]
        elif kind == 3:
            m[f"k{rnd.randrange(3)}"] = rnd.choice((1, 2.5, "v", [1, {"a": None}], True))
        elif kind == 4:
            a.insert(rnd.randrange(len(a) + 1), rnd.choice((1, "v", {"x": [1]})))
        elif len(a):
            del a[rnd.randrange(len(a))]
        out.append(doc.get_update(before))
        if rnd.random() < 0.3:
            other = rnd.choice(docs)
            other.apply_update(doc.get_update(other.get_state()))
    return out


class Maker:
    """Makes valid updates by hand: any struct after any other, in any list, gaps and all."""

    def __init__(self, rnd: random.Random) -> None:
        self._rnd = rnd
        self._clocks = dict.fromkeys(rnd.sample(range(1, 200), 4), 0)
        self._lists: dict[str, list[tuple[int, int]]] = {"t": [], "u": []}

    def make(self) -> bytes:
        blocks = []
        for client in self._rnd.sample(list(self._clocks), self._rnd.randrange(1, 3)):
            clock = self._clocks[client]
            structs = [self._struct(client) for _ in range(self._rnd.randrange(1, 4))]
            blocks.append(block(client, clock, *structs))
        return update(*blocks, deletes=self._deletes())

    def _struct(self, client: int) -> bytes:
        rnd, clock = self._rnd, self._clocks[client]
        name = rnd.choice(("t", "u"))
        ids = self._lists[name]
        kind = rnd.randrange(8)
        if kind == 0:
            self._clocks[client] += 3
            return gc(3)
        place: dict[str, Any] = {"parent": name}
        if ids and rnd.random() < 0.8:
            place["origin"] = (client, clock - 1) if (client, clock - 1) in ids else rnd.choice(ids)
        length = 1
        if kind < 5:
            s = rnd.choice(("a", "hello", "é日", "xyü"))
            length = len(s.encode("utf-16-le")) // 2
            made = text(s, right=rnd.choice(ids) if ids and rnd.random() < 0.5 else None, **place)
        elif kind == 5:
            length = 2
            made = values(b"\x7e", b"\x7d\x05", **place)
        elif kind == 6:
            length = 4
            made = deleted(4, **place)
        else:
            made = item(5, b"\2{}", place.get("origin"), None, name)
        ids += [(client, clock + k) for k in range(length)]
        self._clocks[client] += length
        return made

    def _deletes(self) -> dict[int, list[tuple[int, int]]]:
        out: dict[int, list[tuple[int, int]]] = {}
        for client, clock in self._clocks.items():
            if clock and self._rnd.random() < 0.2:
                a = self._rnd.randrange(clock)
                out[client] = [(a, self._rnd.randrange(1, clock - a + 1))]
        return out


def made_history(rnd: random.Random) -> list[bytes]:
    maker = Maker(rnd)
    return [maker.make() for _ in range(30)]


SEEDS = [*range(30), *[None] * 5]


@pytest.mark.parametrize("history", [pycrdt_history, made_history])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_replica_agrees_with_the_oracle(seed: int | None, history: Any) -> None:
    """[C1] [C2] [C5] [C7] [C9] [C11]"""
    seed = secrets.randbelow(1 << 30) if seed is None else seed
    print(f"seed {seed}")
    rnd = random.Random(seed)
    updates = history(rnd)
    if rnd.random() < 0.7:
        rnd.shuffle(updates)
    updates += rnd.sample(updates, 5)
    model, r = Model(), Replica()
    tickets: set[int] = set()
    listener, merged = Model(), Model()
    for u in updates:
        ticket = drain(r, u, 1) if rnd.random() < 0.3 else r.take(u, rnd.randrange(3))
        tickets |= {ticket} - {0}
        model.take(u)
        if rnd.random() < 0.5:
            news = r.news()
            if news is not None:
                tickets -= set(news.ripe)
                merged.take(news.update)
                for _, part in news.authors:
                    listener.take(part)
        assert bool(r.waiting_bytes) == model.waits
        assert read_state_vector(r.state_vector()) == model.state_vector()
    assert model.agrees_with(r.encode()) == ""
    news = r.news()
    if news is not None:
        tickets -= set(news.ripe)
        merged.take(news.update)
        for _, part in news.authors:
            listener.take(part)
    assert tickets == set()
    for heard in (merged, listener):
        assert heard.state_vector() == model.state_vector()
        assert heard.dead == model.dead
    assert model.agrees_with(compacted(r).encode()) == ""


def test_the_oracle_sees_a_gap() -> None:
    """[C7]"""
    model = Model()
    model.take(update(block(7, 0, text("ab"), skip(1), text("d", origin=(7, 2)))))
    assert model.waits
    assert model.state_vector() == {7: 2}
