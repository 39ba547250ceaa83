"""A process for test_crash: writes to three rooms through a journal, compacts and sweeps, and prints what is durable.

Row n of a room is the number n, padded; a snapshot at n is the number n. So what a room must hold is known from its
head.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

from motet.errors import MotetError
from motet.ids import RoomName, Seq
from motet.persistence import Journal, Kind, Row, Snapshot, SqliteStore
from motet.persistence.journal import Outcome

ROOMS = [RoomName(name) for name in ("a", "b", "c")]


async def main(data_dir: Path, seed: int) -> None:
    rng = random.Random(seed)
    store = SqliteStore(data_dir)
    journal = Journal(store, 1 << 30, lambda: None)
    heads = dict.fromkeys(ROOMS, 0)
    durable = dict.fromkeys(ROOMS, 0)
    for room in ROOMS:
        loaded = await store.load(room)
        heads[room] = durable[room] = loaded.head if loaded else 0

    def submit(room: RoomName) -> None:
        heads[room] += 1
        padding = b" " * rng.choice([0, 30, 30, 30, 5_000, 90_000])
        last = heads[room]

        def done(outcome: Outcome) -> None:
            assert not isinstance(outcome, MotetError)
            assert outcome[-1] == last
            durable[room] = last
            os.write(1, f"{room} {last}\n".encode())

        journal.submit([Row(room, "ada", last, Kind.UPDATE, b"%d" % last + padding)], done)

    async def compact() -> None:
        while True:
            room = rng.choice(ROOMS)
            if durable[room]:
                seq = durable[room]
                await store.compact(room, Snapshot(Seq(seq), b"%d" % seq, b"", seq), keep_rows=rng.random() < 0.3)
                if rng.random() < 0.2:
                    await store.sweep(before=seq - 100)
            await asyncio.sleep(rng.random() * 0.01)

    compacting = asyncio.create_task(compact())
    while not compacting.done():
        for _ in range(rng.randrange(1, 40)):
            submit(rng.choice(ROOMS))
        await asyncio.sleep(rng.random() * 0.004)
        if rng.random() < 0.3:
            await journal.flush()
    compacting.result()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
