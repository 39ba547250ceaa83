"""`motet export` and `motet import`: documents out of and into a data directory."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from motet.cli.options import Data, data_directory
from motet.cli.output import tell_bad
from motet.crdt import DROPPED, Replica, View, update_of_file, view_blocking
from motet.errors import ConfigError, MotetError
from motet.ids import RoomName, Seq, is_room_name
from motet.persistence import Kind, Row, SqliteReader, SqliteStore, hocuspocus_sqlite, pycrdt_store
from motet.rooms.loading import load, snapshot_of

PATIENCE = 300.0
"""Seconds that a view of a document may take: nobody else waits for it here."""


class Form(StrEnum):
    """How a document is written out."""

    YJS = "yjs"
    JSON = "json"
    TEXT = "text"


class Source(StrEnum):
    """Whose database documents are brought from."""

    HOCUSPOCUS = "hocuspocus-sqlite"
    PYCRDT = "pycrdt-store"


def export(
    room: Annotated[str, typer.Argument(help="the room's name")],
    form: Annotated[Form, typer.Option("--as", help="a Yjs update, JSON, or plain text")] = Form.JSON,
    data: Data = None,
) -> None:
    """Write a room's document to standard output. The server may be running."""
    encoded = asyncio.run(_encoded(SqliteReader(data_directory(data)), room))
    if form is Form.YJS:
        sys.stdout.buffer.write(encoded)
    else:
        print(view_blocking(encoded, View.JSON if form is Form.JSON else View.TEXT, timeout=PATIENCE))


async def _encoded(store: SqliteReader, room: str) -> bytes:
    try:
        stored = await store.load(_name(room))
    finally:
        await store.close()
    if stored is None:
        raise ConfigError(f"there is no room {room!r}")
    return load(stored).encode()


def _name(room: str) -> RoomName:
    if not is_room_name(room):
        raise ConfigError(f"{room!r} is no room name: 1-256 bytes of UTF-8 without control characters")
    return RoomName(room)


def import_(
    what: Annotated[str, typer.Argument(metavar="ROOM|PATH", help="the room's name; with --from, the other database")],
    file: Annotated[Path | None, typer.Argument(help="a Yjs update, .json or .txt (see docs/OPERATIONS.md)")] = None,
    source: Annotated[Source | None, typer.Option("--from", help="bring all documents of another server")] = None,
    merge: Annotated[bool, typer.Option(help="merge into rooms that exist; else these are refused")] = False,
    data: Data = None,
) -> None:
    """Bring a file into a room, or another server's documents into rooms of their names. The server must be stopped."""
    if source is None:
        if file is None:
            raise ConfigError("motet import ROOM FILE, or motet import --from KIND PATH")
        documents: Iterable[tuple[str, list[bytes]]] = [(what, [update_of_file(file)])]
    elif file is not None:
        raise ConfigError("with --from there is one argument: the path of the other database")
    else:
        path = Path(what)
        if not path.is_file():  # before a data directory is made for nothing
            raise ConfigError(f"there is no file {path}")
        documents = _documents(source, path)
    done, refused = asyncio.run(_import(SqliteStore(data_directory(data)), documents, merge))
    tell_bad(refused, err=True)
    typer.echo(f"{done} imported, {len(refused)} not", err=True)
    if refused:
        raise typer.Exit(1)


def _documents(source: Source, path: Path) -> Iterator[tuple[str, list[bytes]]]:
    if source is Source.HOCUSPOCUS:
        for name, data in hocuspocus_sqlite(path):
            yield name, [data]
    else:
        yield from pycrdt_store(path)


async def _import(
    store: SqliteStore, documents: Iterable[tuple[str, list[bytes]]], merge: bool
) -> tuple[int, list[tuple[str, str]]]:
    done = 0
    refused = []
    try:
        for name, updates in documents:
            try:
                await _import_one(store, _name(name), updates, merge)
            except MotetError as e:
                refused.append((name, str(e)))
            else:
                done += 1
    except MotetError as e:  # the other database is damaged: what was read until there is imported
        refused.append(("(all that follow)", str(e)))
    finally:
        await store.close()
    return done, refused


async def _import_one(store: SqliteStore, name: RoomName, updates: list[bytes], merge: bool) -> None:
    stored = await store.load(name) if merge else None
    replica = load(stored) if stored is not None else Replica()
    left: list[bytes] = []
    while updates != left:  # those that came before their causes, and are more than may wait, are taken again
        updates, left = [update for update in updates if replica.take(update, 0) == DROPPED], updates
    if replica.waiting_bytes or updates:
        raise ConfigError("the document is not whole: some of it refers to what is not there")
    news = replica.news()
    if news is None:
        return
    now = time.time_ns() // 1_000_000
    row = Row(name, "", now, Kind.UPDATE, news.update)
    if stored is not None:
        (head,) = await store.append([row])
    elif await store.create([row]):
        head = Seq(1)
    else:
        raise ConfigError("the room exists; --merge merges the document into it")
    # With a snapshot the first join is a read, not a scan.
    await store.compact(name, snapshot_of(replica, head, now), keep_rows=True)
