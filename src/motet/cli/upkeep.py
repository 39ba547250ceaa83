"""`motet verify`, `compact`, `backup`, `restore`: keeping a data directory sound."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from motet.cli.options import Data, data_directory
from motet.cli.output import tell_bad
from motet.config import load as load_settings
from motet.crdt import Documents, View
from motet.errors import ConfigError, MotetError, StoreCorrupt
from motet.ids import RoomName
from motet.persistence import RoomInfo, SqliteReader, SqliteStore, StoreReader
from motet.persistence import backup as back_up
from motet.persistence import restore as put_back
from motet.rooms.loading import load, snapshot_of

DATABASE = "(database)"
"""In place of a room's name: what is wrong with the file as a whole."""


def progress() -> Progress:
    """A bar with a count, on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


async def listed(store: StoreReader, names: list[str] | None = None) -> list[RoomInfo]:
    """The rooms of these names, or all. Raises ConfigError for a name that there is not."""
    found = [info async for info in store.rooms()]
    if not names:
        return found
    missing = set(names) - {info.name for info in found}
    if missing:
        raise ConfigError(f"no such room: {', '.join(sorted(missing))}")
    return [info for info in found if info.name in names]


def verify(
    data: Data = None,
    hashes: Annotated[
        bool, typer.Option("--hash", help="print each room's exact state hash, equal in every replica of the document")
    ] = False,
) -> None:
    """Read every room: checksums, gaps, loading. Exit code 1 and a list if any is bad. The server may run."""
    bad = asyncio.run(_verify(SqliteReader(data_directory(data)), Documents() if hashes else None))
    tell_bad(bad)
    if bad:
        raise typer.Exit(1)
    typer.echo("all rooms are sound")


async def _verify(store: SqliteReader, documents: Documents | None) -> list[tuple[str, str]]:
    try:
        bad = [(DATABASE, problem) for problem in await store.integrity()]
        try:
            rooms = await listed(store)
        except MotetError as e:
            return [*bad, (DATABASE, str(e))]
        with progress() as bar:
            for info in bar.track(rooms, description="verifying"):
                bad += [(info.name, problem) for problem in await _problems(store, info.name, documents)]
        return bad
    finally:
        if documents is not None:
            await documents.close()
        await store.close()


async def _problems(store: SqliteReader, name: RoomName, documents: Documents | None) -> list[str]:
    """With documents, a sound room's hash is printed."""
    problems = await store.verify(name)
    if problems:
        return problems
    try:
        stored = await store.load(name)
        if stored is not None:
            replica = load(stored)
            if documents is not None:
                typer.echo(f"{await documents.view(replica.encode(), View.HASH)}  {name}")
    except MotetError as e:
        return [str(e)]
    return []


def compact(
    rooms: Annotated[list[str] | None, typer.Argument(help="rooms to compact; all when none is named")] = None,
    data: Data = None,
) -> None:
    """Drop deleted content and fold each log into a snapshot. The server must be stopped; it does this itself."""
    settings = load_settings({"data": data})
    if not settings.data.is_dir():  # the store would make it
        raise ConfigError(f"there is no data directory {settings.data}")
    bad = asyncio.run(_compact(SqliteStore(settings.data), rooms, settings.retention_days > 0))
    tell_bad(bad)
    if bad:
        raise typer.Exit(1)


async def _compact(store: SqliteStore, names: list[str] | None, keep_rows: bool) -> list[tuple[str, str]]:
    bad: list[tuple[str, str]] = []
    try:
        rooms = await listed(store, names)
        with progress() as bar:
            for info in bar.track(rooms, description="compacting"):
                try:
                    await _compact_room(store, info.name, keep_rows)
                except StoreCorrupt as e:
                    bad.append((info.name, str(e)))
        before, after = (sum(info.size for info in infos) for infos in (rooms, await listed(store, names)))
        typer.echo(f"{decimal(before)} before, {decimal(after)} after")
        return bad
    finally:
        await store.close()


async def _compact_room(store: SqliteStore, name: RoomName, keep_rows: bool) -> None:
    stored = await store.load(name)
    if stored is None:
        return
    replica = load(stored)
    for _ in replica.compact():
        pass
    await store.compact(name, snapshot_of(replica, stored.head, time.time_ns() // 1_000_000), keep_rows)


def backup(
    target: Annotated[Path, typer.Argument(help="directory to make; it must not hold a backup yet")], data: Data = None
) -> None:
    """Copy the data to a directory, whole and checked. The server may be running."""
    problems = back_up(data_directory(data), target)
    typer.echo(f"backed up to {target}")
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(1)


def restore(
    source: Annotated[Path, typer.Argument(help="a directory that `motet backup` made")], data: Data = None
) -> None:
    """Put a backup where there are no data. The server must be stopped."""
    directory = data_directory(data)
    put_back(source, directory)
    typer.echo(f"restored to {directory}")
