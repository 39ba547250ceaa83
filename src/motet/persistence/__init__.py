"""PERSISTENCE LAYER: bytes in, bytes out. It keeps a log of rows and a snapshot for each room, and knows no CRDT.

A room's log is gapless: row `seq` follows row `seq - 1`, from 1. A snapshot at `seq` stands for all rows up to `seq`,
so a room is its snapshot and the rows after it (the tail). Rows below a snapshot are history: compaction drops them,
or keeps them for `Store.sweep` to drop by age. The default of the server's retention setting is 0 days (drop at
compaction): a board that overwrites a value thousands of times stays small on disk. A room that was deleted is a
tombstone: its name, and when. Records are small values by kind and key, for what must outlive the process beside rooms.

- `port`: the `Store` protocol (and `StoreReader`, its reading half) with its frozen types.
- `memory`, `sqlite`: the implementations. `contract`: the suite that every implementation passes, importable by others
  (`contract_model`: its random histories).
- `journal`: group commit in front of a store; the hub writes through it.
- `backup`, `disk`, `importers`: copies of a data directory, the low-disk mark, other servers' databases.

May import: the standard library, `motet.config`, `motet.errors`, `motet.ids`, `motet.varint`. Public names: below.
"""

from motet.persistence.backup import backup, restore
from motet.persistence.disk import free_bytes, is_low
from motet.persistence.importers import hocuspocus_sqlite, pycrdt_store
from motet.persistence.journal import Journal, JournalStatistics
from motet.persistence.lock import writable
from motet.persistence.memory import MemoryStore
from motet.persistence.port import (
    Kind,
    RoomInfo,
    RoomOutline,
    Row,
    RowInfo,
    Snapshot,
    Store,
    StoredRoom,
    StoredRow,
    StoreReader,
    StoreStatistics,
)
from motet.persistence.sqlite import SqliteReader, SqliteStore

__all__ = [
    "Journal",
    "JournalStatistics",
    "Kind",
    "MemoryStore",
    "RoomInfo",
    "RoomOutline",
    "Row",
    "RowInfo",
    "Snapshot",
    "SqliteReader",
    "SqliteStore",
    "Store",
    "StoreReader",
    "StoreStatistics",
    "StoredRoom",
    "StoredRow",
    "backup",
    "free_bytes",
    "hocuspocus_sqlite",
    "is_low",
    "pycrdt_store",
    "restore",
    "writable",
]
