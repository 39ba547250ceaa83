"""One writer to a data directory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from store_faults import ROOM, row

from motet.errors import StoreInUse, Unavailable
from motet.persistence import SqliteReader, SqliteStore, writable

HOLD = """
import sys, time
from pathlib import Path
from motet.persistence import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


async def test_a_second_store_on_the_same_data_is_refused(tmp_path: Path) -> None:
    """[P9]"""
    store = SqliteStore(tmp_path)
    with pytest.raises(StoreInUse, match=f"pid {os.getpid()} on "):
        SqliteStore(tmp_path)
    with pytest.raises(StoreInUse), writable(tmp_path):
        pass
    await store.append([row(b"still mine")])
    await store.close()
    with writable(tmp_path), pytest.raises(StoreInUse):
        SqliteStore(tmp_path)
    await SqliteStore(tmp_path).close()


async def test_another_process_is_refused_until_the_holder_is_gone_however_it_went(tmp_path: Path) -> None:
    """[P9]"""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreInUse, match=f"pid {holder.pid} on "):
            SqliteStore(tmp_path)
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
    await SqliteStore(tmp_path).close()


async def test_readers_need_no_lock_and_see_what_is_committed(tmp_path: Path) -> None:
    """[P9]"""
    store = SqliteStore(tmp_path)
    reader = SqliteReader(tmp_path)
    await store.append([row(b"1")])
    first = await reader.load(ROOM)
    assert first is not None
    assert first.head == 1
    await store.append([row(b"2")])
    assert await reader.load(ROOM) == await store.load(ROOM) != first
    assert [info.name async for info in reader.rooms()] == [ROOM]
    assert await reader.verify(ROOM) == []
    await store.close()
    assert await reader.load(ROOM) is not None
    await reader.close()


async def test_a_failed_start_lets_go_of_the_data(tmp_path: Path) -> None:
    """[P9]"""
    (tmp_path / "motet.db").write_bytes(b"")
    with pytest.raises(Unavailable):
        SqliteStore(tmp_path)
    (tmp_path / "motet.db").unlink()
    await SqliteStore(tmp_path).close()


def test_a_directory_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    """[P9]"""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable), writable(tmp_path / "file" / "data"):
        pass
