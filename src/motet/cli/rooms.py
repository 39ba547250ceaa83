"""`motet rooms`: what a data directory holds."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import typer
from rich.filesize import decimal
from rich.table import Table

from motet.cli.options import Data, data_directory
from motet.cli.output import table_console
from motet.persistence import SqliteReader


def rooms(data: Data = None, prefix: str = typer.Option("", help="only rooms whose names begin so")) -> None:
    """List the rooms: name, size, head seq, age of the snapshot. The server may be running."""
    asyncio.run(_rooms(SqliteReader(data_directory(data)), prefix))


async def _rooms(store: SqliteReader, prefix: str) -> None:
    table = Table(box=None, header_style="bold")
    table.add_column("room", overflow="fold")
    for title in ("size", "head seq", "snapshot age"):
        table.add_column(title, justify="right")
    now = time.time_ns() // 1_000_000
    try:
        async for room in store.rooms(prefix):
            age = "-" if room.snapshot_at is None else str(timedelta(seconds=(now - room.snapshot_at) // 1000))
            table.add_row(room.name, decimal(room.size), str(room.head), age)
    finally:
        await store.close()
    table_console().print(table if table.row_count else "no rooms")
