"""kill -9 at random moments: what was reported durable is there, gapless, and compaction changes nothing."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from motet.persistence import SqliteReader, SqliteStore

WRITER = Path(__file__).with_name("crashing_writer.py")


@pytest.mark.parametrize("rounds", [6, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
async def test_whenever_the_writer_is_killed_all_that_it_reported_is_there(tmp_path: Path, rounds: int) -> None:
    """[P1] [P2] [P6] [P9]"""
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    durable: dict[str, int] = {}
    for crash in range(rounds):
        for line in await asyncio.to_thread(_run_and_kill, tmp_path, seed + crash, rng.random()):
            room, seq = line.split()
            durable[room] = int(seq)
        if crash % 2:  # a reader may come first after a crash; the writer may too
            reader = SqliteReader(tmp_path)
            await _check(reader, durable, f"seed {seed}, crash {crash}")
            await reader.close()
        store = SqliteStore(tmp_path)
        await _check(store, durable, f"seed {seed}, crash {crash}")
        assert await store.integrity() == []
        await store.close()
    assert len(durable) == 3


def _run_and_kill(data_dir: Path, seed: int, seconds: float) -> list[str]:
    """Lets the writer write for some time from its first report on; all its whole lines."""
    command = [sys.executable, str(WRITER), str(data_dir), str(seed)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    try:
        first = writer.stdout.readline()
        deadline = time.monotonic() + seconds
        reported = [first]
        while time.monotonic() < deadline:
            reported.append(writer.stdout.readline())
        assert writer.poll() is None, "the writer ended by itself"
    finally:
        writer.kill()
    reported += writer.stdout.read().splitlines(keepends=True)
    writer.wait()
    writer.stdout.close()
    return [line for line in reported if line.endswith("\n")]


async def _check(store: SqliteReader, durable: dict[str, int], label: str) -> None:
    async for info in store.rooms():
        assert await store.verify(info.name) == [], label
        loaded = await store.load(info.name)
        assert loaded is not None, label
        assert loaded.head >= durable.get(info.name, 0), label
        base = loaded.snapshot.seq if loaded.snapshot else 0
        assert loaded.snapshot is None or int(loaded.snapshot.data) == base, label
        assert [int(row.data) for row in loaded.tail] == list(range(base + 1, loaded.head + 1)), label
    assert {info.name async for info in store.rooms()} >= durable.keys(), label
