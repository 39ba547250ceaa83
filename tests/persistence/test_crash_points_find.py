"""The crash points find what they are there to find: mistakes are planted in the store, one at a time."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from crash_points import Trial
from crash_scenarios import SCENARIOS, small_steps  # noqa: F401 (a fixture)

from motet.errors import MotetError
from motet.ids import RoomName, Seq
from motet.persistence import Row, Snapshot, SqliteStore, schema, sqlite_file, sqlite_write
from motet.persistence.sqlite_write import WriteSession

Plant = Callable[[pytest.MonkeyPatch], None]
POINTS = 400
"""At most so many are tried for each mistake."""


def commits_are_not_synced(patch: pytest.MonkeyPatch) -> None:
    def open_writer(path: Path) -> sqlite3.Connection:
        connection = sqlite_file.open_writer(path)
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    patch.setattr(sqlite_write, "open_writer", open_writer)


def a_new_name_is_not_synced(patch: pytest.MonkeyPatch) -> None:
    fsync = sqlite_file._fsync
    patch.setattr(sqlite_file, "_fsync", lambda path: None if path.is_dir() else fsync(path))


def a_new_store_is_made_in_its_place(patch: pytest.MonkeyPatch) -> None:
    def prepare(path: Path) -> None:
        with sqlite_file.errors_translated(), sqlite_file.closing(sqlite_file.connect(path, "rwc")) as connection:
            schema.create(connection)
            connection.execute("PRAGMA journal_mode = WAL")

    patch.setattr("motet.persistence.sqlite.prepare", prepare)


def statements_are_transactions(patch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def transaction(connection: sqlite3.Connection, begin: str = "") -> Iterator[None]:
        yield

    patch.setattr(sqlite_write, "transaction", transaction)


def rows_are_dropped_before_the_snapshot_is_there(patch: pytest.MonkeyPatch) -> None:
    compact = SqliteStore.compact

    async def dropping(store: SqliteStore, room: RoomName, snapshot: Snapshot, keep_rows: bool) -> None:
        await store._drop(2, snapshot.seq, 2**60)
        await compact(store, room, snapshot, keep_rows)

    patch.setattr(SqliteStore, "compact", dropping)


def a_failed_append_is_acknowledged(patch: pytest.MonkeyPatch) -> None:
    append = WriteSession.append

    def hopeful(session: WriteSession, rows: Sequence[Row]) -> list[Seq]:
        try:
            return append(session, rows)
        except sqlite3.OperationalError:
            return [Seq(2)] * len(rows)

    patch.setattr(WriteSession, "append", hopeful)


def migrations_are_no_transactions(patch: pytest.MonkeyPatch) -> None:
    def apply(connection: sqlite3.Connection, migrations: Sequence[schema.Migration], done: int) -> None:
        for steps in range(done, len(migrations)):
            for statement in migrations[steps]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {steps + 1}")

    patch.setattr(schema, "_apply", apply)


def a_deletion_is_taken_for_done_too_early(patch: pytest.MonkeyPatch) -> None:
    async def purge(store: SqliteStore) -> None:
        rooms = await store._writer.run(WriteSession.leftovers)
        await store._writer.run(partial(WriteSession.purged, rooms=rooms))
        for room in rooms:
            await store._drop(room, 2**60, 2**60)
            await store._writer.run(partial(WriteSession.drop_rest, room=room))
        while await store._writer.run(partial(WriteSession.reclaim, slack=0)):
            pass
        await store._writer.run(WriteSession.checkpoint)

    patch.setattr(SqliteStore, "_purge", purge)


@pytest.mark.parametrize(
    ("plant", "scenario"),
    [
        (commits_are_not_synced, "append"),
        (a_new_name_is_not_synced, "back up and restore"),
        (a_new_store_is_made_in_its_place, "start anew"),
        (statements_are_transactions, "append to rooms old and new"),
        (statements_are_transactions, "delete"),
        (a_deletion_is_taken_for_done_too_early, "delete"),
        (rows_are_dropped_before_the_snapshot_is_there, "compact and drop the rows"),
        (a_failed_append_is_acknowledged, "append"),
        (migrations_are_no_transactions, "migrate from schema 1"),
    ],
)
@pytest.mark.usefixtures("small_steps")
async def test_a_planted_mistake_is_found(
    plant: Plant, scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[P1] [P3] [P6] [P10] [P15] [P18] [P19] Each of these stores is right as long as nothing happens."""
    trial = Trial(next(s for s in SCENARIOS if s.name == scenario), tmp_path / "template")
    plant(monkeypatch)
    await trial.prepare()
    points = list(trial.points())
    for point in random.Random(1).sample(points, min(POINTS, len(points))):
        try:
            await trial.check(point)
        except (AssertionError, MotetError, sqlite3.Error):
            return
    pytest.fail("it was not found")
