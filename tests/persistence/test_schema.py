"""Schema versions and migrations."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from store_faults import ROOM, raw, row

from motet.errors import StoreCorrupt, StoreTooNew, Unavailable
from motet.persistence import SqliteReader, SqliteStore, schema

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


def test_another_programs_database_is_not_ours(tmp_path: Path) -> None:
    """[P10]"""
    with raw(tmp_path) as connection:
        connection.execute("CREATE TABLE log (id INTEGER)")
    with pytest.raises(StoreCorrupt):
        SqliteStore(tmp_path)
