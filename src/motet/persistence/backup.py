"""Copies of a store: taken while its server runs, and put back into an empty data directory.

A copy is made by SQLite (`VACUUM INTO`: as of one moment, one file, without free pages), read through, made durable,
and only then given its name.
"""

from __future__ import annotations

from pathlib import Path

from motet.errors import StoreCorrupt
from motet.persistence.lock import writable
from motet.persistence.sqlite_file import (
    DATABASE,
    closing,
    errors_translated,
    move_into_place,
    open_reader,
    remove_database,
)
from motet.persistence.sqlite_read import ReadSession


def backup(data_dir: Path, target: Path) -> list[str]:
    """Copies the store into the directory `target`, which is made if need be.

    Returns the problems found in reading the copy (damaged rows are copied as they are: a backup with one bad room
    beats none). Raises FileExistsError if there is a store in `target`; StoreTooNew, StoreCorrupt, Unavailable.
    """
    _refuse_to_overwrite(target)
    with errors_translated():
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy, problems = _copy(data_dir / DATABASE, target)
        move_into_place(copy, target / DATABASE)
    return problems


def restore(source: Path, data_dir: Path) -> None:
    """Makes a backup (its directory or its file) the store of a data directory that has none.

    Raises StoreInUse if a server holds the directory, FileExistsError if there is a store in it, StoreCorrupt if the
    backup has problems (nothing is changed); StoreTooNew, Unavailable.
    """
    database = source / DATABASE if source.is_dir() else source
    with writable(data_dir):
        _refuse_to_overwrite(data_dir)
        with errors_translated():
            copy, problems = _copy(database, data_dir)
            if problems:
                remove_database(copy)
                raise StoreCorrupt(f"{database} has problems ({len(problems)}), the first is: {problems[0]}")
            move_into_place(copy, data_dir / DATABASE)


def _refuse_to_overwrite(directory: Path) -> None:
    # A write-ahead log without its database would be replayed into the restored one.
    for name in (DATABASE, f"{DATABASE}-wal"):
        if (directory / name).exists():
            raise FileExistsError(f"{directory / name} exists: move it away first, or name another directory")


def _copy(database: Path, directory: Path) -> tuple[Path, list[str]]:
    """Copies a store beside its final place and reads the copy through; the copy and its problems."""
    copy = directory / f"{DATABASE}.new"
    remove_database(copy)
    try:
        with closing(open_reader(database)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        return copy, _problems(copy)
    except BaseException:
        remove_database(copy)
        raise


def _problems(database: Path) -> list[str]:
    session = ReadSession(database)
    try:
        problems = session.integrity()
        page = session.page_of_rooms("", after=False)
        while page:
            for info in page:
                problems += [f"{info.name}: {problem}" for problem in session.verify(info.name)]
            page = session.page_of_rooms(page[-1].name, after=True)
    finally:
        session.close()
    return problems
