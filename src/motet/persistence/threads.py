"""A thread that owns a database session; calls to it are queued and awaited.

After an SQLite error the session is closed and the next call opens a new one: nothing of a failed transaction, and no
cached number, outlives it, and a disk that came back is used without a restart.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from motet.errors import Unavailable
from motet.persistence.sqlite_file import FAILURES, translated


class Session(Protocol):
    """What a thread can own."""

    def close(self) -> None: ...


S = TypeVar("S", bound=Session)
T = TypeVar("T")


class SessionThread(Generic[S]):
    """Runs one call at a time against its session.

    The first is opened at once, and so raises to the constructor; it also keeps the files beside the database in being,
    which a full disk would not let anybody make.
    """

    def __init__(self, name: str, connect: Callable[[], S]) -> None:
        self._connect = connect
        self._session: S | None = connect()
        self._closed = False
        # Its queue holds one call for each task that awaits `run`: the bound is the caller's.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, call: Callable[[S], T]) -> T:
        """The call's result. Raises SQLite's and the system's errors as StoreCorrupt or Unavailable, others as is."""
        if self._closed:
            raise Unavailable("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._run, call)

    async def close(self) -> None:
        """Ends the session after the calls before it. Idempotent."""
        loop = asyncio.get_running_loop()
        if not self._closed:
            self._closed = True
            await asyncio.shield(loop.run_in_executor(self._executor, self._end))
        await loop.run_in_executor(None, self._executor.shutdown)

    def _run(self, call: Callable[[S], T]) -> T:
        try:
            if self._session is None:
                self._session = self._connect()
            return call(self._session)
        except FAILURES as error:
            self._end()
            raise translated(error) from error

    def _end(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            # Only an abandoned connection's last words; the error that led here is the one that is raised.
            with suppress(sqlite3.Error):
                session.close()
