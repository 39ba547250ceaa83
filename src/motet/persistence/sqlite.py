"""The SQLite store: one file, one writing thread, one reading thread.

`motet.db` in the data directory is in WAL mode with `synchronous=FULL`: a commit is one fsync of the write-ahead log,
and loads do not wait behind it. A row or snapshot is one blob, of at most SQLite's 1 GB; the server's own limits are
far below. Commands read the same file from their own process, without the lock (`SqliteReader`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from motet.errors import StoreCorrupt, Unavailable
from motet.ids import RoomName, Seq
from motet.persistence.lock import DataLock
from motet.persistence.port import RoomInfo, RoomOutline, Row, Snapshot, StoredRoom, StoreStatistics
from motet.persistence.sqlite_file import DATABASE, errors_translated, open_reader, prepare
from motet.persistence.sqlite_read import ReadSession
from motet.persistence.sqlite_write import SLACK_PAGES, WriteSession
from motet.persistence.threads import SessionThread

_FOREVER = 2**63 - 1


class SqliteReader:
    """Implements `StoreReader` on a data directory, whether or not its server runs.

    Raises Unavailable if there is no store to read, StoreTooNew, StoreCorrupt.
    """

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / DATABASE
        with errors_translated():
            self._reader = SessionThread("motet-store-read", partial(ReadSession, path))

    async def load(self, room: RoomName) -> StoredRoom | None:
        return await self._reader.run(lambda session: session.load(room))

    async def rooms(self, prefix: str = "") -> AsyncIterator[RoomInfo]:
        page = await self._reader.run(lambda session: session.page_of_rooms(prefix, after=False))
        while page:
            for info in page:
                if not info.name.startswith(prefix):
                    return
                yield info
            last = page[-1].name
            page = await self._reader.run(partial(ReadSession.page_of_rooms, start=last, after=True))

    async def outline(self, room: RoomName, rows: int) -> RoomOutline | None:
        return await self._reader.run(lambda session: session.outline(room, rows))

    async def records(self, kind: str) -> Mapping[str, bytes]:
        return await self._reader.run(lambda session: session.records(kind))

    async def verify(self, room: RoomName) -> list[str]:
        try:
            return await self._reader.run(lambda session: session.verify(room))
        except StoreCorrupt as error:
            return [str(error)]

    async def integrity(self) -> list[str]:
        try:
            return await self._reader.run(ReadSession.integrity)
        except StoreCorrupt as error:
            return [str(error)]

    async def statistics(self) -> StoreStatistics:
        return await self._reader.run(ReadSession.statistics)

    async def close(self) -> None:
        await self._reader.close()


class SqliteStore(SqliteReader):
    """Implements `Store`; holds the data directory from its construction until it is closed.

    Makes the directory and the file if there are none, and brings an older file up to date.
    Raises StoreInUse, StoreTooNew, StoreCorrupt, Unavailable.
    """

    def __init__(self, data_dir: Path) -> None:
        self._lock = DataLock(data_dir)
        try:
            prepare(data_dir / DATABASE)
            super().__init__(data_dir)
            with errors_translated():
                # Idle. While it is open, SQLite does not read the write-ahead log anew: a commit whose sync failed can
                # be whole in the system's memory and not on the disk. It would be there again, and at a power cut all
                # that was committed after it would be gone.
                self._anchor = open_reader(data_dir / DATABASE)
                self._writer = SessionThread("motet-store-write", partial(WriteSession, data_dir / DATABASE))
        except BaseException:
            self._lock.release()
            raise

    async def append(self, rows: Sequence[Row]) -> Sequence[Seq]:
        return await self._writer.run(lambda session: session.append(rows))

    async def create(self, rows: Sequence[Row]) -> bool:
        return await self._writer.run(lambda session: session.create(rows))

    async def compact(self, room: RoomName, snapshot: Snapshot, keep_rows: bool) -> None:
        key = await self._writer.run(lambda session: session.put_snapshot(room, snapshot))
        if not keep_rows:
            # After the transaction, in steps that appends go between: no load reads what a snapshot covers.
            await self._drop(key, snapshot.seq, _FOREVER)
            await self._reclaim()

    async def delete(self, room: RoomName, at: int, absent_too: bool) -> bool:
        buried = await self._writer.run(lambda session: session.bury(room, at, absent_too))
        if buried:
            # The tombstone is on disk: the room is deleted, whatever comes of the rest. A sweep goes on with that.
            with suppress(Unavailable):
                await self._purge()
        return buried

    async def recreate(self, room: RoomName) -> bool:
        # What the deleted room may have left has another id than the rows to come.
        return await self._writer.run(lambda session: session.lift(room))

    async def put_record(self, kind: str, key: str, value: bytes | None) -> None:
        await self._writer.run(lambda session: session.put_record(kind, key, value))

    async def sweep(self, before: int) -> int:
        await self._purge()
        dropped = 0
        page = await self._reader.run(lambda session: session.page_of_history(0))
        while page:
            for key, seq, oldest in page:
                if oldest is not None and oldest < before:
                    dropped += await self._drop(key, seq, before)
            last = page[-1][0]
            page = await self._reader.run(partial(ReadSession.page_of_history, after=last))
        await self._reclaim()
        return dropped

    async def probe(self) -> None:
        await self._writer.run(WriteSession.probe)

    async def close(self) -> None:
        # The writer last: it is then the last connection, and SQLite folds the write-ahead log into the database.
        await super().close()
        self._anchor.close()
        await self._writer.close()
        self._lock.release()

    async def _drop(self, key: int, seq: int, before: int) -> int:
        dropped = 0
        while n := await self._writer.run(lambda session: session.drop_rows(key, seq, before)):
            dropped += n
        return dropped

    async def _purge(self) -> None:
        """Drops what deleted rooms left, in steps that appends go between.

        A room is done with when no free page is left to hold its bytes (SQLite overwrites those only where it costs
        nothing) and the write-ahead log is empty. What a crash or a reader prevents comes again. Left is what SQLite
        itself leaves, with `secure_delete = ON` too: in 400 commits of six rooms with compactions, on 0 to 2 pages a
        copy of small rows, where it had moved them within a page; a backup's VACUUM leaves none.
        """
        rooms = await self._writer.run(WriteSession.leftovers)
        for room in rooms:
            await self._drop(room, _FOREVER, _FOREVER)
            await self._writer.run(partial(WriteSession.drop_rest, room=room))
        if rooms:
            while await self._writer.run(partial(WriteSession.reclaim, slack=0)):
                pass
            if await self._writer.run(WriteSession.checkpoint):
                await self._writer.run(partial(WriteSession.purged, rooms=rooms))

    async def _reclaim(self) -> None:
        """Gives free pages back; the file shrinks with the checkpoint."""
        reclaimed = False
        while await self._writer.run(partial(WriteSession.reclaim, slack=SLACK_PAGES)):
            reclaimed = True
        if reclaimed:
            await self._writer.run(WriteSession.checkpoint)
