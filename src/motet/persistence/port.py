"""The store port: what a room needs of a disk, in twelve methods. `contract` tests an implementation of it.

Raised by every method: `Unavailable` when the store cannot answer now, `StoreCorrupt` (an Unavailable) when what it
holds is damaged. Neither ever means that a room is absent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Protocol

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
        """The room, or None if there is none of this name. Raises StoreCorrupt for a bad checksum or a gap."""
        ...

    def rooms(self, prefix: str = "") -> AsyncIterator[RoomInfo]:
        """The rooms whose name starts with the prefix, in the order of their names; read in pages of bounded memory."""
        ...

    async def verify(self, room: RoomName) -> list[str]:
        """Reads all that is held of the room, kept history too; the problems found, one sentence each."""
        ...

    async def integrity(self) -> list[str]:
        """The problems of the store as a whole, beneath its rooms (a database file's pages and indexes)."""
        ...

    async def statistics(self) -> StoreStatistics: ...

    async def close(self) -> None:
        """Waits for what is under way. Nothing may be called afterwards but close."""
        ...


class Store(StoreReader, Protocol):
    """A durable log and snapshot per room. One process writes; calls may overlap."""

    async def append(self, rows: Sequence[Row]) -> Sequence[Seq]:
        """Writes the rows, of any rooms, in one transaction; durable when it returns.

        The seq of each, in the order given. Raises Unavailable, and then nothing is kept. After a cancellation nobody
        knows whether it was kept.
        """
        ...

    async def create(self, rows: Sequence[Row]) -> bool:
        """`append` for the first rows (at least one) of one room, if it does not exist; else False, nothing written."""
        ...

    async def compact(self, room: RoomName, snapshot: Snapshot, keep_rows: bool) -> None:
        """Replaces the room's snapshot in one transaction; rows that it covers are dropped unless they are to be kept.

        The room loads to the same content at every point of a crash. Raises ValueError, and changes nothing, if the
        snapshot is past the head or older than the present one, or there is no such room.
        """
        ...

    async def sweep(self, before: int) -> int:
        """Drops history: rows covered by a snapshot that were written before this time, as all rows below them were.

        `before` is in milliseconds since the epoch. Returns how many were dropped.
        """
        ...

    async def probe(self) -> None:
        """Makes a tiny write durable. Raises Unavailable if that fails."""
        ...
