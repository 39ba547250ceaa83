"""Faults for the SQLite tests: a connection that fails on demand, and rows to write."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from motet.ids import RoomName
from motet.persistence import Kind, Row, sqlite_file, sqlite_write

ROOM = RoomName("room")
OTHER = RoomName("other")


def row(data: bytes, room: RoomName = ROOM, at: int = 1) -> Row:
    return Row(room, "ada", at, Kind.UPDATE, data)


class FaultyConnection:
    """An SQLite connection whose statements fail while `budget` is spent; None is no limit."""

    budget: int | None = None
    error: type[sqlite3.Error] = sqlite3.OperationalError

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, *args: object) -> sqlite3.Cursor:
        self._spend()
        return self._connection.execute(*args)

    def executescript(self, script: str) -> sqlite3.Cursor:
        self._spend()
        return self._connection.executescript(script)

    def close(self) -> None:
        self._connection.close()

    def _spend(self) -> None:
        cls = type(self)
        if cls.budget is not None:
            if cls.budget <= 0:
                raise cls.error("disk I/O error")
            cls.budget -= 1


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FaultyConnection]]:
    """Writers get a FaultyConnection; its class says when it fails."""
    monkeypatch.setattr(sqlite_write, "open_writer", lambda path: FaultyConnection(sqlite_file.open_writer(path)))
    yield FaultyConnection
    FaultyConnection.budget = None


@contextmanager
def raw(data_dir: Path) -> Iterator[sqlite3.Connection]:
    """The database as SQLite sees it, to look into or to damage."""
    connection = sqlite3.connect(data_dir / sqlite_file.DATABASE)
    try:
        yield connection
        connection.commit()
    finally:
        connection.close()
