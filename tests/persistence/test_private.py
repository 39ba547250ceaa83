"""Who else on the machine can read the data."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from motet.ids import RoomName
from motet.persistence import Kind, Row, SqliteReader, SqliteStore, backup


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """Files are readable by everybody unless somebody thinks of it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("usual_umask")
async def test_a_directory_that_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    """[X79] The data directory, and a backup; one that is there already is as its owner made it."""
    store = SqliteStore(tmp_path / "data")
    await store.append([Row(RoomName("r"), "", 0, Kind.UPDATE, b"\0\0")])
    await store.close()
    backup(tmp_path / "data", tmp_path / "copy")
    shared = tmp_path / "shared"
    shared.mkdir(0o750)
    await SqliteStore(shared).close()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("data", "copy", "shared")]
    assert modes == [0o700, 0o700, 0o750]
    reader = SqliteReader(tmp_path / "copy")
    assert await reader.load(RoomName("r")) is not None
    await reader.close()
