"""The disk of the simulation: what it forgets, how it fails, and that it is the same for the same seed."""

from __future__ import annotations

import ctypes
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from motet.simulation import vfs
from motet.simulation.disk import Disk
from motet.simulation.disk_faults import Step
from motet.simulation.disk_process import Process
from motet.simulation.platter import Survival

SEED = 7


@pytest.fixture
def disk() -> Iterator[Disk]:
    with closing(Disk(random.Random(SEED))) as disk:
        yield disk


def opened(disk: Disk) -> sqlite3.Connection:
    """A database in WAL mode whose commits are synced, with a table of numbers."""
    connection = sqlite3.connect(disk.directory / "motet.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)")
    return connection


def numbers(disk: Disk) -> list[int]:
    with closing(sqlite3.connect(disk.directory / "motet.db")) as connection:
        return [n for (n,) in connection.execute("SELECT n FROM t ORDER BY n")]


def insert(connection: sqlite3.Connection, *values: int) -> None:
    connection.executemany("INSERT INTO t VALUES (?)", [(n,) for n in values])


@pytest.mark.parametrize("survival", [None, *Survival])
def test_what_was_committed_survives_a_power_cut(disk: Disk, survival: Survival | None) -> None:
    connection = opened(disk)
    insert(connection, 1, 2, 3)
    disk.power_cut(survival)
    assert numbers(disk) == [1, 2, 3]


@pytest.mark.parametrize("power_cut", [False, True])
def test_what_was_not_synced_survives_a_kill_and_not_a_power_cut_after_it(disk: Disk, power_cut: bool) -> None:
    connection = opened(disk)
    connection.execute("PRAGMA synchronous = NORMAL")
    insert(connection, 1)
    disk.kill()
    if power_cut:
        disk.power_cut(Survival.NONE)
    assert numbers(disk) == ([] if power_cut else [1])


def test_the_dead_process_holds_no_lock_and_reaches_nothing(disk: Disk) -> None:
    connection = opened(disk)
    connection.execute("BEGIN EXCLUSIVE")
    disk.kill()
    with pytest.raises(sqlite3.Error):
        insert(connection, 1)
        connection.execute("COMMIT")
    insert(opened(disk), 2)
    connection.close()
    assert numbers(disk) == [2]


def test_at_the_step_of_a_crash_everything_ends(disk: Disk) -> None:
    connection = opened(disk)
    disk.crash_at(1)
    for _ in range(3):
        with pytest.raises(sqlite3.OperationalError):
            insert(connection, 1)
        assert disk.dead
    with pytest.raises(sqlite3.OperationalError):
        opened(disk)
    assert disk.counts["faults"] == 1
    disk.power_cut()
    assert not disk.dead
    insert(opened(disk), 2)


@pytest.mark.parametrize(
    ("step", "full", "message"),
    [
        (Step.OPEN, False, "unable to open"),
        (Step.READ, False, "disk I/O error"),
        (Step.WRITE, False, "disk I/O error"),
        (Step.WRITE, True, "full"),
        (Step.SYNC, False, "disk I/O error"),
        (Step.TRUNCATE, False, "disk I/O error"),
        (Step.DELETE, False, "disk I/O error"),
    ],
)
def test_each_kind_of_step_fails_until_the_disk_is_calm(disk: Disk, step: Step, full: bool, message: str) -> None:
    def steps_of_every_kind() -> None:
        with closing(sqlite3.connect(disk.directory / "motet.db", isolation_level=None)) as connection:
            for mode in ("TRUNCATE", "DELETE"):
                connection.execute(f"PRAGMA journal_mode = {mode}")
                connection.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)")
                insert(connection, 1)

    steps_of_every_kind()
    disk.fail({step}, full)
    with pytest.raises(sqlite3.OperationalError, match=message):
        steps_of_every_kind()
    disk.kill()
    with pytest.raises(sqlite3.OperationalError, match=message):
        steps_of_every_kind()
    disk.calm()
    steps_of_every_kind()
    assert disk.counts["faults"] >= 2


def test_one_step_fails_and_the_next_does_not(disk: Disk) -> None:
    connection = opened(disk)
    disk.fail_at(1)
    with pytest.raises(sqlite3.OperationalError):
        insert(connection, 1)
    insert(connection, 2)
    disk.power_cut(Survival.NONE)
    assert numbers(disk) == [2]


def test_from_a_step_on_everything_fails_until_the_disk_is_calm(disk: Disk) -> None:
    connection = opened(disk)
    insert(connection, 1)
    disk.fail_from(2)
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError):
            insert(connection, 2)
        with pytest.raises(sqlite3.OperationalError):
            numbers(disk)
    disk.calm()
    insert(connection, 3)
    assert numbers(disk) == [1, 3]


