"""What nobody tells: a disk that hangs, a loop that is busy, keys that cannot be fetched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from motet.access import Access, OpenAccess, Rulings, built_in
from motet.config import Settings
from motet.errors import Unavailable
from motet.ids import RoomName, Seq
from motet.observability import Event, KeysUnavailable, ReadOnlyBegan, StoreFailed
from motet.persistence import Journal, Kind, MemoryStore, Row
from motet.rooms import Hub, Keeper, Watch, watch
from support.waiting import eventually

ROWS = [Row(RoomName("a"), "ada", 1, Kind.UPDATE, b"\0\0")]


class Disk(MemoryStore):
    """Writes when it is let, or fails."""

    def __init__(self) -> None:
        super().__init__()
        self.moves = asyncio.Event()
        self.moves.set()
        self.fails = False
        self.probes = 0

    async def _write(self) -> None:
        await self.moves.wait()
        if self.fails:
            raise Unavailable("disk I/O error")

    async def append(self, rows: Sequence[Row]) -> Sequence[Seq]:
        await self._write()
        return await super().append(rows)

    async def probe(self) -> None:
        self.probes += 1
        await self._write()


class Keys:
    """An issuer's keys."""

    failing_since: float | None = None
    last_error = "nobody answers"
    usable = True

    def retry(self) -> None: ...


class House:
    """A server that is watched a hundred times faster."""

    def __init__(self) -> None:
        self.disk = Disk()
        self.keys = Keys()
        self.events: list[Event] = []
        access = Access(OpenAccess(), built_in(), Rulings(), lambda: 0.0, is_open=True)
        self.journal = Journal(self.disk, 1 << 20, lambda: None)
        self.hub = Hub(Settings(), self.disk, self.journal, access, lambda name: None, self.events.append)
        self.keeper = Keeper(self.hub, lambda: 1 << 40)
        self.watch = Watch(self.hub, lambda: 0, self.keys)

    async def has(self, *reasons: str) -> dict[str, str]:
        """Waits until these are the reasons against readiness."""
        await eventually(lambda: set(self.hub.health.reasons) == set(reasons), f"reasons: {reasons}")
        return self.hub.health.reasons


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    for name, seconds in (("EVERY", 0.01), ("SLOW", 0.05), ("PROBE", 0.1)):
        monkeypatch.setattr(watch, name, seconds)
    monkeypatch.setattr("motet.rooms.keeper.SWEEP", 0.01)
    made = House()
    made.keeper.start()
    made.watch.start()
    yield made
    made.disk.moves.set()
    made.watch.stop()
    await made.keeper.stop()
    await made.journal.close()


async def test_a_commit_that_hangs_turns_readiness_red_until_one_is_fast(house: House) -> None:
    """[W14] While it hangs, not after."""
    house.disk.moves.clear()
    house.journal.submit(ROWS, lambda outcome: None)
    told = await house.has("commit")
    assert "the disk has taken" in told["commit"]
    since = house.hub.health.since["commit"]
    await asyncio.sleep(0.1)
    assert house.hub.health.since == {"commit": since}
    house.disk.moves.set()
    await house.has()  # by the next write, which is a probe if nobody writes


async def test_a_disk_that_hangs_is_seen_without_edits_too(house: House) -> None:
    """[W14] A durable write is tried from time to time."""
    house.disk.moves.clear()
    await house.has("commit")
    assert house.disk.probes == 1  # one waits, and no more are heaped on it
    house.disk.moves.set()
    await house.has()


async def test_a_disk_that_fails_is_seen_without_edits_too(house: House) -> None:
    """[W14] The server is read-only before somebody has typed in vain, and writes again by itself."""
    house.disk.fails = True
    await house.has("store")
    assert house.hub.read_only
    kinds = [type(event) for event in house.events]
    assert kinds.count(StoreFailed) == kinds.count(ReadOnlyBegan) == 1
    house.disk.fails = False
    await house.has()
    assert not house.hub.read_only


async def test_edits_are_the_probe_where_there_are_any(house: House) -> None:
    """[W14]"""
    for _ in range(20):
        house.journal.submit(ROWS, lambda outcome: None)
        await asyncio.sleep(0.02)
    assert house.disk.probes <= 1  # this machine may have been slow once


async def test_a_busy_loop_is_a_reason(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """[W13]"""
    monkeypatch.setattr("motet.observability.loop.LoopLag.worst", 2.5)
    assert (await house.has("loop"))["loop"] == "the event loop was busy for 2.5 s"
    monkeypatch.setattr("motet.observability.loop.LoopLag.worst", 1.9)
    await house.has()


async def test_keys_are_a_reason_only_when_none_can_be_used(house: House) -> None:
    """[W13] Until then it is an event, now and then."""
    house.keys.failing_since = house.hub.now() - 3.0
    await eventually(lambda: [e for e in house.events if isinstance(e, KeysUnavailable)], "it is told")
    assert house.hub.keys_failing
    assert house.hub.health.reasons == {}
    house.keys.usable = False
    assert (await house.has("keys"))["keys"] == "tokens cannot be checked: nobody answers"
    house.keys.failing_since = None
    await house.has()
    assert not house.hub.keys_failing
    assert len([e for e in house.events if isinstance(e, KeysUnavailable)]) == 1
