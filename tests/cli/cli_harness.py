"""The `motet` command run in this process, and data directories for it to work on."""

from __future__ import annotations

import asyncio
import io
import os
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from pycrdt import Doc, Text

from motet.cli import main
from motet.ids import RoomName
from motet.persistence import Kind, Row, SqliteStore
from support.wire import Typist


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str
    raw: bytes
    """Standard output as bytes."""


def motet(*arguments: object, env: Mapping[str, str] | None = None) -> Outcome:
    """What `motet ARGUMENTS` does, by its entry point. No setting comes from this process's environment.

    What the command does not handle is raised, as it would be a traceback.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MOTET_")}
    code: object = 0
    with (
        mock.patch.object(sys, "argv", ["motet", *map(str, arguments)]),
        mock.patch.dict(os.environ, {**clean, **(env or {})}, clear=True),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    assert isinstance(code, int)
    raw, errors = (stream.buffer.getvalue() for stream in (out, err))  # type: ignore[attr-defined]
    return Outcome(code, raw.decode(errors="replace"), errors.decode(), raw)


def write_update(path: Path, text: str, client: int = 7) -> Path:
    """A file with the update of one client that typed this into the root `text`."""
    path.write_bytes(Typist(client).type(text))
    return path


def fill(data: Path, **rooms: str | list[str]) -> Path:
    """A data directory with these rooms, each a text that was typed in so many log rows; returns it."""

    async def append() -> None:
        store = SqliteStore(data)
        for number, (room, typed) in enumerate(rooms.items()):
            typist = Typist(100 + number)
            for part in [typed] if isinstance(typed, str) else typed:
                await store.append([Row(RoomName(room), "", 1, Kind.UPDATE, typist.type(part))])
        await store.close()

    asyncio.run(append())
    return data


@contextmanager
def database(data: Path) -> Iterator[sqlite3.Connection]:
    """The store as SQLite sees it, to damage it or look into it."""
    with closing(sqlite3.connect(data / "motet.db")) as connection:
        yield connection
        connection.commit()


def text_of(update: bytes, root: str = "text") -> str:
    """The text in an update, as Yjs's Rust port reads it."""
    doc: Doc[Text] = Doc()
    doc.apply_update(update)
    return str(doc.get(root, type=Text))
