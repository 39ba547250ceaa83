"""Deleted rooms in the SQLite store, beyond the contract: crashes, faults, damage, and where their bytes are."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from store_faults import OTHER, ROOM, FaultyConnection, faulty, raw, row  # noqa: F401 (faulty is a fixture)

from motet.errors import RoomDeleted, StoreCorrupt, Unavailable
from motet.ids import Seq
from motet.persistence import Snapshot, SqliteReader, SqliteStore, StoredRoom

DELETER = Path(__file__).with_name("dying_deleter.py")
SECRET = b"a secret of the room "


async def _filled(data_dir: Path) -> SqliteStore:
    """Two rooms; what the one that will be deleted holds is on pages of its own, and on free ones already."""
    store = SqliteStore(data_dir)
    await store.append([row(b"kept %d" % i, OTHER) for i in range(5)])
    for i in range(1, 5):
        await store.append([row(SECRET * 500) for _ in range(100)])
        await store.compact(ROOM, Snapshot(Seq(100 * i - 30), SECRET * 9_000, SECRET * 900, 5), keep_rows=i == 4)
    return store


async def _room_or_deleted(store: SqliteReader) -> StoredRoom | str | None:
    try:
        return await store.load(ROOM)
    except RoomDeleted:
        return "deleted"


def _holds_the_secret(data_dir: Path) -> bool:
    return any(SECRET[:9] in path.read_bytes() for path in data_dir.iterdir())


def _is_purged(data_dir: Path) -> bool:
    """Whether the tables hold one room, and nothing of another."""
    with raw(data_dir) as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("rooms", "log", "snapshots", "leftovers")
        ]
    return counts == [1, 5, 0, 0]


async def test_whenever_deleting_is_killed_the_room_is_there_whole_or_deleted(tmp_path: Path) -> None:
    """[P18] [P19] Killed before each statement in turn; the next sweep finishes what was begun."""
    store = await _filled(tmp_path / "data")
    before, other = await store.load(ROOM), await store.load(OTHER)
    await store.close()
    ends: list[object] = []
    for statements in range(100):
        data = tmp_path / str(statements)
        shutil.copytree(tmp_path / "data", data)
        command = [sys.executable, str(DELETER), str(data), str(statements)]
        code = (await asyncio.to_thread(subprocess.run, command, check=False)).returncode
        assert code in (0, -signal.SIGKILL)
        reader = SqliteReader(data)
        ends.append(await _room_or_deleted(reader))
        assert await reader.load(OTHER) == other
        assert await reader.integrity() == []
        await reader.close()
        store = SqliteStore(data)
        await store.sweep(before=0)
        assert await _room_or_deleted(store) == ends[-1]
        if ends[-1] == "deleted":
            assert _is_purged(data)
            assert not _holds_the_secret(data)
        await store.close()
        shutil.rmtree(data)
        if code == 0:
            break
    assert code == 0
    first = ends.index("deleted")
    assert 0 < first < len(ends) - 8
    assert ends == [before] * first + ["deleted"] * (len(ends) - first)


async def test_whichever_statement_of_a_deletion_fails_the_next_one_finishes_it(
    tmp_path: Path,
    faulty: type[FaultyConnection],  # noqa: F811
) -> None:
    """[P18] [P19]"""
    store = await _filled(tmp_path)
    before = await store.load(ROOM)
    statements = 0
    while not _is_purged(tmp_path):
        faulty.budget = statements
        with suppress(Unavailable):
            await store.delete(ROOM, 5, absent_too=False)
        faulty.budget = None
        assert await _room_or_deleted(store) in (before, "deleted")
        assert await store.integrity() == []
        statements += 1
    assert statements > 8
    assert await _room_or_deleted(store) == "deleted"
    assert _is_purged(tmp_path)
    assert not _holds_the_secret(tmp_path)
    await store.close()


async def test_what_was_deleted_is_in_no_file_when_delete_returns(tmp_path: Path) -> None:
    """[P19]"""
    store = await _filled(tmp_path)
    size = (await store.statistics()).size
    assert _holds_the_secret(tmp_path)
    await store.delete(ROOM, 5, absent_too=False)
    assert not _holds_the_secret(tmp_path)
    statistics = await store.statistics()
    assert statistics.free == 0
    assert statistics.size < size / 20
    await store.close()


async def test_what_a_reader_holds_is_gone_with_a_later_sweep(tmp_path: Path) -> None:
    """[P19]"""
    store = await _filled(tmp_path)
    with raw(tmp_path) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM log").fetchone()
        assert await store.delete(ROOM, 5, absent_too=False)
        assert _holds_the_secret(tmp_path)
        await store.sweep(before=0)
        assert _holds_the_secret(tmp_path)
        connection.execute("COMMIT")
    await store.sweep(before=0)
    assert not _holds_the_secret(tmp_path)
    assert _is_purged(tmp_path)
    await store.close()


async def test_appends_go_between_the_steps_of_a_deletion(tmp_path: Path) -> None:
    """[P19]"""
    store = SqliteStore(tmp_path)
    await store.append([row(bytes(20_000)) for _ in range(2_000)])
    deleting = asyncio.create_task(store.delete(ROOM, 5, absent_too=False))
    between = 0
    while not deleting.done():
        await store.append([row(b"x", OTHER)])
        between += not deleting.done()
    assert between >= 8
    await store.close()


async def test_a_damaged_room_can_be_deleted(tmp_path: Path) -> None:
    """[P18] [P19]"""
    store = await _filled(tmp_path)
    with raw(tmp_path) as connection:
        connection.execute("UPDATE log SET seq = x'02' WHERE seq = 399")
        connection.execute("UPDATE log SET data = 7 WHERE seq = 398")
    with pytest.raises(StoreCorrupt):
        await store.load(ROOM)
    assert await store.delete(ROOM, 5, absent_too=False)
    assert await _room_or_deleted(store) == "deleted"
    assert _is_purged(tmp_path)
    await store.close()


@pytest.mark.parametrize("damage", ["at = at + 1", "at = 'text'", "checksum = checksum + 1"])
async def test_a_damaged_tombstone_is_corrupt_and_lets_nobody_in(tmp_path: Path, damage: str) -> None:
    """[P5] [P18]"""
    store = await _filled(tmp_path)
    await store.delete(ROOM, 5, absent_too=False)
    with raw(tmp_path) as connection:
        connection.execute(f"UPDATE tombstones SET {damage}")
    with pytest.raises(StoreCorrupt):
        await store.load(ROOM)
    with pytest.raises(StoreCorrupt):
        await store.append([row(b"late")])
    with pytest.raises(StoreCorrupt):
        await store.compact(ROOM, Snapshot(Seq(0), b"", b"", 1), keep_rows=False)
    with pytest.raises(StoreCorrupt):
        await store.recreate(ROOM)
    with pytest.raises(StoreCorrupt):
        await store.delete(ROOM, 5, absent_too=True)
    assert "tombstone of 'room' is damaged" in (await store.verify(ROOM))[0]
    assert "tombstone of 'room' is damaged" in (await store.integrity())[0]
    await store.close()


async def test_a_damaged_list_of_leftovers_costs_no_room_that_lives(tmp_path: Path) -> None:
    """[P19]"""
    store = await _filled(tmp_path)
    before = await store.load(ROOM)
    with raw(tmp_path) as connection:
        connection.execute("INSERT INTO leftovers SELECT id FROM rooms")
    await store.sweep(before=0)
    await store.delete(OTHER, 5, absent_too=False)
    assert await store.load(ROOM) == before
    await store.close()


async def test_the_id_of_a_deleted_room_is_never_used_again(tmp_path: Path) -> None:
    """[P20] A step of a compaction that comes late would drop the new room's rows."""
    ids: list[int] = []
    for _ in range(3):
        store = SqliteStore(tmp_path)
        await store.append([row(b"1")])
        with raw(tmp_path) as connection:
            ids += connection.execute("SELECT id FROM rooms").fetchone()
        await store.delete(ROOM, 5, absent_too=False)
        await store.recreate(ROOM)
        await store.close()
    assert ids == sorted(set(ids))


