"""What is read from `motet.db`: synchronous, over a read-only connection. Checksums are checked on the way."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from motet.errors import RoomDeleted, StoreCorrupt
from motet.ids import RoomName, Seq
from motet.persistence.checksum import record_checksum, room_salt, row_checksum, snapshot_checksum, tombstone_checksum
from motet.persistence.port import (
    Kind,
    RoomInfo,
    RoomOutline,
    RowInfo,
    Snapshot,
    StoredRoom,
    StoredRow,
    StoreStatistics,
    room_deleted,
)
from motet.persistence.sqlite_file import open_reader, transaction

PAGE = 256
"""Rooms read at a time in a listing: what bounds its memory and how long it holds a read transaction."""

ROOM_ID = "SELECT id FROM rooms WHERE name = ?"
# The author as bytes: a damaged one must fail its checksum, not its decoding.
_ROWS = "SELECT seq, at, kind, CAST(author AS BLOB), checksum, data FROM log WHERE room = ? AND seq > ? ORDER BY seq"
_SNAPSHOT = "SELECT seq, at, checksum, sidecar, data FROM snapshots WHERE room = ?"
_TOMBSTONES = "SELECT name, at, checksum FROM tombstones"
_RECORDS = "SELECT kind, key, checksum, value FROM records"
_NEWEST_ROWS = "SELECT seq, author, at, length(data) FROM log WHERE room = ? ORDER BY seq DESC LIMIT ?"
_SNAPSHOT_INFO = "SELECT seq, at, length(data) FROM snapshots WHERE room = ?"
_PAGE_OF_ROOMS = f"""
    SELECT name,
        (SELECT max(seq) FROM log WHERE room = r.id),
        (SELECT sum(length(data)) FROM log WHERE room = r.id),
        (SELECT at FROM log WHERE room = r.id ORDER BY seq DESC LIMIT 1),
        s.seq, s.at, length(s.data) + length(s.sidecar)
    FROM (SELECT id, name FROM rooms WHERE {{}} ORDER BY name LIMIT {PAGE}) r
    LEFT JOIN snapshots s ON s.room = r.id ORDER BY name"""
_FIRST_PAGE = _PAGE_OF_ROOMS.format("name >= ?")
_NEXT_PAGE = _PAGE_OF_ROOMS.format("name > ?")
_PAGE_OF_HISTORY = f"""
    SELECT room, seq, (SELECT at FROM log WHERE log.room = s.room AND log.seq <= s.seq ORDER BY seq LIMIT 1)
    FROM snapshots s WHERE room > ? ORDER BY room LIMIT {PAGE}"""


class ReadSession:
    """A read-only connection and the questions asked of it. Every method raises StoreCorrupt and sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = open_reader(path)

    def load(self, room: RoomName) -> StoredRoom | None:
        """The room as of one moment, however the writer goes on."""
        with transaction(self._connection, "BEGIN"):
            found = self._connection.execute(ROOM_ID, (room,)).fetchone()
            if found is None:
                refuse_deleted(self._connection, room)
                return None
            salt = room_salt(room)
            snapshot = self._snapshot(found[0], salt)
            base = snapshot.seq if snapshot else Seq(0)
            # Closed at the end: an unfinished statement would keep the transaction open.
            with closing(self._connection.execute(_ROWS, (found[0], base))) as cursor:
                tail = tuple(_checked(columns, salt) for columns in cursor)
            # Found from the other end of the index: a damaged entry between would end the scan above in silence.
            (last,) = self._connection.execute("SELECT max(seq) FROM log WHERE room = ?", found).fetchone()
        for seq, row in enumerate(tail, base + 1):
            if row.seq != seq:
                raise StoreCorrupt(f"rows {seq} to {row.seq - 1} are missing")
        head = tail[-1].seq if tail else base
        if head == 0 or (last or 0) > head:
            raise StoreCorrupt(f"rows {head + 1} to {last or 1} are missing")
        return StoredRoom(head, snapshot, tail)

    def page_of_rooms(self, start: str, after: bool) -> list[RoomInfo]:
        """Up to PAGE rooms in order, from this name or after it."""
        rows = self._connection.execute(_NEXT_PAGE if after else _FIRST_PAGE, (start,)).fetchall()
        return [
            RoomInfo(
                name=RoomName(name),
                head=Seq(max(head or 0, seq or 0)),
                size=(rows_size or 0) + (snapshot_size or 0),
                snapshot_seq=Seq(seq or 0),
                snapshot_at=snapshot_at,
                updated_at=row_at or snapshot_at or 0,
            )
            for name, head, rows_size, row_at, seq, snapshot_at, snapshot_size in rows
        ]

    def page_of_history(self, after: int) -> list[tuple[int, int, int | None]]:
        """For up to PAGE rooms with a snapshot: the room's id, the snapshot's seq, when its first row was written."""
        return self._connection.execute(_PAGE_OF_HISTORY, (after,)).fetchall()

    def outline(self, room: RoomName, rows: int) -> RoomOutline | None:
        """Snapshot and newest rows, without their bytes."""
        with transaction(self._connection, "BEGIN"):
            found = self._connection.execute(ROOM_ID, (room,)).fetchone()
            if found is None:
                refuse_deleted(self._connection, room)
                return None
            newest = self._connection.execute(_NEWEST_ROWS, (found[0], rows)).fetchall()
            seq, at, size = self._connection.execute(_SNAPSHOT_INFO, found).fetchone() or (0, None, 0)
        infos = tuple(RowInfo(Seq(n), author, when, length) for n, author, when, length in newest)
        return RoomOutline(Seq(max(seq, infos[0].seq if infos else 0)), Seq(seq), at, size, infos)

    def records(self, kind: str) -> Mapping[str, bytes]:
        """The records of a kind. All are read: a damaged kind, or a damaged page, must not make one absent."""
        with transaction(self._connection, "BEGIN"):
            for (found,) in self._connection.execute("PRAGMA integrity_check(records)"):  # 1.5 ms for 10,000
                if found != "ok":
                    raise StoreCorrupt(f"the records are damaged: {found}")
            records = [_checked_record(columns) for columns in self._connection.execute(_RECORDS)]
        return {key: value for of, key, value in records if of == kind}

    def verify(self, room: RoomName) -> list[str]:
        """All problems of a room; one row in memory at a time."""
        with transaction(self._connection, "BEGIN"):
            found = self._connection.execute(ROOM_ID, (room,)).fetchone()
            if found is None:
                try:
                    refuse_deleted(self._connection, room)
                except RoomDeleted as error:
                    return [str(error)]
                return ["there is no such room"]
            problems: list[str] = []
            try:
                self._snapshot(found[0], room_salt(room))
            except StoreCorrupt as error:
                problems.append(str(error))
            snapshot = self._connection.execute("SELECT seq FROM snapshots WHERE room = ?", found).fetchone()
            base = snapshot[0] if snapshot and isinstance(snapshot[0], int) else 0
            problems.extend(self._problems_of_rows(found[0], base, room_salt(room)))
        return problems

    def integrity(self) -> list[str]:
        """What SQLite finds wrong with the file (pages, and indexes that disagree with their tables), and we with
        tombstones and records."""
        found = [str(text) for (text,) in self._connection.execute("PRAGMA integrity_check")]
        return [
            *([] if found == ["ok"] else found),
            *_problems(_checked_tombstone, self._connection.execute(_TOMBSTONES)),
            *_problems(_checked_record, self._connection.execute(_RECORDS)),
        ]

    def statistics(self) -> StoreStatistics:
        (rooms,) = self._connection.execute("SELECT count(*) FROM rooms").fetchone()
        (page_size,) = self._connection.execute("PRAGMA page_size").fetchone()
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        log = Path(f"{self._path}-wal")
        wal = log.stat().st_size if log.exists() else 0
        return StoreStatistics(rooms, self._path.stat().st_size + wal, free * page_size, wal)

    def close(self) -> None:
        self._connection.close()

    def _snapshot(self, room: int, salt: int) -> Snapshot | None:
        found = self._connection.execute(_SNAPSHOT, (room,)).fetchone()
        if found is None:
            return None
        seq, at, checksum, sidecar, data = found
        if not (
            isinstance(data, bytes) and isinstance(sidecar, bytes) and isinstance(at, int) and isinstance(seq, int)
        ):
            raise StoreCorrupt("the snapshot is damaged: it is not of its types")
        if snapshot_checksum(salt, seq, at, data, sidecar) != checksum:
            raise StoreCorrupt(f"the snapshot at {seq} is damaged: its checksum is wrong")
        return Snapshot(Seq(seq), data, sidecar, at)

    def _problems_of_rows(self, room: int, base: int, salt: int) -> Iterator[str]:
        expected = 0
        with closing(self._connection.execute(_ROWS, (room, 0))) as cursor:
            for columns in cursor:
                seq = columns[0]
                if not isinstance(seq, int):
                    yield "a row is damaged: its number is none"
                    continue
                if expected == 0:  # History is dropped from its beginning, and never past the snapshot.
                    expected = min(seq, base + 1)
                if seq != expected:
                    yield f"rows {expected} to {seq - 1} are missing"
                expected = seq + 1
                try:
                    _checked(columns, salt)
                except StoreCorrupt as error:
                    yield str(error)
        if expected == 0 and base == 0:
            yield "the room has lost all its rows"
        elif 0 < expected <= base:
            yield f"rows {expected} to {base} are missing"


