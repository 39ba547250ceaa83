"""The contract of a store, as tests: subclass `StoreContract`, say how to open your store, and let pytest collect it.

Needs nothing but asyncio support in the test runner (pytest-asyncio's auto mode). Rule numbers are PROTOCOL.md's.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from motet.errors import RoomDeleted
from motet.ids import RoomName, Seq
from motet.persistence.contract_model import OTHER, ROOM, data_of, play, raises, row
from motet.persistence.port import Kind, RoomInfo, RoomOutline, RowInfo, Snapshot, Store, StoredRoom, StoredRow


class StoreContract:
    """What every store does."""

    durable: ClassVar[bool] = True
    """Whether what was written is there when the store is opened again."""

    async def open_store(self) -> Store:
        """Opens the store under test: a new one for each test, and in one test the same again after `close`."""
        raise NotImplementedError

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Store]:
        store = await self.open_store()
        try:
            yield store
        finally:
            await store.close()

    async def test_a_room_that_was_never_written_is_absent(self) -> None:
        """[P5]"""
        async with self._opened() as store:
            assert await store.load(ROOM) is None
            await store.append([row(b"x", OTHER)])
            assert await store.load(ROOM) is None

    async def test_rows_come_back_as_they_were_appended(self) -> None:
        """[P2]"""
        rows = [
            row(b"one", author="ada", at=7),
            row(b"", author="", at=0),
            row(bytes(range(256)) * 300, author="žofie \x00 🦊", at=2**42, kind=Kind.SEED),
        ]
        async with self._opened() as store:
            assert list(await store.append(rows)) == [1, 2, 3]
            loaded = await store.load(ROOM)
        stored = tuple(StoredRow(Seq(i), r.author, r.at, r.kind, r.data) for i, r in enumerate(rows, 1))
        assert loaded == StoredRoom(Seq(3), None, stored)

    async def test_an_outline_is_the_newest_rows_and_the_snapshot_without_their_bytes(self) -> None:
        """[P4]"""
        async with self._opened() as store:
            assert await store.outline(ROOM, 2) is None
            await store.append([row(b"a" * n, author=f"a{n}", at=n) for n in (1, 2, 3)])
            newest = (RowInfo(Seq(3), "a3", 3, 3), RowInfo(Seq(2), "a2", 2, 2))
            assert await store.outline(ROOM, 2) == RoomOutline(Seq(3), Seq(0), None, 0, newest)
            await store.compact(ROOM, Snapshot(Seq(3), b"whole", b"", 9), keep_rows=False)
            assert await store.outline(ROOM, 2) == RoomOutline(Seq(3), Seq(3), 9, 5, ())
            await store.delete(ROOM, 1, absent_too=False)
            await raises(RoomDeleted, store.outline(ROOM, 2))

    async def test_numbers_are_gapless_in_each_room_of_a_batch(self) -> None:
        """[P2]"""
        async with self._opened() as store:
            assert list(await store.append([row(b"a"), row(b"b", OTHER), row(b"c"), row(b"d", OTHER)])) == [1, 1, 2, 2]
            assert list(await store.append([])) == []
            assert list(await store.append([row(b"e", OTHER), row(b"f")])) == [3, 3]

    async def test_the_order_is_that_of_appending_not_of_clocks(self) -> None:
        """[P2]"""
        async with self._opened() as store:
            await store.append([row(b"late", at=900), row(b"early", at=1)])
            await store.append([row(b"earlier", at=0)])
            assert data_of(await store.load(ROOM)) == [b"late", b"early", b"earlier"]

    async def test_a_batch_may_be_larger_than_a_statement(self) -> None:
        """[P2]"""
        rows = [row(b"%d" % i, ROOM if i % 3 else OTHER) for i in range(9_001)]
        async with self._opened() as store:
            await store.append([row(b"first")])
            seqs = await store.append(rows)
            assert [s for s, r in zip(seqs, rows, strict=True) if r.room == ROOM] == list(range(2, 6_002))
            assert data_of(await store.load(OTHER)) == [r.data for r in rows if r.room == OTHER]

    async def test_overlapping_appends_keep_rooms_gapless(self) -> None:
        """[P2]"""
        async with self._opened() as store:
            done = await asyncio.gather(*(store.append([row(b"%d" % i), row(b"x", OTHER)]) for i in range(50)))
            assert sorted(seqs[0] for seqs in done) == list(range(1, 51))
            loaded = await store.load(ROOM)
            assert loaded is not None
            by_seq = {seqs[0]: b"%d" % i for i, seqs in enumerate(done)}
            assert all(by_seq[r.seq] == r.data for r in loaded.tail)

    async def test_a_room_is_created_once(self) -> None:
        """[P8]"""
        async with self._opened() as store:
            seed = [row(b"seed", kind=Kind.SEED), row(b"more")]
            assert await store.create(seed)
            assert not await store.create([row(b"again", kind=Kind.SEED)])
            assert data_of(await store.load(ROOM)) == [b"seed", b"more"]
            await store.append([row(b"x", OTHER)])
            assert not await store.create([row(b"late", OTHER)])

    async def test_of_many_who_create_a_room_one_does(self) -> None:
        """[P8]"""
        async with self._opened() as store:
            won = await asyncio.gather(*(store.create([row(b"%d" % i)]) for i in range(20)))
            assert sum(won) == 1
            assert data_of(await store.load(ROOM)) == [b"%d" % won.index(True)]

    async def test_a_snapshot_stands_for_the_rows_up_to_it(self) -> None:
        """[P4] [P7]"""
        for keep_rows in (False, True):
            room = RoomName(f"keep {keep_rows}")
            async with self._opened() as store:
                await store.append([row(b"%d" % i, room) for i in range(1, 6)])
                snapshot = Snapshot(Seq(3), b"123", b"sidecar", 77)
                await store.compact(room, snapshot, keep_rows)
                loaded = await store.load(room)
                assert loaded is not None
                assert (loaded.head, loaded.snapshot, data_of(loaded)) == (5, snapshot, [b"4", b"5"])
                assert list(await store.append([row(b"6", room)])) == [6]
                assert await store.verify(room) == []

    async def test_a_snapshot_at_the_head_leaves_no_tail_and_numbers_go_on(self) -> None:
        """[P2] [P7]"""
        async with self._opened() as store:
            await store.append([row(b"1"), row(b"2")])
            await store.compact(ROOM, Snapshot(Seq(2), b"12", b"", 5), keep_rows=False)
            assert data_of(await store.load(ROOM)) == []
            assert await store.verify(ROOM) == []
            assert list(await store.append([row(b"3")])) == [3]
            await store.compact(ROOM, Snapshot(Seq(3), b"123", b"", 6), keep_rows=False)
            loaded = await store.load(ROOM)
            assert loaded == StoredRoom(Seq(3), Snapshot(Seq(3), b"123", b"", 6), ())

    async def test_a_snapshot_past_the_head_or_older_than_the_present_one_is_refused(self) -> None:
        """[P6]"""
        async with self._opened() as store:
            await store.append([row(b"1"), row(b"2"), row(b"3")])
            await raises(ValueError, store.compact(ROOM, Snapshot(Seq(4), b"", b"", 1), keep_rows=False))
            await raises(ValueError, store.compact(OTHER, Snapshot(Seq(0), b"", b"", 1), keep_rows=False))
            await store.compact(ROOM, Snapshot(Seq(2), b"12", b"", 1), keep_rows=False)
            before = await store.load(ROOM)
            await raises(ValueError, store.compact(ROOM, Snapshot(Seq(1), b"1", b"", 2), keep_rows=False))
            assert await store.load(ROOM) == before
            await store.compact(ROOM, Snapshot(Seq(2), b"smaller", b"", 2), keep_rows=False)

    async def test_a_sweep_drops_old_history_from_the_beginning_only(self) -> None:
        """[P7]"""
        async with self._opened() as store:
            await store.append([row(b"%d" % i, at=at) for i, at in enumerate([10, 20, 90, 30, 40, 50], 1)])
            await store.append([row(b"x", OTHER, at=1)])
            await store.compact(ROOM, Snapshot(Seq(5), b"", b"", 60), keep_rows=True)
            before = await store.load(ROOM)
            assert await store.sweep(before=50) == 2  # 3 is young, and 4 and 5 are behind it
            assert await store.verify(ROOM) == []
            assert await store.sweep(before=100) == 3  # 6 is no history
            assert await store.sweep(before=100) == 0
            assert await store.load(ROOM) == before
            assert data_of(await store.load(OTHER)) == [b"x"]

    async def test_a_long_history_is_dropped_whole(self) -> None:
        """[P7]"""
        async with self._opened() as store:
            await store.append([row(b"%d" % i) for i in range(2_000)])
            await store.compact(ROOM, Snapshot(Seq(1_990), b"all", b"", 1), keep_rows=False)
            assert [i.size async for i in store.rooms()] == [len(b"all") + 10 * 4]

    async def test_rooms_are_listed_in_the_order_of_their_names(self) -> None:
        """[P4]"""
        async with self._opened() as store:
            names = [RoomName(f"{'team/' if i % 2 else ''}{i:04}") for i in range(700)]
            await store.append([row(b"123", name, at=i) for i, name in enumerate(names)])
            await store.append([row(b"45", names[1], at=9_000)])
            await store.compact(names[1], Snapshot(Seq(1), b"snapshot", b"!", 8_000), keep_rows=False)
            assert [i.name async for i in store.rooms()] == sorted(names)
            assert [i.name async for i in store.rooms("team/")] == sorted(names[1::2])
            assert [i.name async for i in store.rooms("none")] == []
            assert [i async for i in store.rooms(names[1])] == [RoomInfo(names[1], Seq(2), 11, Seq(1), 8_000, 9_000)]
            assert [i async for i in store.rooms(names[2])] == [RoomInfo(names[2], Seq(1), 3, Seq(0), None, 2)]

    async def test_a_prefix_is_no_pattern(self) -> None:
        """[P4]"""
        async with self._opened() as store:
            names = [RoomName(name) for name in ("a%b", "a_b", "axb", "a", "A", "a\U0010ffff", "a\U0010ffffb", "é")]
            await store.append([row(b"", name) for name in names])
            for prefix in ("", "a", "a%", "a_", "A", "a\U0010ffff", "e"):
                assert [i.name async for i in store.rooms(prefix)] == sorted(n for n in names if n.startswith(prefix))

    async def test_a_healthy_store_has_no_problems(self) -> None:
        """[P5]"""
        async with self._opened() as store:
            await store.append([row(b"1"), row(b"2")])
            assert await store.verify(ROOM) == []
            assert await store.integrity() == []
            assert await store.verify(OTHER) != []
            await store.probe()
            statistics = await store.statistics()
            assert statistics.rooms == 1
            assert statistics.size >= 2

    async def test_what_was_written_is_there_after_a_restart(self) -> None:
        """[P1]"""
        if not self.durable:
            return
        async with self._opened() as store:
            await store.append([row(b"1"), row(b"2"), row(b"x", OTHER)])
            await store.compact(ROOM, Snapshot(Seq(1), b"snapshot", b"sidecar", 3), keep_rows=False)
            before = [await store.load(ROOM), await store.load(OTHER)]
        async with self._opened() as store:
            assert [await store.load(ROOM), await store.load(OTHER)] == before
            assert list(await store.append([row(b"3"), row(b"y", OTHER)])) == [3, 2]

    async def test_a_deleted_room_is_neither_there_nor_absent(self) -> None:
        """[P18]"""
        async with self._opened() as store:
            await store.append([row(b"1"), row(b"2"), row(b"x", OTHER)])
            await store.compact(ROOM, Snapshot(Seq(1), b"1", b"", 5), keep_rows=True)
            assert await store.delete(ROOM, 86_400_000, absent_too=False)
            await raises(RoomDeleted, store.load(ROOM))
            assert [i.name async for i in store.rooms()] == [OTHER]
            assert (await store.statistics()).rooms == 1
            assert await store.verify(ROOM) == [f"the room {ROOM!r} was deleted at 1970-01-02 00:00:00 UTC"]
            assert await store.integrity() == []
            assert data_of(await store.load(OTHER)) == [b"x"]

    async def test_a_late_write_does_not_bring_a_room_back(self) -> None:
        """[P18]"""
        async with self._opened() as store:
            await store.append([row(b"1"), row(b"x", OTHER)])
            await store.delete(ROOM, 5, absent_too=False)
            await raises(RoomDeleted, store.append([row(b"y", OTHER), row(b"2"), row(b"z", OTHER)]))
            await raises(RoomDeleted, store.create([row(b"seed", kind=Kind.SEED)]))
            for seq in (0, 1, 2):
                await raises(RoomDeleted, store.compact(ROOM, Snapshot(Seq(seq), b"1", b"", 1), keep_rows=False))
            await raises(RoomDeleted, store.load(ROOM))
            assert list(await store.append([row(b"y", OTHER)])) == [2]
            assert data_of(await store.load(OTHER)) == [b"x", b"y"]

    async def test_a_room_is_deleted_once(self) -> None:
        """[P18] The first time counts."""
        async with self._opened() as store:
            await store.append([row(b"1")])
            assert all(await asyncio.gather(*(store.delete(ROOM, 1_000, absent_too=False) for _ in range(5))))
            assert await store.delete(ROOM, 9_000, absent_too=True)
            (problem,) = await store.verify(ROOM)
            assert problem.endswith("00:00:01 UTC")

    async def test_a_room_of_which_nothing_was_stored_is_deleted_only_when_asked_to(self) -> None:
        """[P18]"""
        async with self._opened() as store:
            assert not await store.delete(ROOM, 5, absent_too=False)
            assert await store.load(ROOM) is None
            assert await store.delete(ROOM, 5, absent_too=True)
            await raises(RoomDeleted, store.load(ROOM))
            await raises(RoomDeleted, store.append([row(b"late")]))

    async def test_a_recreated_room_is_absent_and_begins_at_1(self) -> None:
        """[P20]"""
        async with self._opened() as store:
            assert not await store.recreate(ROOM)
            await store.append([row(b"%d" % i) for i in range(600)])
            await store.compact(ROOM, Snapshot(Seq(300), b"old", b"", 5), keep_rows=True)
            assert not await store.recreate(ROOM)
            await store.delete(ROOM, 5, absent_too=False)
            assert await store.recreate(ROOM)
            assert not await store.recreate(ROOM)
            assert await store.load(ROOM) is None
            assert await store.create([row(b"new", kind=Kind.SEED)])
            assert list(await store.append([row(b"newer")])) == [2]
            loaded = await store.load(ROOM)
            assert loaded is not None
            assert (loaded.head, loaded.snapshot, data_of(loaded)) == (2, None, [b"new", b"newer"])
            assert await store.verify(ROOM) == []

    async def test_what_is_still_dropping_the_old_rooms_rows_leaves_the_new_ones_alone(self) -> None:
        """[P20]"""
        async with self._opened() as store:
            await store.append([row(b"%d" % i, at=1) for i in range(3_000)])
            compacting = asyncio.create_task(store.compact(ROOM, Snapshot(Seq(2_900), b"old", b"", 5), keep_rows=False))
            sweeping = asyncio.create_task(store.sweep(before=100))
            deleting = asyncio.create_task(store.delete(ROOM, 5, absent_too=False))
            await asyncio.sleep(0)  # all three have begun
            assert await store.recreate(ROOM) or (await deleting and await store.recreate(ROOM))
            await store.append([row(b"new %d" % i, at=1) for i in range(1, 301)])
            await store.compact(ROOM, Snapshot(Seq(200), b"new", b"", 5), keep_rows=True)
            await asyncio.gather(compacting, sweeping, deleting)
            loaded = await store.load(ROOM)
            assert loaded is not None
            assert data_of(loaded) == [b"new %d" % i for i in range(201, 301)]
            assert await store.verify(ROOM) == []

    async def test_records_are_kept_by_kind_and_key(self) -> None:
        """[P21]"""
        async with self._opened() as store:
            assert await store.records("access") == {}
            await store.put_record("access", "ada", b"1")
            await store.put_record("access", "žofie", bytes(range(256)))
            await store.put_record("acces", "sada", b"another kind")
            await store.put_record("access", "ada", b"")
            await store.put_record("access", "never there", None)
            assert await store.records("access") == {"ada": b"", "žofie": bytes(range(256))}
            assert await store.records("acces") == {"sada": b"another kind"}
            await store.put_record("access", "ada", None)
            assert await store.records("access") == {"žofie": bytes(range(256))}
            assert await store.integrity() == []
            assert [i async for i in store.rooms()] == []

    async def test_tombstones_and_records_are_there_after_a_restart(self) -> None:
        """[P18] [P20] [P21]"""
        if not self.durable:
            return
        async with self._opened() as store:
            await store.append([row(b"1"), row(b"x", OTHER)])
            await store.delete(ROOM, 5, absent_too=False)
            await store.delete(OTHER, 5, absent_too=False)
            await store.recreate(OTHER)
            await store.put_record("access", "ada", b"1")
            await store.put_record("access", "bob", b"1")
            await store.put_record("access", "bob", None)
        async with self._opened() as store:
            await raises(RoomDeleted, store.load(ROOM))
            await raises(RoomDeleted, store.append([row(b"2")]))
            assert await store.load(OTHER) is None
            assert await store.records("access") == {"ada": b"1"}

    async def test_any_history_loads_like_a_list_of_rows(self) -> None:
        """[P2] [P4] [P6] [P7] [P18] [P20]"""
        for seed in [1, 2, random.randrange(2**32)]:
            async with self._opened() as store:
                await play(store, random.Random(seed), f"seed {seed}")
