"""The store port: what a room needs of a disk, in sixteen methods. `contract` tests an implementation of it.

Raised by every method: `Unavailable` when the store cannot answer now, `StoreCorrupt` (an Unavailable) when what it
holds is damaged. Neither ever means that a room is absent. `RoomDeleted`, where it is named, means that the room's name
has a tombstone: it is neither absent nor to be had.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import NamedTuple, Protocol

from motet.errors import RoomDeleted
from motet.ids import RoomName, Seq


class Kind(IntEnum):
    """What a row's bytes are. Both are Yjs updates; a seed is the one that a new room began with."""

    UPDATE = 1
    SEED = 2


class Row(NamedTuple):
    """A row to be appended. A NamedTuple, for one is made per author, room and tick."""

    room: RoomName
    author: str
    at: int
    """Milliseconds since the epoch; informative, never an order."""
    kind: Kind
    data: bytes


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row as the log holds it."""

    seq: Seq
    author: str
    at: int
    kind: Kind
    data: bytes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All rows up to and with `seq` as one: the document's bytes, and a sidecar that makes opening them cheap."""

    seq: Seq
    data: bytes
    sidecar: bytes
    at: int
    """Milliseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class StoredRoom:
    """All that is needed to open a room: its newest snapshot and the rows after that, in order and without a gap."""

    head: Seq
    snapshot: Snapshot | None
    tail: tuple[StoredRow, ...]


def room_deleted(room: RoomName, at: int) -> RoomDeleted:
    """What a store raises for a room with a tombstone of this time, in milliseconds since the epoch."""
    when = datetime.fromtimestamp(at // 1000, UTC)
    return RoomDeleted(f"the room {room!r} was deleted at {when:%Y-%m-%d %H:%M:%S} UTC")


@dataclass(frozen=True, slots=True)
class RoomInfo:
    """A room in a listing."""

    name: RoomName
    head: Seq
    size: int
    """Bytes of the snapshot, its sidecar and all rows held."""
    snapshot_seq: Seq
    """0 without a snapshot."""
    snapshot_at: int | None
    updated_at: int
    """When the newest row held was written, else the snapshot; milliseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class RowInfo:
    """A row of the log without its bytes."""

    seq: Seq
    author: str
    at: int
    size: int


@dataclass(frozen=True, slots=True)
class RoomOutline:
    """What an operator sees of a stored room, without its content."""

    head: Seq
    snapshot_seq: Seq
    """0 without a snapshot."""
    snapshot_at: int | None
    snapshot_size: int
    rows: tuple[RowInfo, ...]
    """The newest rows held, the newest first."""


@dataclass(frozen=True, slots=True)
class StoreStatistics:
    """What the store takes, in bytes (all 0 but `size` where an implementation has no such thing)."""

    rooms: int
    size: int
    """Everything the store occupies."""
    free: int
    """What later rows will reuse."""
    wal: int
    """The part of `size` that is write-ahead log."""


class StoreReader(Protocol):
    """The reading half: what a command needs that looks into the data of a running server."""

    async def load(self, room: RoomName) -> StoredRoom | None:
        """The room, or None if there is none of this name.

        Raises StoreCorrupt for a bad checksum or a gap, and RoomDeleted.
        """
        ...

    def rooms(self, prefix: str = "") -> AsyncIterator[RoomInfo]:
        """The rooms whose name starts with the prefix, in the order of their names; read in pages of bounded memory.

        Without those that were deleted.
        """
        ...

    async def outline(self, room: RoomName, rows: int) -> RoomOutline | None:
        """The room's newest snapshot and its newest rows (at most so many), without their bytes and unchecked.

        None if there is none of this name. Raises RoomDeleted.
        """
        ...

    async def records(self, kind: str) -> Mapping[str, bytes]:
        """All records of a kind, by key. Raises StoreCorrupt if any record is damaged: it may be one of this kind."""
        ...

    async def verify(self, room: RoomName) -> list[str]:
        """Reads all that is held of the room, kept history too; the problems found, one sentence each.

        That it was deleted, or never was, is a problem too.
        """
        ...

    async def integrity(self) -> list[str]:
        """The problems of the store as a whole: records, tombstones, and what is beneath (a file's pages, indexes)."""
        ...

    async def statistics(self) -> StoreStatistics: ...

    async def close(self) -> None:
        """Waits for what is under way. Nothing may be called afterwards but close."""
        ...


class Store(StoreReader, Protocol):
    """A durable log and snapshot per room, and small records beside them. One process writes; calls may overlap."""

    async def append(self, rows: Sequence[Row]) -> Sequence[Seq]:
        """Writes the rows, of any rooms, in one transaction; durable when it returns.

        The seq of each, in the order given. Raises Unavailable, or RoomDeleted if any of the rooms was, and then
        nothing is kept (if the process ends before another write succeeds, the next one may find it, whole). After a
        cancellation nobody knows whether it was kept.
        """
        ...

    async def create(self, rows: Sequence[Row]) -> bool:
        """`append` for the first rows (at least one) of one room, if it does not exist; else False, nothing written.

        Raises RoomDeleted.
        """
        ...

    async def compact(self, room: RoomName, snapshot: Snapshot, keep_rows: bool) -> None:
        """Replaces the room's snapshot in one transaction; rows that it covers are dropped unless they are to be kept.

        The room loads to the same content at every point of a crash. Raises ValueError, and changes nothing, if the
        snapshot is past the head or older than the present one, or there is no such room; RoomDeleted.
        """
        ...

    async def delete(self, room: RoomName, at: int, absent_too: bool) -> bool:
        """Puts a tombstone in place of the room, in one transaction, and then drops its rows and snapshot.

        Nothing is written for the room from then on, and nothing of it is read; how it was before does not matter, so
        a damaged room can be deleted. A name that nothing was stored of gets a tombstone only with `absent_too` (the
        room may be open all the same). `at`, in milliseconds since the epoch, is told to who asks; an earlier tombstone
        stays as it is. Returns whether the name has a tombstone now; False, and nothing written, for an absent room.

        When it returns, the store has given the room's bytes back, unless a reader held them: the next `sweep` sees to
        that, and likewise after a crash. Raises Unavailable, and then nobody knows how far it came; doing it again is
        safe.
        """
        ...

    async def recreate(self, room: RoomName) -> bool:
        """Takes the tombstone away: the name is that of an absent room again, whose first row will be 1.

        False if there was none.
        """
        ...

    async def put_record(self, kind: str, key: str, value: bytes | None) -> None:
        """Sets a record, or takes it away (None); durable when it returns.

        For what must outlive the process beside rooms, and is small enough to be held in memory whole. Raises
        Unavailable, and then the record is as it was.
        """
        ...

    async def sweep(self, before: int) -> int:
        """Drops history: rows covered by a snapshot that were written before this time, as all rows below them were.

        `before` is in milliseconds since the epoch. Returns how many were dropped. Drops first what deleted rooms left.
        """
        ...

    async def probe(self) -> None:
        """Makes a tiny write durable. Raises Unavailable if that fails."""
        ...
