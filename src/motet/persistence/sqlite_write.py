"""What is written to `motet.db`: synchronous, by the one writing connection.

Appending is the hot path. sqlite3 gives up the interpreter lock for every step of a statement and must win it back
from a busy event loop each time, so `executemany` pays that per row. Here a batch is one statement of many rows, and
by itself a transaction. Beside a saturated uvloop server (2 cores): 1,000 rows take 24 ms instead of 310, 200 take 18
instead of 32; alone, 3 to 6 µs of CPU a row (200 rooms, 24-byte updates, commits of 1,000 to 200 rows).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from motet.ids import RoomName, Seq
from motet.persistence.checksum import record_checksum, room_salt, row_checksum, snapshot_checksum, tombstone_checksum
from motet.persistence.port import Row, Snapshot
from motet.persistence.sqlite_file import open_writer, transaction
from motet.persistence.sqlite_read import ROOM_ID, refuse_deleted, tombstone

MAX_STATEMENT_ROWS = 4096
"""Times 7 values it stays below SQLite's 32,766 for a statement."""

MAX_HEADS = 65_536
"""Rooms whose head is remembered (about 15 MB); when full, all are forgotten and read again as they are needed."""

DROP_ROWS = 256
"""Rows of history dropped in a transaction: large ones free tens of megabytes of pages, and appends wait behind it."""

VACUUM_PAGES = 512
"""Free pages given back in a transaction (2 MiB, about 10 ms)."""

SLACK_PAGES = 1024
"""Free pages that a compaction leaves for the next rows (4 MiB)."""

_HEAD = """
    SELECT max(coalesce((SELECT max(seq) FROM log WHERE room = :room), 0),
               coalesce((SELECT seq FROM snapshots WHERE room = :room), 0))"""
# The last row that may go, of the first DROP_ROWS: none from the first young one on, so that history has no holes.
_LAST_TO_DROP = f"""
    SELECT coalesce(min(CASE WHEN at >= :before THEN seq END) - 1, max(seq))
    FROM (SELECT seq, at FROM log WHERE room = :room AND seq <= :seq ORDER BY seq LIMIT {DROP_ROWS})"""


class _Head:
    """The room's id, the seq of its last row, and the salt of its checksums."""

    __slots__ = ("room", "salt", "seq")

    def __init__(self, room: int, seq: int, salt: int) -> None:
        self.room = room
        self.seq = seq
        self.salt = salt


