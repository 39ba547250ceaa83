"""What the simulation reads of a database file: that it finds whatever is not as it was committed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pycrdt import Doc, Text

from motet.ids import RoomName, Seq
from motet.persistence import Kind, Row, Snapshot, SqliteStore
from motet.persistence.sqlite_file import DATABASE
from motet.simulation.clock import Clock
from motet.simulation.judge import Judge
from motet.simulation.rights import Rights
from motet.simulation.stored import look, missing
from support.wire import Typist

ROOM = RoomName("notes/a")


class Kept:
    """A store with three rows, and the judge who saw them committed."""

    def __init__(self, directory: Path, snapshot_at: int = 0) -> None:
        self.directory = directory / "data"
        self.directory.mkdir()
        self.judge = Judge(Clock(), Rights({}), 1 << 20)
        typist = Typist(7)
        self.rows = [Row(ROOM, "ada", 1, Kind.UPDATE, typist.type(word)) for word in ("one", "two", "three")]
        asyncio.run(self._write(snapshot_at))

    async def _write(self, snapshot_at: int) -> None:
        store = SqliteStore(self.directory)
        seqs = await store.append(self.rows)
        self.judge.committed(self.rows, seqs)
        if snapshot_at:
            doc: Doc[Any] = Doc()
            for row in self.rows[:snapshot_at]:
                doc.apply_update(row.data)
            await store.compact(ROOM, Snapshot(Seq(snapshot_at), doc.get_update(), b"", at=1), keep_rows=False)
        await store.close()

    async def delete(self) -> None:
        """The room."""
        store = SqliteStore(self.directory)
        await store.delete(ROOM, at=1, absent_too=False)
        await store.close()

    def damage(self, *statements: str) -> None:
        """By SQL."""
        with closing(sqlite3.connect(self.directory / DATABASE)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def look(self) -> list[str]:
        """What is found."""
        look(self.directory, self.judge)
        return self.judge.findings


@pytest.mark.parametrize("snapshot_at", [0, 2, 3])
def test_what_was_committed_is_found_whole(tmp_path: Path, snapshot_at: int) -> None:
    """As rows, or as a snapshot and what follows it; and looking changes nothing."""
    kept = Kept(tmp_path, snapshot_at)
    before = (kept.directory / DATABASE).read_bytes()
    assert kept.look() == []
    assert kept.look() == []
    assert (kept.directory / DATABASE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM log WHERE seq = 3", "notes/a has 2 rows, and 3 were committed"),
        ("DELETE FROM log WHERE seq = 2", "the rows of notes/a have gaps: 1 to 3"),
        ("DELETE FROM log WHERE seq = 1", "the rows of notes/a have gaps: 2 to 3"),
        ("UPDATE log SET data = x'0000' WHERE seq = 3", "row 3 of notes/a is not what was committed"),
        ("UPDATE log SET data = x'0000' WHERE seq = 3", "notes/a has lost what 7 wrote from 6 on"),
    ],
)
def test_a_row_that_is_missing_or_changed_is_found(tmp_path: Path, statement: str, told: str) -> None:
    """Whatever else is said of it."""
    kept = Kept(tmp_path)
    kept.damage(statement)
    assert any(finding.startswith(told) for finding in kept.look())


def test_a_snapshot_that_lacks_what_its_rows_had_is_found(tmp_path: Path) -> None:
    """Its rows are gone."""
    kept = Kept(tmp_path, snapshot_at=2)
    kept.damage("UPDATE snapshots SET data = x'0000'")
    assert kept.look() == ["notes/a has lost what 7 wrote from 0 on"]


def test_a_row_that_nobody_heard_of_is_taken_as_committed(tmp_path: Path) -> None:
    """The process died before it could say so: from then on it has to be there."""
    kept = Kept(tmp_path)
    kept.judge.heads[ROOM] = 2
    kept.judge._rows.pop((ROOM, 3))
    assert kept.look() == []
    assert kept.judge.heads[ROOM] == 3
    kept.damage("DELETE FROM log WHERE seq = 3")
    assert "notes/a has 2 rows, and 3 were committed" in kept.look()


def test_a_room_or_a_database_that_is_gone_is_found(tmp_path: Path) -> None:
    """If there was anything in it."""
    kept = Kept(tmp_path)
    kept.damage("DELETE FROM log", "DELETE FROM rooms")
    assert kept.look() == ["notes/a is gone"]
    (kept.directory / DATABASE).unlink()
    assert kept.look()[1:] == ["the database is gone"]
    empty = Judge(Clock(), Rights({}), 1)
    look(kept.directory, empty)
    assert empty.findings == []


def test_a_room_with_a_tombstone_was_deleted(tmp_path: Path) -> None:
    """Nothing is expected of it any more."""
    kept = Kept(tmp_path)
    asyncio.run(kept.delete())
    assert kept.look() == []
    assert kept.judge.tombstones == {ROOM}
    assert ROOM not in kept.judge.heads


def pair(differ: Callable[[Text], None]) -> tuple[Doc[Any], Doc[Any]]:
    """Two replicas of a text, the first of which has been edited since."""
    one: Doc[Any] = Doc(client_id=7)
    text = one.get("text", type=Text)
    text += "twelve chars"
    other: Doc[Any] = Doc(client_id=8)
    other.apply_update(one.get_update())
    differ(text)
    return one, other


def test_what_one_replica_lacks_of_another_is_told() -> None:
    """Content, or deletes in the middle of what is deleted already."""
    one, other = pair(lambda text: None)
    assert missing(one, other) == ""

    def more(text: Text) -> None:
        text += "!"

    one, other = pair(more)
    assert missing(one, other) == "what 7 wrote from 12 on"
    assert missing(other, one) == ""

    def less(text: Text) -> None:
        del text[2:6]

    one, other = pair(less)
    assert missing(one, other) == "the delete of what 7 wrote at 2"
    assert missing(other, one) == ""
    own = other.get("text", type=Text)
    del own[1:4]
    assert missing(one, other) == "the delete of what 7 wrote at 4"
    assert missing(other, one) == "the delete of what 7 wrote at 1"
