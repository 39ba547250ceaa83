"""`motet rooms`: what a data directory holds; and on a stopped server, rooms deleted and deleted names set free."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

import typer
from rich.filesize import decimal
from rich.table import Table

from motet.cli.options import Data, data_directory
from motet.cli.output import table_console
from motet.errors import ConfigError, StoreInUse
from motet.ids import RoomName, is_room_name
from motet.persistence import SqliteReader, SqliteStore

Name = Annotated[str, typer.Argument(metavar="ROOM", help="the room's name")]

app = typer.Typer(invoke_without_command=True)


@app.callback()
def rooms(
    context: typer.Context, data: Data = None, prefix: str = typer.Option("", help="only rooms whose names begin so")
) -> None:
    """List the rooms: name, size, head seq, age of the snapshot. The server may be running."""
    command = context.invoked_subcommand
    if command is None:
        asyncio.run(_rooms(SqliteReader(data_directory(data)), prefix))
    elif data is not None or prefix:  # rather than delete a room of another directory
        context.fail(f"the options of {command} come after it")


async def _rooms(store: SqliteReader, prefix: str) -> None:
    table = Table(box=None, header_style="bold")
    table.add_column("room", overflow="fold")
    for title in ("size", "head seq", "snapshot age"):
        table.add_column(title, justify="right")
    now = _now()
    try:
        async for room in store.rooms(prefix):
            age = "-" if room.snapshot_at is None else str(timedelta(seconds=(now - room.snapshot_at) // 1000))
            table.add_row(room.name, decimal(room.size), str(room.head), age)
    finally:
        await store.close()
    table_console().print(table if table.row_count else "no rooms")


@app.command()
def delete(
    room: Name, yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False, data: Data = None
) -> None:
    """Delete a room for good; its name is not used again. The server must be stopped."""
    name = _name(room)
    try:
        store = _store(data)
    except StoreInUse as e:
        route = f"DELETE /api/v1/rooms/{quote(room, safe='')}"
        raise StoreInUse(f"{e}, or ask it as an administrator: {route}") from e
    asyncio.run(_delete(store, name, yes))
    typer.echo(f"deleted {room}")


async def _delete(store: SqliteStore, room: RoomName, yes: bool) -> None:
    try:
        if not yes:
            typer.confirm(f"delete {room} for good?", abort=True, err=True)
        if not await store.delete(room, _now(), absent_too=False):
            raise ConfigError(f"there is no room {room!r}")
    finally:
        await store.close()


@app.command()
def recreate(room: Name, data: Data = None) -> None:
    """Let the name of a deleted room be used again; the room begins empty. The server must be stopped."""
    name = _name(room)
    asyncio.run(_recreate(_store(data), name))
    typer.echo(f"{room} may be used again")


async def _recreate(store: SqliteStore, room: RoomName) -> None:
    try:
        if not await store.recreate(room):
            raise ConfigError(f"no room {room!r} was deleted")
    finally:
        await store.close()


def _store(data: Data) -> SqliteStore:
    directory = data_directory(data)
    if not directory.is_dir():  # the store would make it
        raise ConfigError(f"there is no data directory {directory}")
    return SqliteStore(directory)


def _name(room: str) -> RoomName:
    if not is_room_name(room):
        raise ConfigError(f"{room!r} is no room name: 1-256 bytes of UTF-8 without control characters")
    return RoomName(room)


def _now() -> int:
    return time.time_ns() // 1_000_000
