"""Healthy histories raise no alarm, whatever people do: concurrent edits, offline work, compaction, restarts."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pycrdt import Array, Map, Snapshot, Text, XmlElement, XmlText
from rooms_convergence_harness import ROOM, Device, House

from motet.crdt import Documents, View
from motet.crdt.canonical import snapshot_hash
from motet.crdt.views import read
from motet.errors import Unavailable
from motet.sync import Update
from support import seeds

WORDS = ("a", "hello ", "é", "日本", "x" * 40)  # pycrdt corrupts text when an edit splits a surrogate pair


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for real."""
    monkeypatch.setattr("motet.rooms.convergence.PATIENCE", 0.5)
    monkeypatch.setattr("motet.rooms.probing.ANSWER", 0.02)
    monkeypatch.setattr("motet.rooms.steps.PAUSE", 0.0)
    monkeypatch.setattr("motet.persistence.journal.GATHER", 0.0)


@pytest.fixture
async def documents() -> AsyncIterator[Documents]:
    made = Documents()
    yield made
    await made.close()


class History:
    """One room's life, at random."""

    def __init__(self, seed: int, documents: Documents) -> None:
        self.rnd = random.Random(seed)
        self.house = House(documents)
        self.house.devices = [Device(self.house) for _ in range(self.rnd.randint(2, 4))]
        self.checks: list[asyncio.Future[None]] = []

    # ---- edits

    def value(self) -> object:
        return self.rnd.choice((1, 2.5, "s", None, True, [1, 2], {"a": 1}, b"\1\2"))

    def edit(self, device: Device) -> None:
        rnd = self.rnd
        with device.doc.transaction():
            for _ in range(rnd.choice((1, 1, 1, 3))):
                rnd.choice((self.edit_text, self.edit_text, self.edit_map, self.edit_array, self.edit_xml))(device)

    def edit_text(self, device: Device) -> None:
        rnd, text = self.rnd, device.text
        size = len(str(text))
        if size and rnd.random() < 0.4:
            start = rnd.randrange(size)
            self._within(text, start, min(size, start + rnd.randint(1, 6)))
        elif rnd.random() < 0.5:
            text += rnd.choice(WORDS)
        else:
            text.insert(len(str(text)[: rnd.randint(0, size)].encode()), rnd.choice(WORDS))

    def _within(self, text: Text, start: int, end: int) -> None:
        """Offsets in characters; pycrdt's are in bytes of UTF-8."""
        whole = str(text)
        first, last = len(whole[:start].encode()), len(whole[:end].encode())
        if self.rnd.random() < 0.3:
            text.format(first, last, {"bold": self.rnd.choice((True, None))})
        else:
            del text[first:last]

    def edit_map(self, device: Device) -> None:
        rnd, key = self.rnd, self.rnd.choice("abc")
        held = device.map.get(key)
        if isinstance(held, Map) and rnd.random() < 0.6:
            held[rnd.choice("xy")] = self.value()
        elif isinstance(held, Array) and rnd.random() < 0.6:
            held.append(self.value())
        elif isinstance(held, Text) and rnd.random() < 0.6:
            held += rnd.choice(WORDS)
        elif held is not None and rnd.random() < 0.3:
            del device.map[key]
        else:
            device.map[key] = rnd.choice((self.value(), Map({"q": 1}), Array([1, 2]), Text("nested")))

    def edit_array(self, device: Device) -> None:
        rnd, array = self.rnd, device.array
        if len(array) and rnd.random() < 0.4:
            del array[rnd.randrange(len(array))]
        else:
            array.insert(rnd.randint(0, len(array)), rnd.choice((self.value(), Map({"k": 1}))))

    def edit_xml(self, device: Device) -> None:
        rnd, children = self.rnd, device.xml.children
        if not len(children) or rnd.random() < 0.4:
            children.append(rnd.choice((XmlElement("p", {"c": "1"}, []), XmlText("words"))))
        elif rnd.random() < 0.3:
            del children[rnd.randrange(len(children))]
        else:
            child = children[rnd.randrange(len(children))]
            if isinstance(child, XmlText):
                child.insert(0, rnd.choice(WORDS))
            else:
                child.children.append(rnd.choice((XmlElement("b", {}, []), XmlText("in"))))

    # ---- what happens

    async def step(self) -> None:
        rnd, house = self.rnd, self.house
        device = rnd.choice(house.devices)
        what = rnd.random()
        if what < 0.45:
            self.edit(device)
        elif what < 0.8:
            device.pump(rnd.choice((1, 2, 100)))
            await asyncio.sleep(0)
        elif what < 0.85:
            device.leave()
        elif what < 0.92:
            await device.join()
        elif what < 0.95:
            await self.compact()
        elif what < 0.97:
            await house.restart()
        elif ROOM in house.hub.served:
            self.checks.append(asyncio.ensure_future(house.convergence.check(house.hub.served[ROOM])))

    async def compact(self) -> None:
        """With a snapshot, or in memory alone."""
        served = self.house.hub.served.get(ROOM)
        if served is None:
            return
        for _ in served.room.replica.compact():
            if self.rnd.random() < 0.3:
                break
        if self.rnd.random() < 0.6:
            await self.house.keeper.compact(served)

    async def live(self) -> None:
        """The whole of it; at the end everybody is there, and everything has arrived."""
        house = self.house
        for _ in range(self.rnd.randint(15, 50)):
            await self.step()
        for device in house.devices:
            await device.join()
        await house.settle()
        if self.checks:
            done = await asyncio.gather(*self.checks, return_exceptions=True)
            assert all(result is None or isinstance(result, Unavailable) for result in done), done
        await house.settle()
        await house.check()  # what its answers bring is news
        before = house.convergence.looks
        await house.check()
        assert house.convergence.looks > before
        assert [str(event) for event in house.found] == []
        contents = [device.content() for device in house.devices]
        assert all(content == contents[0] for content in contents)

    async def plant(self) -> str:
        """Something gets lost, or is spoilt; what."""
        rnd, house = self.rnd, self.house
        kind = rnd.choice(("member", "memory", "log"))
        if kind == "member":
            author, victim = rnd.sample(house.devices, 2)
            victim.loses = lambda message: isinstance(message, Update)
            while not author.outbox:
                self.edit(author)
            await house.settle()
            victim.loses = lambda message: False
            return kind
        author = rnd.choice(house.devices)
        author.text += "something"
        await house.settle()
        del author.text[0:2]
        await house.settle()
        if kind == "memory":
            dead = house.room.replica._store.dead
            del dead[rnd.choice([client for client, ranges in dead.items() if ranges.count])]
        else:
            stored = house.store._rooms[ROOM]
            n = rnd.choice([n for n, row in enumerate(stored.rows) if row.seq > stored.covered])
            stored.rows[n] = replace(stored.rows[n], data=b"\0\0")
        return kind


