"""What a database file holds, read by SQL of the simulation's own, and whether it is what the store promised."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from pycrdt import Doc

from motet.crdt.replica import read_state_vector
from motet.crdt.replica.scan import scan
from motet.persistence.sqlite_file import DATABASE
from motet.simulation.judge import Judge
from motet.simulation.people import ROOMS

_ROWS: Final = "SELECT seq, author, data FROM log WHERE room = ? ORDER BY seq"
_SNAPSHOT: Final = "SELECT seq, data FROM snapshots WHERE room = ?"


def look(directory: Path, judge: Judge) -> None:
    """Compares the file with what the judge saw committed, on a copy: SQLite mends what it opens."""
    if not (directory / DATABASE).exists():
        if judge.heads:
            judge.finds("the database is gone")
        return
    with copied(directory) as path:
        try:
            _look(path, judge)
        except sqlite3.DatabaseError as error:
            judge.finds(f"the database is damaged: {error}")


@contextmanager
def copied(directory: Path) -> Iterator[Path]:
    """A copy of the database in a directory, as a power cut would leave it to the next process."""
    with TemporaryDirectory(dir=directory.parent, prefix="copy-") as copy:
        for file in directory.glob(f"{DATABASE}*"):
            if not file.name.endswith("-shm"):
                shutil.copy(file, copy)
        yield Path(copy) / DATABASE


def _look(path: Path, judge: Judge) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'tombstones'").fetchone():
            return
        tombstones = {name for (name,) in connection.execute("SELECT name FROM tombstones")}
        rooms: dict[str, int] = dict(connection.execute("SELECT name, id FROM rooms"))
        judge.tombstones = tombstones
        for room in list(judge.heads):
            if room not in rooms and room in tombstones | judge.dying:
                judge.buried(room)
            elif room not in rooms:
                judge.finds(f"{room} is gone")
        for room, number in rooms.items():
            _compare(connection, room, number, judge)


def _compare(connection: sqlite3.Connection, room: str, number: int, judge: Judge) -> None:
    snapshot = connection.execute(_SNAPSHOT, (number,)).fetchone()
    rows = connection.execute(_ROWS, (number,)).fetchall()
    base = snapshot[0] if snapshot is not None else 0
    seqs = [seq for seq, _, _ in rows]
    if seqs and (seqs != list(range(seqs[0], seqs[-1] + 1)) or seqs[0] > base + 1):
        judge.finds(f"the rows of {room} have gaps: {seqs[0]} to {seqs[-1]}, {len(seqs)} of them, snapshot at {base}")
    for seq, author, data in rows:
        judge.found(room, seq, author, data)
    head = max([base, *seqs])
    if head < judge.heads.get(room, 0):
        judge.finds(f"{room} has {head} rows, and {judge.heads[room]} were committed")
    judge.heads[room] = head
    if room in ROOMS:
        _compare_content(
            room, [*([snapshot[1]] if snapshot is not None else []), *[data for _, _, data in rows]], judge
        )


def _compare_content(room: str, updates: list[bytes], judge: Judge) -> None:
    doc: Doc[Any] = Doc()
    for update in updates:
        doc.apply_update(update)
    shadow = judge.shadow(room)
    if lost := missing(shadow, doc):
        judge.finds(f"{room} has lost {lost}")
    shadow.apply_update(doc.get_update())


def missing(kept: Doc[Any], found: Doc[Any]) -> str:
    """What one holds and the other does not, in words; "" if nothing."""
    blocks, deletes = scan(kept.get_update(found.get_state()), {})
    if blocks:
        return f"what {blocks[0][0]} wrote from {read_state_vector(found.get_state()).get(blocks[0][0], 0)} on"
    held: dict[int, list[tuple[int, int]]] = {}
    for client, start, end in scan(found.get_update(), {})[1]:
        held.setdefault(client, []).append((start, end))
    for client, start, end in deletes:
        at = start
        for first, last in sorted(held.get(client, ())):
            if first <= at < last:
                at = last
        if at < end:
            return f"the delete of what {client} wrote at {at}"
    return ""
