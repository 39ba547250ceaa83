"""What `contract` compares stores with: random histories, against lists of bytes."""

from __future__ import annotations

import random
from collections.abc import Awaitable

from motet.errors import RoomDeleted
from motet.ids import RoomName, Seq
from motet.persistence.port import Kind, Row, Snapshot, Store, StoredRoom

ROOM = RoomName("team/plan")
OTHER = RoomName("team/žluťoučký kůň")


def row(data: bytes, room: RoomName = ROOM, author: str = "ada", at: int = 1_000, kind: Kind = Kind.UPDATE) -> Row:
    """A row with defaults for what a test does not care about."""
    return Row(room, author, at, kind, data)


def data_of(room: StoredRoom | None) -> list[bytes]:
    """The tail of a room that must be there."""
    assert room is not None
    return [r.data for r in room.tail]


async def raises(error: type[Exception], awaitable: Awaitable[object]) -> None:
    """Asserts that it raises; without a test runner, for which one others have is not known."""
    try:
        await awaitable
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")


async def play(store: Store, rng: random.Random, label: str) -> None:
    """Random appends, compactions, sweeps and deletions against the obvious: a list of bytes per room."""
    rooms = [RoomName(f"{label}/{i}") for i in range(4)]
    rows: dict[RoomName, list[bytes]] = {room: [] for room in rooms}
    snapshots: dict[RoomName, int] = dict.fromkeys(rows, 0)
    for step in range(150):
        room = rng.choice(rooms)
        action = rng.random()
        if action < 0.65:
            batch = [row(b"%d.%d" % (step, i), rng.choice(list(rows)), at=rng.randrange(99)) for i in range(3)]
            await store.append(batch)
            for r in batch:
                rows[r.room].append(r.data)
        elif action < 0.85 and rows.get(room):
            seq = rng.randint(max(snapshots[room], 1), len(rows[room]))
            snapshot = Snapshot(Seq(seq), b"|".join(rows[room][:seq]), b"", step)
            await store.compact(room, snapshot, keep_rows=rng.random() < 0.5)
            snapshots[room] = seq
        elif action < 0.9 and len(rows) > 1:
            assert await store.delete(room, step, absent_too=True), label
            rows.pop(room, None)
        elif action < 0.95:
            assert await store.recreate(room) == (room not in rows), label
            if room not in rows:
                rows[room], snapshots[room] = [], 0
        else:
            await store.sweep(rng.randrange(99))
        await _compare(store, room, rows.get(room), f"{label}, step {step}")


async def _compare(store: Store, room: RoomName, rows: list[bytes] | None, label: str) -> None:
    if rows is None:
        await raises(RoomDeleted, store.load(room))
        return
    loaded = await store.load(room)
    if loaded is None:
        assert rows == [], label
        return
    base = loaded.snapshot.data.split(b"|") if loaded.snapshot else []
    assert base + data_of(loaded) == rows, label
    assert loaded.head == len(rows), label
    assert await store.verify(room) == [], label