async def live(seed: int, documents: Documents) -> int:
    """How many comparisons could tell something."""
    history = History(seed, documents)
    try:
        async with asyncio.timeout(60):
            await history.live()
        await history.house.close()
    except BaseException as e:
        e.add_note(f"seed {seed}")
        raise
    return history.house.convergence.looks


@pytest.mark.parametrize("first", [0, seeds.fresh()], ids=["fixed", "fresh"])
async def test_healthy_histories_raise_no_alarm(first: int, documents: Documents) -> None:
    """[V1] [V2] [V3] [V5] Texts, maps, arrays and XML with implicit deletes; offline members; looks between."""
    looks = 0
    for seed in range(first, first + 100):
        looks += await live(seed, documents)
    assert looks > 300


@pytest.mark.parametrize("first", [0, seeds.fresh()], ids=["fixed", "fresh"])
async def test_what_is_planted_into_healthy_histories_is_found_and_healed(first: int, documents: Documents) -> None:
    """[V2] [V3] [V6] [V7] The same, and then a member, a memory or a log loses something."""
    planted: Counter[str] = Counter()
    for seed in range(first, first + 60):
        history = History(seed, documents)
        house = history.house
        await history.live()
        kind = await history.plant()
        before = await differences(house)
        await house.check()
        await house.check()
        assert [event.kind for event in house.found] == ([kind.replace("memory", "log")] if before else []), seed
        assert len(house.healed) == len(house.found), seed
        assert not await differences(house), seed
        assert all(device.content() == house.devices[0].content() for device in house.devices), seed
        planted[kind] += before
        await house.close()
    assert min(planted[kind] for kind in ("member", "memory", "log")) > 1


async def differences(house: House) -> bool:
    """Whether the log, read by pycrdt, is another document than somebody's."""
    stored = await house.logged()
    log, memory = (read(replica.encode(), View.HASH, None) for replica in (stored, house.room.replica))
    members = [snapshot_hash(Snapshot.from_doc(device.doc).encode()) for device in house.devices]
    return len({log, memory, *members}) > 1


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_ten_thousand_healthy_histories_raise_no_alarm(documents: Documents) -> None:
    """[V1] [V2] [V3] [V5]"""
    first = seeds.fresh()
    looks = 0
    for seed in range(first, first + 10_000):
        looks += await live(seed, documents)
    print(f"{looks} comparisons; seeds from {first}")
    assert looks > 30_000