def test_a_sync_that_failed_may_have_lost_what_it_was_to_write(disk: Disk) -> None:
    """And the sync after it succeeds without that."""
    lost = 0
    for n in range(40):
        path = disk.directory / f"motet.db{n}"
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("CREATE TABLE t (n INTEGER)")
        fd = os.open(path, os.O_RDONLY)
        disk.fail_at(1)
        with pytest.raises(OSError, match="Input/output error"):
            os.fsync(fd)
        os.fsync(fd)
        os.close(fd)
    _sync_directory(disk)
    disk.power_cut(Survival.NONE)
    for n in range(40):
        try:
            with closing(sqlite3.connect(disk.directory / f"motet.db{n}")) as connection:
                connection.execute("SELECT * FROM t")
        except sqlite3.DatabaseError:
            lost += 1
    assert 5 < lost < 35


def test_names_are_as_they_were_when_their_directory_was_synced(disk: Disk) -> None:
    for name in ("kept", "renamed", "deleted"):
        sqlite3.connect(disk.directory / name).execute("PRAGMA user_version = 1").close()
    _sync_directory(disk)
    (disk.directory / "renamed").rename(disk.directory / "new")
    (disk.directory / "deleted").unlink()
    disk.power_cut(Survival.NONE)
    assert sorted(path.name for path in disk.directory.iterdir()) == ["deleted", "kept", "renamed"]
    (disk.directory / "renamed").rename(disk.directory / "new")
    (disk.directory / "deleted").unlink()
    _sync_directory(disk)
    disk.power_cut(Survival.NONE)
    assert sorted(path.name for path in disk.directory.iterdir()) == ["kept", "new"]


def test_other_files_survive_and_a_lock_does_not(disk: Disk) -> None:
    insert(opened(disk), 1)
    (disk.directory / "motet.lock").touch()
    (disk.directory / "below").mkdir()
    (disk.directory / "below" / "other").write_bytes(b"x")
    disk.power_cut()
    found = sorted(path.relative_to(disk.directory).as_posix() for path in disk.directory.rglob("*") if path.is_file())
    assert found == ["below/other", "motet.db", "motet.db-wal"]


def test_the_same_seed_gives_the_same_bytes() -> None:
    def life() -> dict[str, bytes]:
        with closing(Disk(random.Random(SEED))) as disk:
            for n in range(1, 30):
                connection = opened(disk)
                insert(connection, n, n + 1)
                disk.crash_at(disk.steps % 5 + 1)
                with pytest.raises(sqlite3.OperationalError):
                    insert(connection, *range(5), *range(5))
                disk.power_cut()
            return {path.name: path.read_bytes() for path in disk.directory.iterdir()}

    assert life() == life()


def test_files_elsewhere_are_none_of_its_business(disk: Disk, tmp_path: Path) -> None:
    disk.fail(Step)
    with closing(sqlite3.connect(tmp_path / "motet.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (n INTEGER)")
    (tmp_path / "motet.db").rename(tmp_path / "new")
    fd = os.open(tmp_path / "new", os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
    (tmp_path / "new").unlink()
    assert not disk.counts


def test_when_it_is_closed_nothing_is_left() -> None:
    calls = os.fsync, os.rename, os.unlink
    disk = Disk(random.Random(SEED))
    directory = disk.directory
    assert os.fsync is not calls[0]
    disk.close()
    assert (os.fsync, os.rename, os.unlink) == calls
    assert not directory.parent.exists()


def test_a_mistake_in_a_callback_is_no_success(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = opened(disk)
    monkeypatch.setattr(Process, "sync", lambda process, file: [][0])
    with pytest.raises(sqlite3.Error):
        insert(connection, 1)
    assert "IndexError" in capsys.readouterr().err


def test_without_the_functions_of_sqlite_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda path: object())
    with pytest.raises(vfs.VfsUnavailable, match="SQLite's functions"):
        vfs._DefaultVfs()


def _sync_directory(disk: Disk) -> None:
    fd = os.open(disk.directory, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


OPEN_AT_THE_END = """
import atexit, random, sqlite3
from motet.simulation import vfs
from motet.simulation.disk import Disk

disk = Disk(random.Random(1))
connection = sqlite3.connect(disk.directory / "motet.db")
connection.execute("CREATE TABLE t (n INTEGER)")
asked = len(vfs._open_files)
atexit._run_exitfuncs()
connection.close()
print(asked, len(vfs._open_files))
"""


def test_a_file_that_is_open_when_the_interpreter_ends_is_closed_without_it() -> None:
    """It called back into what was gone: a segmentation fault at the end of a world that was broken off."""
    ended = subprocess.run([sys.executable, "-c", OPEN_AT_THE_END], capture_output=True, text=True, check=True)
    assert ended.stdout == "1 1\n"
