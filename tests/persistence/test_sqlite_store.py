"""The SQLite store beyond the contract: damage, faults, full disks, space."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from store_faults import OTHER, ROOM, FaultyConnection, faulty, raw, row  # noqa: F401 (faulty is a fixture)

from motet.errors import MotetError, StoreCorrupt, Unavailable
from motet.ids import RoomName, Seq
from motet.persistence import Snapshot, SqliteReader, SqliteStore, StoredRoom
from motet.persistence.sqlite_file import DATABASE


async def _data(store: SqliteReader, room: RoomName = ROOM) -> list[bytes]:
    loaded = await store.load(room)
    assert loaded is not None
    return [stored.data for stored in loaded.tail]


# Damage


async def test_every_damaged_byte_of_a_row_is_noticed(tmp_path: Path) -> None:
    """[P5]"""
    store = SqliteStore(tmp_path)
    await store.append([row(b"before"), row(b"the row that gets damaged"), row(b"x", OTHER)])
    await store.close()
    intact = (tmp_path / DATABASE).read_bytes()
    start = intact.index(b"the row that gets damaged")
    for at in range(start, start + 25):
        (tmp_path / DATABASE).write_bytes(intact[:at] + bytes([intact[at] ^ 1]) + intact[at + 1 :])
        reader = SqliteReader(tmp_path)
        with pytest.raises(StoreCorrupt):
            await reader.load(ROOM)
        assert await reader.verify(ROOM) == ["row 2 is damaged: its checksum is wrong"]
        assert await _data(reader, OTHER) == [b"x"]
        await reader.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE log SET data = 'text'",
        "UPDATE log SET data = 7",
        "UPDATE log SET author = CAST(x'ff' AS TEXT)",
        "UPDATE log SET author = 'eve'",
        "UPDATE log SET at = at + 1",
        "UPDATE log SET at = at + 4294967296",
        "UPDATE log SET kind = 2",
        "UPDATE log SET checksum = checksum + 1",
        "UPDATE log SET seq = x'02' WHERE seq = 2",
        "DELETE FROM log WHERE seq = 2",
        "DELETE FROM log WHERE seq < 3",
        "DELETE FROM log",
        "UPDATE log SET seq = seq + 10",
        "UPDATE rooms SET name = 'room' || id; UPDATE rooms SET name = 'room' WHERE id = 1",
    ],
)
async def test_a_damaged_room_is_corrupt_never_absent_and_never_shorter(tmp_path: Path, damage: str) -> None:
    """[P5]"""
    store = SqliteStore(tmp_path)
    await store.append([row(b"1"), row(b"2"), row(b"3"), row(b"x", OTHER)])
    with raw(tmp_path) as connection:
        connection.executescript(damage)
    with pytest.raises(StoreCorrupt):
        await store.load(ROOM)
    assert await store.verify(ROOM) != []
    await store.close()


@pytest.mark.parametrize(
    "damage", ["data = x'00'", "sidecar = x'00'", "at = at + 1", "seq = seq + 1", "data = 'text'", "seq = 'text'"]
)
async def test_a_damaged_snapshot_is_corrupt(tmp_path: Path, damage: str) -> None:
    """[P5]"""
    store = SqliteStore(tmp_path)
    await store.append([row(b"1"), row(b"2"), row(b"3")])
    await store.compact(ROOM, Snapshot(Seq(2), b"12", b"sidecar", 5), keep_rows=True)
    with raw(tmp_path) as connection:
        connection.execute(f"UPDATE snapshots SET {damage}")
    with pytest.raises(StoreCorrupt):
        await store.load(ROOM)
    assert await store.verify(ROOM) != []
    await store.close()


async def test_lost_history_is_a_problem_and_does_not_keep_the_room_from_loading(tmp_path: Path) -> None:
    """[P5] [P7]"""
    store = SqliteStore(tmp_path)
    await store.append([row(b"%d" % i) for i in range(1, 8)])
    await store.compact(ROOM, Snapshot(Seq(5), b"", b"", 5), keep_rows=True)
    with raw(tmp_path) as connection:
        connection.execute("DELETE FROM log WHERE seq = 3")
    assert await store.verify(ROOM) == ["rows 3 to 3 are missing"]
    assert await _data(store) == [b"6", b"7"]
    await store.close()


async def test_whatever_bit_flips_outside_of_keys_a_room_is_itself_or_an_error(tmp_path: Path) -> None:
    """[P5] Pages of indexes are left out: a damaged key can hide a room or its last row, which `integrity` finds."""
    store = SqliteStore(tmp_path)
    rooms = [RoomName(f"room {i}") for i in range(20)]
    for k in range(10):
        await store.append([row(f"{room} {k}".encode() * 9, room) for room in rooms])
    await store.compact(rooms[3], Snapshot(Seq(4), b"snapshot" * 999, b"sidecar", 9), keep_rows=False)
    expected = {room: await store.load(room) for room in rooms}
    await store.close()
    with raw(tmp_path) as connection:
        keys = {page for (page,) in connection.execute("SELECT rootpage FROM sqlite_master WHERE type = 'index'")}
    intact = (tmp_path / DATABASE).read_bytes()
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    for _ in range(150):
        at = rng.randrange(4096, len(intact))
        if at // 4096 + 1 in keys:
            continue
        flipped = bytes([intact[at] ^ 1 << rng.randrange(8)])
        (tmp_path / DATABASE).write_bytes(intact[:at] + flipped + intact[at + 1 :])
        reader = SqliteReader(tmp_path)
        for room in rooms:
            assert await _load_or_error(reader, room) in (expected[room], "error"), f"seed {seed}, byte {at}, {room}"
        await reader.close()


async def _load_or_error(reader: SqliteReader, room: RoomName) -> StoredRoom | str | None:
    try:
        return await reader.load(room)
    except MotetError:
        return "error"


async def test_a_damaged_index_is_found_by_integrity(tmp_path: Path) -> None:
    """[P5]"""
    store = SqliteStore(tmp_path)
    await store.append([row(b"1"), row(b"x", OTHER)])
    await store.close()
    with raw(tmp_path) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name LIKE '%autoindex_rooms%'"
        ).fetchone()
    intact = (tmp_path / DATABASE).read_bytes()
    at = intact.index(b"room", 4096 * (page - 1))
    (tmp_path / DATABASE).write_bytes(intact[:at] + b"r00m" + intact[at + 4 :])
    reader = SqliteReader(tmp_path)
    assert await reader.integrity() != []
    await reader.close()


@pytest.mark.parametrize("content", [b"", b"not a database at all, but some text that is long enough" * 20])
async def test_a_file_that_is_no_store_is_corrupt_not_new(tmp_path: Path, content: bytes) -> None:
    """[P5]"""
    (tmp_path / DATABASE).write_bytes(content)
    with pytest.raises(StoreCorrupt):
        SqliteStore(tmp_path)
    with pytest.raises(StoreCorrupt):
        SqliteReader(tmp_path)
    assert (tmp_path / DATABASE).read_bytes() == content
    SqliteStore(tmp_path / "other")  # the lock was released, and this is not the same directory


async def test_a_lost_database_beside_its_write_ahead_log_is_corrupt_not_new(tmp_path: Path) -> None:
    """[P5]"""
    (tmp_path / f"{DATABASE}-wal").write_bytes(b"left over")
    with pytest.raises(StoreCorrupt):
        SqliteStore(tmp_path)


async def test_a_reader_of_nothing_is_told_so(tmp_path: Path) -> None:
    """[P5]"""
    with pytest.raises(Unavailable):
        SqliteReader(tmp_path)


async def test_a_torn_write_ahead_log_keeps_whole_commits(tmp_path: Path) -> None:
    """[P1]"""
    store = SqliteStore(tmp_path / "data")
    for i in range(20):
        await store.append([row(b"%d" % i), row(b"%d" % i, OTHER)])
    wal = (tmp_path / "data" / f"{DATABASE}-wal").read_bytes()
    base = (tmp_path / "data" / DATABASE).read_bytes()
    await store.close()
    for cut in range(0, len(wal), 4999):
        copy = tmp_path / f"cut {cut}"
        copy.mkdir()
        (copy / DATABASE).write_bytes(base)
        (copy / f"{DATABASE}-wal").write_bytes(wal[:cut])
        torn = SqliteStore(copy)
        rooms = [await torn.load(ROOM), await torn.load(OTHER)]
        kept = [[stored.data for stored in room.tail] if room else [] for room in rooms]
        assert kept[0] == kept[1] == [b"%d" % i for i in range(len(kept[0]))]
        assert list(await torn.append([row(b"next")])) == [len(kept[0]) + 1]
        await torn.close()


# Faults


async def test_whichever_statement_fails_nothing_of_the_batch_is_kept_and_the_next_goes_on(
    tmp_path: Path,
    faulty: type[FaultyConnection],  # noqa: F811
) -> None:
    """[P3] [P13]"""
    store = SqliteStore(tmp_path)
    expected: list[bytes] = []
    for budget in range(12):
        batch = [row(b"%d.1" % budget), row(b"x", RoomName(f"new {budget}")), row(b"%d.2" % budget)]
        faulty.budget = budget
        try:
            await store.append(batch)
            expected += [batch[0].data, batch[2].data]
        except Unavailable:
            assert await store.load(batch[1].room) is None
        faulty.budget = None
        assert list(await store.append([row(b"after %d" % budget)])) == [len(expected) + 1]
        expected.append(b"after %d" % budget)
        assert await _data(store) == expected
    await store.close()


async def test_whichever_statement_of_a_compaction_fails_the_room_loads_to_the_same(
    tmp_path: Path,
    faulty: type[FaultyConnection],  # noqa: F811
) -> None:
    """[P6]"""
    store = SqliteStore(tmp_path)
    await store.append([row(b"%d" % i) for i in range(1, 700)])
    failures = 0
    for budget in range(16):
        seq = 10 * budget + 5
        faulty.budget = budget
        try:
            await store.compact(ROOM, Snapshot(Seq(seq), b"up to %d" % seq, b"", 1), keep_rows=False)
        except Unavailable:
            failures += 1
        faulty.budget = None
        loaded = await store.load(ROOM)
        assert loaded is not None
        base = int(loaded.snapshot.data.split()[-1]) if loaded.snapshot else 0
        assert [stored.data for stored in loaded.tail] == [b"%d" % i for i in range(base + 1, 700)]
        assert await store.verify(ROOM) == []
    assert 4 < failures < 16
    await store.close()


async def test_a_row_that_cannot_be_written_costs_the_batch_and_nothing_else(tmp_path: Path) -> None:
    """[P3]"""
    store = SqliteStore(tmp_path)
    await store.append([row(b"kept")])
    with pytest.raises(UnicodeEncodeError):
        await store.append([row(b"lost"), row(b"bad")._replace(author="\ud800")])
    assert list(await store.append([row(b"next")])) == [2]
    await store.close()


async def test_a_full_disk_costs_the_batch_and_no_restart(tmp_path: Path) -> None:
    """[P13]"""
    store = SqliteStore(tmp_path)
    await store.append([row(b"kept")])
    with _no_file_beyond((tmp_path / f"{DATABASE}-wal").stat().st_size + 9_000):
        with pytest.raises(Unavailable):
            await store.append([row(bytes(100_000))])
        with pytest.raises(Unavailable):
            await store.append([row(bytes(100_000), OTHER)])
        assert await _data(store) == [b"kept"]
    assert list(await store.append([row(b"next")])) == [2]
    assert await _data(store) == [b"kept", b"next"]
    assert await store.load(OTHER) is None
    await store.close()


@contextmanager
def _no_file_beyond(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no right to mount a small tmpfs; the file size limit's test covers the error path")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)  # lazy: a failed test leaves the store open


@pytest.mark.skipif(shutil.which("mount") is None or os.geteuid() != 0, reason="mounting a small tmpfs takes root")
async def test_a_disk_that_filled_up_is_used_again_when_it_has_room(small_disk: Path) -> None:
    """[P13]"""
    store = SqliteStore(small_disk / "data")
    await store.append([row(b"kept")])
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    for _ in range(3):
        with pytest.raises(Unavailable):
            await store.append([row(bytes(200_000))])
        assert await _data(store) == [b"kept"]
    filler.unlink()
    await store.probe()
    assert list(await store.append([row(b"next")])) == [2]
    assert await store.verify(ROOM) == []
    await store.close()


async def test_a_probe_says_when_writing_fails(tmp_path: Path, faulty: type[FaultyConnection]) -> None:  # noqa: F811
    """[P13]"""
    store = SqliteStore(tmp_path)
    await store.probe()
    faulty.budget = 0
    with pytest.raises(Unavailable):
        await store.probe()
    faulty.budget = None
    await store.probe()
    await store.close()


async def test_a_damaged_file_found_while_writing_is_corrupt(
    tmp_path: Path,
    faulty: type[FaultyConnection],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """[P5]"""

    class Malformed(sqlite3.DatabaseError):
        sqlite_errorcode = sqlite3.SQLITE_CORRUPT

    monkeypatch.setattr(faulty, "error", Malformed)
    store = SqliteStore(tmp_path)
    faulty.budget = 0
    with pytest.raises(StoreCorrupt):
        await store.append([row(b"")])
    await store.close()


async def test_a_closed_store_is_unavailable_and_may_be_closed_again(tmp_path: Path) -> None:
    """[P9]"""
    store = SqliteStore(tmp_path)
    await asyncio.gather(store.close(), store.close())
    with pytest.raises(Unavailable):
        await store.append([row(b"")])
    with pytest.raises(Unavailable):
        await store.load(ROOM)


# Space


async def test_overwritten_megabytes_leave_the_disk_with_compaction(tmp_path: Path) -> None:
    """[P14]"""
    store = SqliteStore(tmp_path)
    for i in range(40):
        await store.append([row(bytes([i]) * 1_000_000)])
        await store.compact(ROOM, Snapshot(Seq(i + 1), b"small", b"", 1), keep_rows=i < 39)
    statistics = await store.statistics()
    assert statistics.size < 8_000_000
    assert await store.integrity() == []
    await store.close()
    assert (tmp_path / DATABASE).stat().st_size < 6_000_000


async def test_the_write_ahead_log_is_bounded(tmp_path: Path) -> None:
    """[P14]"""
    store = SqliteStore(tmp_path)
    largest = 0
    for i in range(60):
        await store.append([row(bytes([i]) * 1_000_000)])
        largest = max(largest, (await store.statistics()).wal)
    assert largest < 20_000_000
    await store.close()


async def test_free_pages_are_counted_and_used_again(tmp_path: Path) -> None:
    """[P14]"""
    store = SqliteStore(tmp_path)
    await store.append([row(bytes(1_000_000))])
    await store.compact(ROOM, Snapshot(Seq(1), b"", b"", 1), keep_rows=False)
    statistics = await store.statistics()
    assert 900_000 < statistics.free < 1_200_000
    await store.append([row(bytes(1_000_000))])
    assert (await store.statistics()).free < 100_000
    await store.close()
