"""What a store must hold, in plain Python: the model that crash points are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from motet.errors import RoomDeleted
from motet.ids import RoomName, Seq
from motet.persistence import Row, Snapshot, StoredRoom, StoredRow, StoreReader

KIND = "revoked"
"""Of all records here."""


@dataclass(frozen=True, slots=True)
class Contents:
    """All that can be asked of a store. A room that is not in `rooms` is absent; None is one that was deleted."""

    rooms: Mapping[RoomName, StoredRoom | None]
    records: Mapping[str, bytes]


@dataclass(slots=True)
class _Room:
    rows: list[StoredRow]
    snapshot: Snapshot | None = None


class Model:
    """The methods of a `Store` that a scenario calls, on dicts. Copied by `copy.deepcopy`."""

    def __init__(self) -> None:
        self._rooms: dict[RoomName, _Room | None] = {}
        self._records: dict[str, bytes] = {}

    def contents(self) -> Contents:
        return Contents({name: room and _stored(room) for name, room in self._rooms.items()}, dict(self._records))

    async def append(self, rows: Sequence[Row]) -> Sequence[Seq]:
        seqs = []
        for row in rows:
            room = self._rooms.setdefault(row.room, _Room([]))
            assert room is not None
            seqs.append(Seq(len(room.rows) + 1))
            room.rows.append(StoredRow(seqs[-1], row.author, row.at, row.kind, row.data))
        return seqs

    async def create(self, rows: Sequence[Row]) -> bool:
        if rows[0].room in self._rooms:
            return False
        await self.append(rows)
        return True

    async def compact(self, room: RoomName, snapshot: Snapshot, keep_rows: bool) -> None:
        found = self._rooms[room]
        assert found is not None
        found.snapshot = snapshot

    async def delete(self, room: RoomName, at: int, absent_too: bool) -> bool:
        self._rooms[room] = None
        return True

    async def recreate(self, room: RoomName) -> bool:
        del self._rooms[room]
        return True

    async def put_record(self, kind: str, key: str, value: bytes | None) -> None:
        if value is None:
            self._records.pop(key, None)
        else:
            self._records[key] = value

    async def sweep(self, before: int) -> int:
        return 0

    async def probe(self) -> None:
        pass


async def observed(store: StoreReader, names: Sequence[RoomName]) -> Contents:
    """What the store holds of these rooms, which must be all; and that nothing is wrong with it."""
    rooms: dict[RoomName, StoredRoom | None] = {}
    for name in names:
        try:
            room = await store.load(name)
        except RoomDeleted:
            rooms[name] = None
            continue
        if room is not None:
            rooms[name] = room
            assert await store.verify(name) == []
    assert [info.name async for info in store.rooms()] == sorted(name for name, room in rooms.items() if room)
    assert await store.integrity() == []
    return Contents(rooms, await store.records(KIND))


def _stored(room: _Room) -> StoredRoom:
    base = room.snapshot.seq if room.snapshot else 0
    return StoredRoom(Seq(len(room.rows)), room.snapshot, tuple(room.rows[base:]))
