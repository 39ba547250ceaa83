"""The file `motet.db`: how it is made and opened, and how SQLite's errors become ours."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from motet.errors import MotetError, StoreCorrupt, Unavailable
from motet.persistence import schema

DATABASE = "motet.db"

BUSY_TIMEOUT = 5.0
"""Seconds to wait for another program's lock on the file (a backup tool, an sqlite3 shell)."""

CHECKPOINT_PAGES = 4096
"""The write-ahead log is copied into the database beyond this (16 MiB, about 30 ms), by the commit that crosses it."""

FAILURES = (sqlite3.Error, OSError, UnicodeDecodeError)
"""What a connection raises when the file or the disk is to blame. The last: sqlite3 fails to read text, or SQLite's own
message, for all text that we wrote is UTF-8."""


def translated(error: sqlite3.Error | OSError | UnicodeDecodeError) -> MotetError:
    """The error as one of ours: damage is StoreCorrupt; all else (full, I/O, locked, read-only) is Unavailable."""
    if isinstance(error, OSError):
        return Unavailable(f"the store cannot be used now: {error.strerror}")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    undecodable = isinstance(error, UnicodeDecodeError) or str(error).startswith("Could not decode")
    if undecodable or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreCorrupt(f"the store is damaged: {error}")
    return Unavailable(f"the store cannot be used now: {error}")


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Opens a database in SQLite's mode `ro`, `rw` or `rwc`; transactions are explicit. Raises sqlite3.Error."""
    # as_uri escapes what the address would read as a query.
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
    )


def open_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection to a store of this version's schema. Raises Unavailable if there is none to read."""
    if not path.exists():
        raise Unavailable(f"there is no store at {path}")
    connection = connect(path, "ro")
    try:
        if schema.version(connection) < len(schema.MIGRATIONS):
            raise Unavailable(f"{path} is of an older schema: start this version's server once to bring it up to date")
    except BaseException:
        connection.close()
        raise
    return connection


def open_writer(path: Path) -> sqlite3.Connection:
    """The writing connection. The caller holds the lock of the data directory."""
    connection = connect(path, "rw")
    try:
        schema.version(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        # After a reader that made the write-ahead log grow beyond that, the next commits cut it back to this.
        connection.execute(f"PRAGMA journal_size_limit = {CHECKPOINT_PAGES * 4096}")
        # Debian's SQLite zeroes what is deleted, at the price of writing it once more; FAST does so where it is free.
        connection.execute("PRAGMA secure_delete = FAST")
    except BaseException:
        connection.close()
        raise
    return connection


def prepare(path: Path) -> None:
    """Makes the store, or brings it up to date. Raises StoreCorrupt, StoreTooNew, Unavailable.

    A new store is made beside its place and moved there whole, so that an empty file of its name is always damage.
    """
    with errors_translated():
        if not path.exists():
            if Path(f"{path}-wal").exists():
                raise StoreCorrupt(f"{path} is gone and its write-ahead log is not")
            new = Path(f"{path}.new")
            remove_database(new)
            with closing(connect(new, "rwc")) as connection:
                schema.create(connection)
            move_into_place(new, path)
        with closing(connect(path, "rw")) as connection:
            schema.version(connection)
            # A commit whose sync failed can be whole in the system's memory and not on the disk. If the process that
            # made it died, it counts now, and all that followed it in the log would be lost with it at a power cut.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            schema.migrate(connection)
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise Unavailable(f"the file system of {path} cannot hold a write-ahead log")


@contextmanager
def errors_translated() -> Iterator[None]:
    """Raises SQLite's errors, and the file system's, as ours."""
    try:
        yield
    except FAILURES as error:
        raise translated(error) from error


@contextmanager
def closing(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Closes the connection at the end (the connection's own context manager only commits)."""
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """Commits at the end, rolls back if anything is raised. `BEGIN` alone gives a reader one state of the whole."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # After some errors SQLite has rolled back by itself, and this fails; the connection is closed then anyway.
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def remove_database(path: Path) -> None:
    """Removes a database that nobody uses, and the files beside it. None of them has to exist."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def move_into_place(source: Path, target: Path) -> None:
    """Makes a closed database durable under its final name, in one step."""
    _fsync(source)
    source.rename(target)
    _fsync(target.parent)


def _fsync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