class WriteSession:
    """The writing connection. Every method raises sqlite3.Error, and the session must then be closed; those that take
    a room's name raise StoreCorrupt for a damaged tombstone, and those that write to the room RoomDeleted."""

    def __init__(self, path: Path) -> None:
        self._connection = open_writer(path)
        self._heads: dict[RoomName, _Head] = {}

    def append(self, rows: Sequence[Row]) -> list[Seq]:
        """All rows in one transaction; their seqs."""
        heads = self._heads
        if len(heads) > MAX_HEADS:
            heads.clear()
        try:
            new = {row.room for row in rows if row.room not in heads}
            if not new and len(rows) <= MAX_STATEMENT_ROWS:
                return self._insert(rows)
            with transaction(self._connection):
                for room in sorted(new):
                    heads[room] = self._open(room)
                seqs: list[Seq] = []
                for start in range(0, len(rows), MAX_STATEMENT_ROWS):
                    seqs += self._insert(rows[start : start + MAX_STATEMENT_ROWS])
            return seqs
        except BaseException:
            heads.clear()  # They count rows that were not kept.
            raise

    def create(self, rows: Sequence[Row]) -> bool:
        """The first rows of a room, unless it exists. Nobody else writes, so looking first is enough."""
        if self._connection.execute(ROOM_ID, (rows[0].room,)).fetchone():
            return False
        self.append(rows)
        return True

    def put_snapshot(self, room: RoomName, snapshot: Snapshot) -> int:
        """Replaces the snapshot; the room's id. Raises ValueError as Store.compact does."""
        with transaction(self._connection):
            found = self._connection.execute(ROOM_ID, (room,)).fetchone()
            if found is None:
                refuse_deleted(self._connection, room)
                raise ValueError(f"there is no room {room!r}")
            (head,) = self._connection.execute(_HEAD, {"room": found[0]}).fetchone()
            present = self._connection.execute("SELECT seq FROM snapshots WHERE room = ?", found).fetchone()
            if not (present[0] if present else 0) <= snapshot.seq <= head:
                raise ValueError(f"no snapshot of {room!r} can be at {snapshot.seq}: its head is {head}")
            salt = room_salt(room)
            checksum = snapshot_checksum(salt, snapshot.seq, snapshot.at, snapshot.data, snapshot.sidecar)
            self._connection.execute(
                "INSERT OR REPLACE INTO snapshots (room, seq, at, checksum, sidecar, data) VALUES (?, ?, ?, ?, ?, ?)",
                (found[0], snapshot.seq, snapshot.at, checksum, snapshot.sidecar, snapshot.data),
            )
        return int(found[0])

    def drop_rows(self, room: int, seq: int, before: int) -> int:
        """Drops rows up to seq from the beginning, as far as they were written before; how many, 0 when done."""
        bounds = {"room": room, "seq": seq, "before": before}
        (last,) = self._connection.execute(_LAST_TO_DROP, bounds).fetchone()
        if last is None:
            return 0
        return self._connection.execute("DELETE FROM log WHERE room = ? AND seq <= ?", (room, last)).rowcount

    def bury(self, room: RoomName, at: int, absent_too: bool) -> bool:
        """Puts a tombstone in place of the room, whose rows become leftovers; whether there is one now."""
        self._heads.pop(room, None)
        with transaction(self._connection):
            found = self._connection.execute(ROOM_ID, (room,)).fetchone()
            if found is not None:
                self._connection.execute("DELETE FROM rooms WHERE id = ?", found)
                self._connection.execute("INSERT OR IGNORE INTO leftovers (room) VALUES (?)", found)
            elif tombstone(self._connection, room) is not None:
                return True
            elif not absent_too:
                return False
            checksum = tombstone_checksum(room_salt(room), at)
            self._connection.execute(
                "INSERT INTO tombstones (name, at, checksum) VALUES (?, ?, ?)", (room, at, checksum)
            )
        return True

    def leftovers(self) -> list[int]:
        """Ids of deleted rooms that may have left something. Never a room's, even if the table is damaged."""
        found = self._connection.execute("SELECT room FROM leftovers WHERE room NOT IN (SELECT id FROM rooms)")
        return [room for (room,) in found]

    def drop_rest(self, room: int) -> None:
        """Drops the snapshot of a deleted room whose rows are dropped, and what damage has left of these."""
        with transaction(self._connection):
            self._connection.execute("DELETE FROM log WHERE room = ?", (room,))
            self._connection.execute("DELETE FROM snapshots WHERE room = ?", (room,))

    def purged(self, rooms: Sequence[int]) -> None:
        """Nothing is left of these."""
        with transaction(self._connection):
            for room in rooms:
                self._connection.execute("DELETE FROM leftovers WHERE room = ?", (room,))

    def lift(self, room: RoomName) -> bool:
        """Takes the tombstone away; whether there was one."""
        with transaction(self._connection):
            if tombstone(self._connection, room) is None:
                return False
            self._connection.execute("DELETE FROM tombstones WHERE name = ?", (room,))
        return True

    def put_record(self, kind: str, key: str, value: bytes | None) -> None:
        """Sets the record, or takes it away."""
        if value is None:
            self._connection.execute("DELETE FROM records WHERE kind = ? AND key = ?", (kind, key))
        else:
            self._connection.execute(
                "INSERT OR REPLACE INTO records (kind, key, checksum, value) VALUES (?, ?, ?, ?)",
                (kind, key, record_checksum(kind, key, value), value),
            )

    def reclaim(self, slack: int) -> bool:
        """Gives some free pages back to the file system, down to the slack; whether there may be more."""
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        if free <= slack:
            return False
        # As a script: it takes a step per page, and `execute` stops after one step of a statement without columns.
        self._connection.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
        return True

    def checkpoint(self) -> bool:
        """Moves the write-ahead log into the database and empties it, as far as readers allow without a wait.

        Whether it is empty now.
        """
        self._connection.execute("PRAGMA busy_timeout = 0")
        ((busy, _, _),) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._connection.execute("PRAGMA busy_timeout = 5000")
        return not busy

    def probe(self) -> None:
        """A durable write of one page."""
        self._connection.execute("UPDATE probe SET writes = writes + 1")

    def close(self) -> None:
        self._connection.close()

    def _open(self, room: RoomName) -> _Head:
        found = self._connection.execute(ROOM_ID, (room,)).fetchone()
        if found is None:
            refuse_deleted(self._connection, room)
            cursor = self._connection.execute("INSERT INTO rooms (name) VALUES (?)", (room,))
            found = (cursor.lastrowid,)
        (head,) = self._connection.execute(_HEAD, {"room": found[0]}).fetchone()
        return _Head(found[0], head, room_salt(room))

    def _insert(self, rows: Sequence[Row]) -> list[Seq]:
        heads = self._heads
        seqs: list[Seq] = []
        values: list[object] = []
        for room, author, at, kind, data in rows:
            head = heads[room]
            seq = head.seq = head.seq + 1
            seqs.append(Seq(seq))
            checksum = row_checksum(head.salt, seq, at, kind, author.encode(), data)
            # bytearray and int: types that sqlite3 binds without asking its adapters, which costs 0.3 µs each.
            values += (head.room, seq, at, int(kind), author, checksum, bytearray(data))
        size = 1 << (len(rows) - 1).bit_length()
        values += (0,) * (7 * (size - len(rows)))
        values.append(len(rows))
        self._connection.execute(_insert_statement(size), values)
        return seqs


@cache
def _insert_statement(size: int) -> str:
    """An insert of up to `size` rows; the last value says how many. With powers of two, 13 statements are enough."""
    rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * size)
    return f"INSERT INTO log (room, seq, at, kind, author, checksum, data) SELECT * FROM (VALUES {rows}) LIMIT ?"
