"""Damage to a copy of the database, as a disk or a person does it: a step. Whoever looks at it must be told."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from motet.access import KIND
from motet.errors import StoreCorrupt
from motet.ids import RoomName
from motet.persistence.schema import MIGRATIONS
from motet.persistence.sqlite_file import DATABASE, errors_translated
from motet.persistence.sqlite_read import ReadSession
from motet.simulation.stored import copied

if TYPE_CHECKING:
    from motet.simulation.world import World

_A_ROW: Final = "(SELECT max(id) FROM log)"
_BETWEEN: Final = """
    (SELECT l.id FROM log l WHERE l.seq > (SELECT min(seq) FROM log WHERE room = l.room)
     AND l.seq < (SELECT max(seq) FROM log WHERE room = l.room) LIMIT 1)"""

_DAMAGES: Final = (
    f"UPDATE log SET data = 'no bytes' WHERE id = {_A_ROW}",
    f"UPDATE log SET data = data || x'ff' WHERE id = {_A_ROW}",
    f"UPDATE log SET data = CAST(data || x'00' AS BLOB) WHERE id = {_A_ROW}",
    f"UPDATE log SET seq = 'none' WHERE id = {_A_ROW}",
    f"UPDATE log SET author = x'ff' WHERE id = {_A_ROW}",
    f"DELETE FROM log WHERE id = {_BETWEEN}",
    "DELETE FROM log WHERE room NOT IN (SELECT room FROM snapshots)",
    "DELETE FROM log WHERE seq = (SELECT s.seq FROM snapshots s WHERE s.room = log.room)"
    " AND seq > (SELECT min(seq) FROM log l WHERE l.room = log.room)",
    "UPDATE snapshots SET data = 'no bytes'",
    "UPDATE snapshots SET data = data || x'ff'",
    "UPDATE snapshots SET data = CAST(data || x'00' AS BLOB)",
    "UPDATE tombstones SET at = at + 1",
    "UPDATE records SET value = 'no bytes'",
    "UPDATE records SET checksum = checksum + 1",
    "UPDATE rooms SET name = name || '!'",
)


def damage_a_copy(world: World, rnd: Random) -> None:
    """Of what is on the disk now. It is a backup: the server knows nothing of it."""
    data = world.disk.directory
    if not (data / DATABASE).exists():
        return
    with copied(data) as path:
        statement = rnd.choice(_DAMAGES)
        if not _is_whole(path):
            return
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            changed = connection.execute(statement).rowcount
        if changed and not _is_found(path):
            world.judge.finds(f"nobody is told of this damage: {statement}")


def _is_whole(path: Path) -> bool:
    """Whether there is a store, complete enough to be read: it was copied in the middle of something."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return bool(connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),))


def _is_found(path: Path) -> bool:
    """Whether it is told, by those who look for it and by those who load the rooms."""
    problems: list[str] = []
    with closing(sqlite3.connect(path)) as connection:
        rooms = [RoomName(name) for (name,) in connection.execute("SELECT name FROM rooms")]
    with closing(ReadSession(path)) as session:
        looks: list[Callable[[], object]] = [session.integrity, partial(session.records, KIND)]
        for room in rooms:
            looks += [partial(session.verify, room), partial(session.load, room)]
        for look in looks:
            try:
                with errors_translated():
                    found = look()
                problems += found if isinstance(found, list) else []
            except StoreCorrupt as error:
                problems.append(str(error))
    return bool(problems)
