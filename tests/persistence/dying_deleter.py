"""A process for test_deletion: deletes a room, and kills itself before the statement of the number it is given."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from pathlib import Path

from store_faults import ROOM, FaultyConnection

from motet.persistence import SqliteStore, sqlite_file, sqlite_write


class DyingConnection(FaultyConnection):
    """Where the other fails, this one takes the process with it."""

    def _spend(self) -> None:
        try:
            super()._spend()
        except sqlite3.Error:
            os.kill(os.getpid(), signal.SIGKILL)


async def main(data_dir: Path, statements: int) -> None:
    sqlite_write.open_writer = lambda path: DyingConnection(sqlite_file.open_writer(path))  # type: ignore[assignment, return-value]
    store = SqliteStore(data_dir)
    DyingConnection.budget = statements
    assert await store.delete(ROOM, 5, absent_too=False)
    DyingConnection.budget = None
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
