"""What is done to a store while it is killed or fails: every kind of call, and what calls set off."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from crash_model import KIND, Contents, Model, observed
from crash_points import Call, Scenario

from motet.ids import RoomName, Seq
from motet.persistence import Snapshot, SqliteReader, SqliteStore, backup, restore, schema, sqlite_write
from motet.persistence.contract_model import row
from motet.persistence.sqlite_file import DATABASE, connect

A, B, C = (RoomName(name) for name in ("a", "b", "žluťoučký kůň"))
SECRET = b"a secret of the room "
BIG = SECRET * 300
"""More than a page."""


def append(*rooms: RoomName, data: bytes = b"x", times: int = 1) -> Call:
    """A batch with so many rows for each room."""
    return lambda store, _: store.append([row(data, room, at=i) for i in range(times) for room in rooms])


def create(room: RoomName) -> Call:
    return lambda store, _: store.create([row(BIG, room), row(b"2", room)])


def compact(room: RoomName, seq: int, keep_rows: bool) -> Call:
    return lambda store, _: store.compact(room, Snapshot(Seq(seq), BIG, b"sidecar", 7), keep_rows)


def delete(room: RoomName) -> Call:
    return lambda store, _: store.delete(room, 5, absent_too=True)


def recreate(room: RoomName) -> Call:
    return lambda store, _: store.recreate(room)


def record(key: str, value: bytes | None) -> Call:
    return lambda store, _: store.put_record(KIND, key, value)


def sweep(before: int) -> Call:
    return lambda store, _: store.sweep(before)


async def backed_up(store: SqliteStore | Model, directory: Path) -> None:
    if isinstance(store, SqliteStore):
        assert backup(directory, directory / "backup") == []


async def restored(store: SqliteStore | Model, directory: Path) -> None:
    if isinstance(store, SqliteStore):
        restore(directory / "backup", directory / "restored")


async def copies_are_whole_or_absent(directory: Path, contents: Contents, done: int) -> None:
    """Absent only if the call did not succeed; it does then if it is made again."""
    if not (directory / "backup" / DATABASE).exists():
        assert done == 0
        assert not (directory / "restored" / DATABASE).exists()
        assert backup(directory, directory / "backup") == []
        contents = await _read(directory)
    if not (directory / "restored" / DATABASE).exists():
        assert done < 2
        restore(directory / "backup", directory / "restored")
    assert await _read(directory / "backup") == await _read(directory / "restored") == contents


async def _read(directory: Path) -> Contents:
    reader = SqliteReader(directory)
    names = [info.name async for info in reader.rooms()]
    contents = await observed(reader, names)
    await reader.close()
    return contents


async def a_sweep_leaves_nothing_of_a_deleted_room(directory: Path, contents: Contents, done: int) -> None:
    if contents.rooms.get(A) is not None:
        return
    store = SqliteStore(directory)
    await store.sweep(before=0)
    await store.close()
    for file in directory.glob(f"{DATABASE}*"):
        assert SECRET[:9] not in file.read_bytes(), file.name


async def of_schema_1(directory: Path) -> None:
    """What the first schema's server left when it was killed: the rooms that `_ROOMS_OF_SCHEMA_1` makes."""
    now = directory / "now"
    store = SqliteStore(now)
    for call in _ROOMS_OF_SCHEMA_1:
        await call(store, now)
    await store.close()
    old = directory / "old.db"
    with closing(connect(old, "rwc")) as connection, pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        schema.create(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("ATTACH ? AS now", (str(now / DATABASE),))
        for table in ("rooms", "log", "snapshots"):
            connection.execute(f"INSERT INTO {table} SELECT * FROM now.{table}")
        shutil.copy(old, directory / DATABASE)
        shutil.copy(f"{old}-wal", directory / f"{DATABASE}-wal")
    shutil.rmtree(now)
    old.unlink()


async def nothing_there(directory: Path) -> None:
    """The first start of a server."""


_ROOMS_OF_SCHEMA_1 = (append(A, B, times=30), compact(A, 20, keep_rows=True))
_LONG_ROOM = append(A, data=bytes(900), times=40)
"""So many rows that dropping them takes three transactions of `small_steps`, and giving their pages back some more."""
_ROOM_AND_SECRET = (append(B), append(A, data=BIG, times=12), compact(A, 8, keep_rows=True))

SCENARIOS = (
    Scenario("append", [append(A)], [append(A), append(A, data=BIG)], [A], keeps_nothing=True),
    Scenario(
        "append to rooms old and new",
        [append(A)],
        [append(A, B, C, data=BIG, times=3)],
        [A, B, C],
        keeps_nothing=True,
    ),
    Scenario("create", [append(A)], [create(B), create(A)], [A, B], keeps_nothing=True),
    Scenario(
        "compact and keep the rows",
        [append(A, data=BIG, times=20)],
        [compact(A, 10, keep_rows=True), compact(A, 20, keep_rows=True)],
        [A],
    ),
    Scenario("compact and drop the rows", [append(B), _LONG_ROOM], [compact(A, 39, keep_rows=False)], [A, B]),
    Scenario("sweep", [append(B), _LONG_ROOM, compact(A, 38, keep_rows=True)], [sweep(before=36)], [A, B]),
    Scenario("delete", [*_ROOM_AND_SECRET], [delete(A)], [A, B], also=a_sweep_leaves_nothing_of_a_deleted_room),
    Scenario("delete what is absent", [append(B)], [delete(A)], [A, B]),
    Scenario(
        "recreate",
        [*_ROOM_AND_SECRET, delete(A)],
        [recreate(A), append(A)],
        [A, B],
        keeps_nothing=True,
    ),
    Scenario(
        "records",
        [append(A), record("one", b"1")],
        [record("two", BIG), record("one", b"another"), record("one", None)],
        [A],
        keeps_nothing=True,
    ),
    Scenario("cross checkpoints", [append(A)], [append(A, B, data=BIG) for _ in range(9)], [A, B], keeps_nothing=True),
    Scenario("start anew", [], [append(A)], [A], opening=True, make=nothing_there),
    Scenario("start after a crash, and stop", [append(A, B)], [append(A)], [A, B], opening=True, stopping=True),
    Scenario("migrate from schema 1", [*_ROOMS_OF_SCHEMA_1], [append(A)], [A, B], opening=True, make=of_schema_1),
    Scenario(
        "back up and restore",
        [append(A, data=BIG, times=3), record("one", b"1")],
        [backed_up, restored],
        [A],
        also=copies_are_whole_or_absent,
    ),
)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """What otherwise happens at megabytes happens at kilobytes."""
    monkeypatch.setattr("motet.persistence.sqlite_file.CHECKPOINT_PAGES", 16)
    sixteen = sqlite_write._LAST_TO_DROP.replace(f"LIMIT {sqlite_write.DROP_ROWS}", "LIMIT 16")
    assert "LIMIT 16" in sixteen
    monkeypatch.setattr(sqlite_write, "_LAST_TO_DROP", sixteen)
    monkeypatch.setattr(sqlite_write, "VACUUM_PAGES", 4)
    monkeypatch.setattr("motet.persistence.sqlite.SLACK_PAGES", 2)
