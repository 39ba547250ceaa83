"""Schema versions and migrations."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from store_faults import OTHER, ROOM, raw, row

from motet.errors import RoomDeleted, StoreCorrupt, StoreTooNew, Unavailable
from motet.ids import Seq
from motet.persistence import Snapshot, SqliteReader, SqliteStore, StoredRoom, schema
from motet.persistence.sqlite_file import DATABASE, connect

NEXT = (*schema.MIGRATIONS, ("ALTER TABLE rooms ADD COLUMN colour TEXT", "UPDATE rooms SET colour = 'red'"))


async def _filled(data_dir: Path) -> None:
    store = SqliteStore(data_dir)
    await store.append([row(b"1")])
    await store.close()


async def test_newer_data_are_refused_and_left_alone(tmp_path: Path) -> None:
    """[P10]"""
    await _filled(tmp_path)
    with raw(tmp_path) as connection:
        schema.migrate(connection, NEXT)
    before = (tmp_path / "motet.db").read_bytes()
    with pytest.raises(StoreTooNew, match="upgrade"):
        SqliteStore(tmp_path)
    with pytest.raises(StoreTooNew):
        SqliteReader(tmp_path)
    assert (tmp_path / "motet.db").read_bytes() == before


async def test_older_data_are_brought_up_to_date_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[P10]"""
    await _filled(tmp_path)
    monkeypatch.setattr(schema, "MIGRATIONS", NEXT)
    with raw(tmp_path) as connection:
        schema.migrate(connection, NEXT)
        schema.migrate(connection, NEXT)
        assert connection.execute("SELECT name, colour FROM rooms").fetchall() == [(ROOM, "red")]
        assert schema.version(connection, NEXT) == len(NEXT)


async def test_a_step_that_fails_leaves_the_version_before_it(tmp_path: Path) -> None:
    """[P10]"""
    await _filled(tmp_path)
    broken = (*NEXT, ("CREATE TABLE half (id INTEGER)", "no SQL at all"))
    with pytest.raises(sqlite3.OperationalError), raw(tmp_path) as connection:
        schema.migrate(connection, broken)
    with raw(tmp_path) as connection:
        assert schema.version(connection, broken) == len(NEXT)
        assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchone() is None


async def test_a_reader_does_not_migrate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[P10]"""
    await _filled(tmp_path)
    monkeypatch.setattr(schema, "MIGRATIONS", NEXT)
    with pytest.raises(Unavailable, match="older schema"):
        SqliteReader(tmp_path)


async def _of_schema_1(data_dir: Path) -> tuple[list[StoredRoom | None], int]:
    """A data directory as the first schema's server left it: its rooms, and the greatest of their ids."""
    store = SqliteStore(data_dir)
    await store.append([row(b"%d" % i, room, at=i) for i in range(1, 50) for room in (OTHER, ROOM)])
    await store.compact(ROOM, Snapshot(Seq(20), b"snapshot", b"sidecar", 20), keep_rows=True)
    rooms = [await store.load(ROOM), await store.load(OTHER)]
    await store.close()
    now = data_dir / "now.db"
    (data_dir / DATABASE).rename(now)
    with closing(connect(data_dir / DATABASE, "rwc")) as connection:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
            schema.create(connection)
        connection.execute("ATTACH ? AS now", (str(now),))
        for table in ("rooms", "log", "snapshots"):
            connection.execute(f"INSERT INTO {table} SELECT * FROM now.{table}")
        (last,) = connection.execute("SELECT max(id) FROM rooms").fetchone()
    now.unlink()
    return rooms, last


async def test_data_of_schema_1_keep_their_rooms(tmp_path: Path) -> None:
    """[P10] [P18] [P20]"""
    rooms, last = await _of_schema_1(tmp_path)
    with pytest.raises(Unavailable, match="older schema"):
        SqliteReader(tmp_path)
    store = SqliteStore(tmp_path)
    assert [await store.load(ROOM), await store.load(OTHER)] == rooms
    assert await store.integrity() == await store.verify(ROOM) == await store.verify(OTHER) == []
    assert list(await store.append([row(b"50"), row(b"50", OTHER)])) == [50, 50]
    assert await store.delete(ROOM, 5, absent_too=False)
    assert await store.delete(OTHER, 5, absent_too=False)
    with pytest.raises(RoomDeleted):
        await store.load(ROOM)
    assert await store.recreate(ROOM)
    await store.append([row(b"1")])
    await store.close()
    with raw(tmp_path) as connection:
        assert connection.execute("SELECT id FROM rooms").fetchall() == [(last + 1,)]


async def test_a_migration_that_stops_anywhere_leaves_schema_1_and_the_next_start_does_it(tmp_path: Path) -> None:
    """[P10]"""
    rooms, _ = await _of_schema_1(tmp_path)
    first, second = schema.MIGRATIONS
    for done in range(len(second) + 1):
        broken = (first, (*second[:done], "no SQL at all"))
        with pytest.raises(sqlite3.OperationalError), raw(tmp_path) as connection:
            schema.migrate(connection, broken)
        with raw(tmp_path) as connection:
            assert schema.version(connection) == 1
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables == {"rooms", "log", "snapshots", "probe"}
    store = SqliteStore(tmp_path)
    assert [await store.load(ROOM), await store.load(OTHER)] == rooms
    await store.close()


def test_another_programs_database_is_not_ours(tmp_path: Path) -> None:
    """[P10]"""
    with raw(tmp_path) as connection:
        connection.execute("CREATE TABLE log (id INTEGER)")
    with pytest.raises(StoreCorrupt):
        SqliteStore(tmp_path)