async def test_a_reader_beside_the_server_is_told_that_the_room_was_deleted(tmp_path: Path) -> None:
    """[P18]"""
    store = await _filled(tmp_path)
    reader = SqliteReader(tmp_path)
    assert await reader.load(ROOM) is not None
    await store.delete(ROOM, 86_400_000, absent_too=False)
    with pytest.raises(RoomDeleted, match="'room' was deleted at 1970-01-02"):
        await reader.load(ROOM)
    await reader.close()
    await store.close()


async def test_a_room_whose_tombstone_is_written_is_deleted_whatever_fails_then(
    tmp_path: Path,
    faulty: type[FaultyConnection],  # noqa: F811
) -> None:
    """[P18] [X57] It was called a failure, and its members were told to come back; the next sweep drops the rest."""
    store = await _filled(tmp_path)
    outcomes = set()
    for statements in range(12):
        faulty.budget = statements
        try:
            deleted = await store.delete(ROOM, 9, absent_too=False)
        except Unavailable:
            deleted = False
        faulty.budget = None
        assert deleted == (await _room_or_deleted(store) == "deleted")
        outcomes.add(deleted)
        if deleted:
            break
    assert outcomes == {False, True}
    await store.sweep(0)
    await store.close()
    assert _is_purged(tmp_path)
