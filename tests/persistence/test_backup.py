"""Backup and restore."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from store_faults import OTHER, ROOM, raw, row

from motet.errors import RoomDeleted, StoreCorrupt, StoreInUse, Unavailable
from motet.ids import Seq
from motet.persistence import Snapshot, SqliteReader, SqliteStore, backup, restore


async def _filled(data_dir: Path) -> SqliteStore:
    store = SqliteStore(data_dir)
    await store.append([row(b"%d" % i) for i in range(1, 10)] + [row(b"x", OTHER)])
    await store.compact(ROOM, Snapshot(Seq(4), b"snapshot", b"sidecar", 5), keep_rows=True)
    return store


async def test_a_backup_of_a_running_server_restores_to_the_same_rooms(tmp_path: Path) -> None:
    """[P15]"""
    store = await _filled(tmp_path / "data")
    assert backup(tmp_path / "data", tmp_path / "copies" / "monday") == []
    expected = [await store.load(ROOM), await store.load(OTHER)]
    await store.append([row(b"after the backup")])
    await store.close()
    restore(tmp_path / "copies" / "monday", tmp_path / "new")
    restored = SqliteStore(tmp_path / "new")
    assert [await restored.load(ROOM), await restored.load(OTHER)] == expected
    assert list(await restored.append([row(b"goes on")])) == [10]
    assert await restored.verify(ROOM) == []
    await restored.close()
    assert [path.name for path in (tmp_path / "copies" / "monday").iterdir()] == ["motet.db"]


async def test_a_backup_under_writes_is_of_one_moment(tmp_path: Path) -> None:
    """[P15]"""
    store = SqliteStore(tmp_path / "data")
    stop = asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            await store.append([row(b"x" * 500), row(b"x" * 500, OTHER)])

    writing = asyncio.create_task(write())
    for i in range(4):
        await store.append([row(b"1"), row(b"2", OTHER)])
        assert await asyncio.to_thread(backup, tmp_path / "data", tmp_path / str(i)) == []
        reader = SqliteReader(tmp_path / str(i))
        one, other = await reader.load(ROOM), await reader.load(OTHER)
        assert one is not None
        assert other is not None
        assert one.head == other.head > 0
        await reader.close()
    stop.set()
    await writing
    await store.close()


async def test_a_backup_overwrites_nothing_and_a_failed_one_leaves_nothing(tmp_path: Path) -> None:
    """[P15]"""
    store = await _filled(tmp_path / "data")
    backup(tmp_path / "data", tmp_path / "copy")
    with pytest.raises(FileExistsError, match="move it away"):
        backup(tmp_path / "data", tmp_path / "copy")
    with pytest.raises(FileExistsError):
        backup(tmp_path / "data", tmp_path / "data")
    with pytest.raises(Unavailable):
        backup(tmp_path / "no data", tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == []
    await store.close()


async def test_a_damaged_room_is_named_and_the_others_are_backed_up(tmp_path: Path) -> None:
    """[P15]"""
    store = await _filled(tmp_path / "data")
    with raw(tmp_path / "data") as connection:
        connection.execute("UPDATE log SET data = x'00' WHERE seq = 9")
    assert backup(tmp_path / "data", tmp_path / "copy") == ["room: row 9 is damaged: its checksum is wrong"]
    await store.close()
    with pytest.raises(StoreCorrupt, match="row 9"):
        restore(tmp_path / "copy", tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["motet.lock"]
    reader = SqliteReader(tmp_path / "copy")
    assert await reader.load(OTHER) is not None
    await reader.close()


async def test_restoring_replaces_nothing_and_waits_for_no_server(tmp_path: Path) -> None:
    """[P15]"""
    store = await _filled(tmp_path / "data")
    backup(tmp_path / "data", tmp_path / "copy")
    with pytest.raises(StoreInUse):
        restore(tmp_path / "copy", tmp_path / "data")
    await store.close()
    with pytest.raises(FileExistsError, match="move it away"):
        restore(tmp_path / "copy", tmp_path / "data")
    (tmp_path / "data" / "motet.db").unlink()
    (tmp_path / "data" / "motet.db-wal").write_bytes(b"of the lost database")
    with pytest.raises(FileExistsError):
        restore(tmp_path / "copy", tmp_path / "data")
    (tmp_path / "data" / "motet.db-wal").unlink()
    restore(tmp_path / "copy" / "motet.db", tmp_path / "data")


async def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    """[P15]"""
    with pytest.raises(Unavailable):
        restore(tmp_path / "nothing", tmp_path / "data")
    (tmp_path / "text").write_bytes(b"no database " * 900)
    with pytest.raises(StoreCorrupt):
        restore(tmp_path / "text", tmp_path / "data")
    await SqliteStore(tmp_path / "data").close()


async def test_a_backup_carries_tombstones_and_records(tmp_path: Path) -> None:
    """[P15] [P18] [P21]"""
    store = await _filled(tmp_path / "data")
    await store.delete(ROOM, 5, absent_too=False)
    await store.put_record("access", "ada", b"1")
    assert backup(tmp_path / "data", tmp_path / "copy") == []
    await store.close()
    restore(tmp_path / "copy", tmp_path / "new")
    restored = SqliteStore(tmp_path / "new")
    with pytest.raises(RoomDeleted):
        await restored.append([row(b"late")])
    assert await restored.records("access") == {"ada": b"1"}
    assert await restored.recreate(ROOM)
    await restored.append([row(b"new")])
    await restored.close()


async def test_a_backup_made_before_the_deletion_holds_the_room_still(tmp_path: Path) -> None:
    """[P15] [P18]"""
    store = await _filled(tmp_path / "data")
    expected = await store.load(ROOM)
    assert backup(tmp_path / "data", tmp_path / "copy") == []
    await store.delete(ROOM, 5, absent_too=False)
    await store.close()
    restore(tmp_path / "copy", tmp_path / "new")
    reader = SqliteReader(tmp_path / "new")
    assert await reader.load(ROOM) == expected
    await reader.close()


@pytest.mark.parametrize(
    ("damage", "what"),
    [("UPDATE records SET value = x'00'", "record 'access', 'ada'"), ("UPDATE tombstones SET at = 6", "tombstone of")],
)
async def test_a_backup_names_damaged_records_and_tombstones_and_is_not_restored(
    tmp_path: Path, damage: str, what: str
) -> None:
    """[P15] [P21]"""
    store = await _filled(tmp_path / "data")
    await store.delete(ROOM, 5, absent_too=False)
    await store.put_record("access", "ada", b"1")
    with raw(tmp_path / "data") as connection:
        connection.execute(damage)
    (problem,) = backup(tmp_path / "data", tmp_path / "copy")
    assert what in problem
    await store.close()
    with pytest.raises(StoreCorrupt, match=what):
        restore(tmp_path / "copy", tmp_path / "new")


async def test_a_backup_holds_nothing_of_what_was_deleted(tmp_path: Path) -> None:
    """[P15] [P19] Nor of rows that SQLite had moved about before: a copy is written anew."""
    store = SqliteStore(tmp_path / "data")
    for i in range(1, 40):
        await store.append(
            [row(f"a secret, {k}".encode() * (k % 7), room) for k in range(30) for room in (ROOM, OTHER)]
        )
        await store.compact(OTHER, Snapshot(Seq(30 * i), b"", b"", 5), keep_rows=i % 3 != 0)
    await store.delete(ROOM, 5, absent_too=False)
    await store.delete(OTHER, 5, absent_too=False)
    assert backup(tmp_path / "data", tmp_path / "copy") == []
    assert b"a secret" not in (tmp_path / "copy" / "motet.db").read_bytes()
    await store.close()