def tombstone(connection: sqlite3.Connection, room: RoomName) -> int | None:
    """When the room was deleted, in milliseconds since the epoch; None if it was not. Raises StoreCorrupt."""
    found = connection.execute(f"{_TOMBSTONES} WHERE name = ?", (room,)).fetchone()
    return None if found is None else _checked_tombstone(found)


def refuse_deleted(connection: sqlite3.Connection, room: RoomName) -> None:
    """To be asked when a room is not there. Raises RoomDeleted, StoreCorrupt."""
    at = tombstone(connection, room)
    if at is not None:
        raise room_deleted(room, at)


def _checked_tombstone(columns: Sequence[object]) -> int:
    name, at, checksum = columns
    if not (isinstance(name, str) and isinstance(at, int) and tombstone_checksum(room_salt(name), at) == checksum):
        raise StoreCorrupt(f"the tombstone of {name!r} is damaged: its checksum is wrong")
    return at


def _checked_record(columns: Sequence[object]) -> tuple[str, str, bytes]:
    kind, key, checksum, value = columns
    if not (isinstance(kind, str) and isinstance(key, str) and isinstance(value, bytes)):
        raise StoreCorrupt(f"the record {kind!r}, {key!r} is damaged: it is not of its types")
    if record_checksum(kind, key, value) != checksum:
        raise StoreCorrupt(f"the record {kind!r}, {key!r} is damaged: its checksum is wrong")
    return kind, key, value


def _problems(check: Callable[[Sequence[object]], object], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    for columns in rows:
        try:
            check(columns)
        except StoreCorrupt as error:
            yield str(error)


def _checked(columns: Sequence[object], salt: int) -> StoredRow:
    """The row, if it is what was written. SQLite's own types are checked too: damage can turn bytes into a number."""
    seq, at, kind, author, checksum, data = columns
    if not (isinstance(data, bytes) and isinstance(author, bytes) and isinstance(at, int) and isinstance(kind, int)):
        raise StoreCorrupt(f"row {seq} is damaged: it is not of its types")
    if not isinstance(seq, int) or row_checksum(salt, seq, at, kind, author, data) != checksum:
        raise StoreCorrupt(f"row {seq} is damaged: its checksum is wrong")
    return StoredRow(Seq(seq), author.decode(), at, Kind(kind), data)
