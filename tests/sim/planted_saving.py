"""Planted bugs of saving: acknowledgements, commits, snapshots, and what a restart reads."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from planted import Plant

from motet.app import App
from motet.crdt import News, Replica
from motet.crdt.replica.news import Ledger
from motet.ids import RoomName, Seq
from motet.persistence import Row, Snapshot, StoredRoom
from motet.persistence.sqlite_read import ReadSession
from motet.persistence.sqlite_write import WriteSession
from motet.rooms import Hub, Keeper, Served
from motet.rooms.effects import NOTHING, Effects, Out, Persist, Send
from motet.rooms.room import Room


def acks_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """Authors are told "saved" when their edits go to the disk, not when they are on it."""
    tick = Room.tick

    def early(self: Room, now: float) -> Effects:
        told = [Send(member, Out.SAVED, b"") for member in self.statuses.due]
        self.statuses.due = []
        return [*tick(self, now), *told]

    patch.setattr(Room, "tick", early)


def acks_failed_commits(patch: pytest.MonkeyPatch) -> None:
    """When a commit has failed, authors are told "saved" as if it had not."""
    suspend = Served.suspend

    def content(self: Served) -> None:
        while self.room.statuses.in_flight:
            self.perform(self.room.committed())
        suspend(self)

    patch.setattr(Served, "suspend", content)


def acks_twice(patch: pytest.MonkeyPatch) -> None:
    """Of several statuses that follow one commit, one is sent once more."""
    committed = Room.committed

    def twice(self: Room) -> Effects:
        told = committed(self)
        return [*told, told[-1]] if len(told) > 1 else told

    patch.setattr(Room, "committed", twice)


def forgets_failed_commits(patch: pytest.MonkeyPatch) -> None:
    """After a failed commit the room goes on as if it were stored."""
    patch.setattr(Keeper, "_store_failed", lambda self: None)


def resumes_without_asking(patch: pytest.MonkeyPatch) -> None:
    """A room that goes on from its log after a failed commit does not ask its members for what that lacks."""
    resume = Room.resume

    def silent(self: Room, replica: Replica) -> Effects:
        resume(self, replica)
        return NOTHING

    patch.setattr(Room, "resume", silent)


def leaves_rooms_suspended(patch: pytest.MonkeyPatch) -> None:
    """When the store is back, the rooms that were open stay read-only."""

    async def forgotten(self: Hub, served: Served, memory: Replica | None = None) -> None:
        """Does nothing."""

    patch.setattr(Hub, "reload", forgotten)


def syncs_nothing(patch: pytest.MonkeyPatch) -> None:
    """SQLite writes with synchronous=OFF."""
    from motet.persistence import sqlite_write

    open_writer = sqlite_write.open_writer

    def careless(path: Path) -> sqlite3.Connection:
        connection = open_writer(path)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    patch.setattr(sqlite_write, "open_writer", careless)


def drops_a_row_too_many(patch: pytest.MonkeyPatch) -> None:
    """Compaction drops the first row after the snapshot, too."""
    drop_rows = WriteSession.drop_rows

    def one_more(self: WriteSession, room: int, seq: int, before: int) -> int:
        return drop_rows(self, room, min(seq + 1, 2**63 - 1), before)

    patch.setattr(WriteSession, "drop_rows", one_more)


def snapshots_an_older_document(patch: pytest.MonkeyPatch) -> None:
    """A snapshot is said to be at the head of when it is written, not of when it was made."""

    async def late(self: Keeper, served: Served) -> None:
        hub, replica = self._hub, served.room.replica
        data, sidecar = replica.encode(), replica.sidecar()
        await asyncio.sleep(0.02)
        if served.head and not served.room.suspended:
            snapshot = Snapshot(served.head, data, sidecar, hub.wall_clock())
            await hub.store.compact(served.name, snapshot, keep_rows=False)
            served.log_rows = served.log_bytes = 0

    patch.setattr(Keeper, "_compact", late)


def snapshots_without_deletes(patch: pytest.MonkeyPatch) -> None:
    """A snapshot holds no delete set."""

    def undead(replica: Replica, head: Seq, at: int) -> Snapshot:
        store = replica._store
        dead, store.dead = store.dead, {}
        try:
            return Snapshot(head, replica.encode(), replica.sidecar(), at)
        finally:
            store.dead = dead

    patch.setattr("motet.rooms.keeper.snapshot_of", undead)


def loads_without_the_newest_row(patch: pytest.MonkeyPatch) -> None:
    """A room is loaded without the newest row of its log."""
    load = ReadSession.load

    def most(self: ReadSession, room: RoomName) -> StoredRoom | None:
        stored = load(self, room)
        return None if stored is None else StoredRoom(stored.head, stored.snapshot, stored.tail[:-1])

    patch.setattr(ReadSession, "load", most)


def counts_a_row_twice(patch: pytest.MonkeyPatch) -> None:
    """The last row of a batch is counted twice."""
    insert = WriteSession._insert

    def counted(self: WriteSession, rows: Sequence[Row]) -> list[Seq]:
        seqs = insert(self, rows)
        self._heads[rows[-1].room].seq += 1
        return seqs

    patch.setattr(WriteSession, "_insert", counted)


def logs_one_author_for_all(patch: pytest.MonkeyPatch) -> None:
    """The rows of one tick all get the name of its first author."""
    tick = Room.tick

    def one(self: Room, now: float) -> Effects:
        effects = tick(self, now)
        return [
            Persist([(e.rows[0][0], data) for _, data in e.rows]) if isinstance(e, Persist) and e.rows else e
            for e in effects
        ]

    patch.setattr(Room, "tick", one)


def loses_an_author(patch: pytest.MonkeyPatch) -> None:
    """Of the authors of one tick, the last one's row is not written."""
    drain = Ledger.drain

    def fewer(self: Ledger, lanes: dict[int, object]) -> News | None:
        news = drain(self, lanes)  # type: ignore[arg-type]
        if news is None or len(news.authors) < 2:
            return news
        return News(news.update, news.authors[:-1], news.ripe)

    patch.setattr(Ledger, "drain", fewer)


def stops_before_the_journal(patch: pytest.MonkeyPatch) -> None:
    """A server that stops does not wait for its journal."""

    async def hasty(self: App) -> None:
        await self.convergence.stop()
        self.watch.stop()
        for task in (self.keeper._sweeping, self.keeper._recovering):
            if task is not None:
                task.cancel()
        self.hub.journal._waiting.clear()

    patch.setattr(App, "stopped", hasty)


PLANTS: tuple[Plant, ...] = (
    acks_before_the_commit,
    acks_failed_commits,
    acks_twice,
    forgets_failed_commits,
    resumes_without_asking,
    leaves_rooms_suspended,
    syncs_nothing,
    drops_a_row_too_many,
    snapshots_an_older_document,
    snapshots_without_deletes,
    loads_without_the_newest_row,
    counts_a_row_twice,
    logs_one_author_for_all,
    loses_an_author,
    stops_before_the_journal,
)
