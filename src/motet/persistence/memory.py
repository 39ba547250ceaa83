"""A store that forgets: for tests and throw-away rooms. As obvious as can be: it is the contract's reference."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from motet.errors import RoomDeleted
from motet.ids import RoomName, Seq
from motet.persistence.port import (
    RoomInfo,
    RoomOutline,
    Row,
    RowInfo,
    Snapshot,
    StoredRoom,
    StoredRow,
    StoreStatistics,
    room_deleted,
)

_NOTHING = Seq(0)


@dataclass(slots=True)
class _Room:
    head: Seq = _NOTHING
    snapshot: Snapshot | None = None
    rows: list[StoredRow] = field(default_factory=list)

    @property
    def covered(self) -> int:
        """The seq up to which a snapshot stands for the rows."""
        return self.snapshot.seq if self.snapshot else 0

    @property
    def size(self) -> int:
        snapshot = len(self.snapshot.data) + len(self.snapshot.sidecar) if self.snapshot else 0
        return snapshot + sum(len(row.data) for row in self.rows)


class MemoryStore:
    """Implements `Store` in memory. Its bound is the caller's: it holds what it is given."""

    def __init__(self) -> None:
        self._rooms: dict[RoomName, _Room] = {}
        self._tombstones: dict[RoomName, int] = {}
        self._records: dict[tuple[str, str], bytes] = {}

    async def load(self, room: RoomName) -> StoredRoom | None:
        self._refuse_deleted(room)
        held = self._rooms.get(room)
        if held is None:
            return None
        return StoredRoom(held.head, held.snapshot, tuple(row for row in held.rows if row.seq > held.covered))

    async def outline(self, room: RoomName, rows: int) -> RoomOutline | None:
        self._refuse_deleted(room)
        held = self._rooms.get(room)
        if held is None:
            return None
        newest = tuple(RowInfo(row.seq, row.author, row.at, len(row.data)) for row in reversed(held.rows[-rows:]))
        snapshot = held.snapshot
        if snapshot is None:
            return RoomOutline(held.head, Seq(0), None, 0, newest)
        return RoomOutline(held.head, snapshot.seq, snapshot.at, len(snapshot.data), newest)

    async def append(self, rows: Sequence[Row]) -> Sequence[Seq]:
        for row in rows:
            self._refuse_deleted(row.room)
        seqs = []
        for row in rows:
            held = self._rooms.setdefault(row.room, _Room())
            held.head = Seq(held.head + 1)
            held.rows.append(StoredRow(held.head, row.author, row.at, row.kind, row.data))
            seqs.append(held.head)
        return seqs

    async def create(self, rows: Sequence[Row]) -> bool:
        if rows[0].room in self._rooms:
            return False
        await self.append(rows)
        return True

    async def compact(self, room: RoomName, snapshot: Snapshot, keep_rows: bool) -> None:
        self._refuse_deleted(room)
        held = self._rooms.get(room)
        if held is None or not held.covered <= snapshot.seq <= held.head:
            raise ValueError(f"no snapshot of {room!r} can be at {snapshot.seq}")
        held.snapshot = snapshot
        if not keep_rows:
            held.rows = [row for row in held.rows if row.seq > snapshot.seq]

    async def delete(self, room: RoomName, at: int, absent_too: bool) -> bool:
        if self._rooms.pop(room, None) is not None or absent_too:
            self._tombstones.setdefault(room, at)
        return room in self._tombstones

    async def recreate(self, room: RoomName) -> bool:
        return self._tombstones.pop(room, None) is not None

    def _refuse_deleted(self, room: RoomName) -> None:
        if room in self._tombstones:
            raise room_deleted(room, self._tombstones[room])

    async def records(self, kind: str) -> Mapping[str, bytes]:
        return {key: value for (of, key), value in self._records.items() if of == kind}

    async def put_record(self, kind: str, key: str, value: bytes | None) -> None:
        if value is None:
            self._records.pop((kind, key), None)
        else:
            self._records[kind, key] = value

    async def sweep(self, before: int) -> int:
        dropped = 0
        for held in self._rooms.values():
            n = 0
            while n < len(held.rows) and held.rows[n].seq <= held.covered and held.rows[n].at < before:
                n += 1
            del held.rows[:n]
            dropped += n
        return dropped

    async def rooms(self, prefix: str = "") -> AsyncIterator[RoomInfo]:
        for name in sorted(name for name in self._rooms if name.startswith(prefix)):
            held = self._rooms[name]
            snapshot_at = held.snapshot.at if held.snapshot else None
            updated_at = held.rows[-1].at if held.rows else snapshot_at or 0
            yield RoomInfo(name, held.head, held.size, Seq(held.covered), snapshot_at, updated_at)

    async def verify(self, room: RoomName) -> list[str]:
        try:
            return [] if await self.load(room) else ["there is no such room"]
        except RoomDeleted as error:
            return [str(error)]

    async def integrity(self) -> list[str]:
        return []

    async def statistics(self) -> StoreStatistics:
        return StoreStatistics(len(self._rooms), sum(held.size for held in self._rooms.values()), 0, 0)

    async def probe(self) -> None:
        return None

    async def close(self) -> None:
        return None
