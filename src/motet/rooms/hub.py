"""The hub: opens rooms (once, however many ask), gives them their ticks, hands their rows to the journal, lets them go.

What happens over time (snapshots, eviction, a failing store) is in `keeper`; sockets are in `connection`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count

import structlog

from motet.access import Access
from motet.access.rates import Rates
from motet.config import Settings
from motet.crdt import Replica
from motet.errors import MotetError, OverQuota, Restarting, RoomDeleted, TryLater, Unavailable
from motet.ids import MemberId, RoomName, Seq, UserId
from motet.observability import (
    UNTRACED,
    CommitDone,
    Counts,
    Errors,
    Fan,
    Health,
    Histograms,
    LoopLag,
    Observer,
    RoomClosed,
    RoomOpened,
    StoreFailed,
    Tally,
    Trace,
    Tracing,
    exemplify,
)
from motet.persistence import Journal, Kind, Row, Store, StoredRoom
from motet.presence import Roster
from motet.rooms.limits import RoomLimits
from motet.rooms.loading import loading
from motet.rooms.room import Room
from motet.rooms.seat import Hold
from motet.rooms.served import Served
from motet.rooms.steps import run

log = structlog.get_logger("motet.rooms")

Seeds = Callable[[RoomName], bytes | None]
"""What a new room begins with: a Yjs update, or None."""


class Hub:
    """All rooms of the process."""

    def __init__(
        self, settings: Settings, store: Store, journal: Journal, access: Access, seeds: Seeds, observe: Observer
    ) -> None:
        self.settings = settings
        self.store = store
        self.journal = journal
        self.access = access
        self.counts = Counts()
        self.histograms = Histograms()
        self.observe: Observer = Fan((Tally(self.counts, self.histograms), observe))
        self.errors = Errors(self.observe)
        self.tracing: Tracing | None = None
        self.lag = LoopLag(self.observe)
        self.rates = Rates(settings)
        self.health = Health()
        self.open_connections = Counter[str]()
        """By dialect."""
        self.disk_free = 0
        """Bytes, as of the keeper's last sweep."""
        self.keys_failing = False
        """The published keys of tokens cannot be fetched."""
        self.served: dict[RoomName, Served] = {}
        self.read_only = False
        self.on_store_failure: Callable[[], None] = lambda: None
        self.limits = RoomLimits(
            max_update_bytes=settings.max_update_bytes,
            max_room_bytes=settings.max_room_bytes,
            max_members=settings.max_members_per_room,
            behind_seconds=settings.behind_seconds,
        )
        self._seeds = seeds
        self._opening: dict[RoomName, asyncio.Task[Served]] = {}
        self._thrown_away: set[RoomName] = set()  # rooms that failed, until they are opened again
        self._dirty: list[Served] = []
        self._member_ids = count(1)
        self._paused: dict[Served, None] = {}
        self._deleting: set[RoomName] = set()
        self._seats: Counter[str] = Counter()  # of each user who has any
        self._failure: MotetError | None = None  # the newest of the journal
        self._committed_at = 0.0
        self.draining = False
        journal.on_commit = self._committed

    # ---- what a served room needs

    now = staticmethod(time.monotonic)
    """Seconds, monotonic."""

    def wall_clock(self) -> int:
        """Milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def schedule(self, served: Served) -> None:
        """All rooms in which something was taken tick together at the end of this loop turn."""
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self._tick)
        self._dirty.append(served)

    def _tick(self) -> None:
        dirty, self._dirty = self._dirty, []
        for served in dirty:
            self.guard(served, served.tick)

    def guard(self, served: Served, step: Callable[[], None]) -> None:
        """Runs a step that no connection waits for. By a fault of ours the room is thrown away, and loaded anew from
        its log by whoever comes back; the other rooms go on."""
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the edge: one room's fault stays with it
            self.failed(served, error, getattr(step, "__name__", ""))

    def failed(self, served: Served, error: Exception, event: str) -> None:
        """A fault of ours in a room."""
        self.errors.report(error, "room", room=served.name, event=event)
        self._thrown_away.add(served.name)
        self.let_go(served)
        served.dismiss_all(Unavailable("the room failed and is loaded anew"))

    def submit(self, served: Served, rows: Sequence[Row], trace: Trace | None) -> None:
        """To the journal. Above its bound nothing more is read from the room's members until it has drained."""
        taken_at, taken_of, durable = served.taken_at, served.taken_of, self.histograms.edit_to_durable_seconds

        def done(result: Sequence[Seq] | MotetError) -> None:
            if isinstance(result, MotetError):
                if result is not self._failure:  # all that a commit fails with is one error
                    self._failure = result
                    self.observe(StoreFailed(str(result)))
                self.on_store_failure()
                if trace is not None:
                    trace.end(type(result).__name__)
                return
            if trace is not None:
                trace.part("ack")
            served.stored(result[-1])
            now = self._committed_at
            served.lag = seconds = now - taken_at
            if durable.observe(seconds, now):
                exemplify(durable, seconds, taken_of)
            if trace is not None:
                trace.end()

        self.journal.submit(rows, done)
        if self.journal.full:
            self._paused[served] = None
            for seat in served.seats.values():
                seat.hold(Hold.JOURNAL)

    def _committed(self, rows: int, size: int, seconds: float) -> None:
        """Before any of them is told of it."""
        self.counts.rows += rows
        self.counts.row_bytes += size
        self._committed_at = now = self.now()
        self.histograms.commit_rows.observe(rows, now)
        if self.histograms.commit_seconds.observe(seconds, now):
            self.observe(CommitDone(rows, size, seconds))

    def journal_drained(self) -> None:
        """The journal is low again: read on."""
        paused, self._paused = self._paused, {}
        for served in paused:
            for seat in served.seats.values():
                seat.release(Hold.JOURNAL)

    # ---- opening

    def member_id(self) -> MemberId:
        """A number for a new member."""
        return MemberId(next(self._member_ids))

    async def open(self, name: RoomName) -> Served:
        """The room, loaded once for all who ask together.

        Raises Unavailable, StoreCorrupt, RoomDeleted, Restarting; TryLater while it is being deleted.
        """
        if name in self._deleting:
            raise TryLater("the room is being deleted")
        served = self.served.get(name)
        if served is not None:
            return served
        if self.draining:
            raise Restarting("the server is stopping")
        task = self._opening.get(name)
        if task is None:
            task = self._opening[name] = asyncio.create_task(self._open(name))
            task.add_done_callback(partial(self._opened, name))
        served = await asyncio.shield(task)
        # Between its being open and our being told it may have left again: nobody was in it.
        return await self.open(name) if served.closed else served

    def _opened(self, name: RoomName, task: asyncio.Task[Served]) -> None:
        self._opening.pop(name, None)
        if not task.cancelled():
            task.exception()  # whoever asked may have gone, and then nobody else looks at it

    async def _open(self, name: RoomName) -> Served:
        began = self.now()
        if name in self._thrown_away:
            # What it had submitted must be in the log before that is read, or a snapshot would leave it out.
            await self.journal.flush()
            self._thrown_away.discard(name)
        try:
            stored = await self._stored(name)
            replica = await self.replica_of(stored)
        except Unavailable as e:
            self.observe(StoreFailed(str(e), name))
            raise
        now = self.now()
        served = Served(name, Room(replica, Roster(), self.limits, self.access.roles, now), self, stored)
        if self.read_only:
            served.suspend()
        self.served[name] = served
        self.observe(RoomOpened(name, now - began, replica.size))
        return served

    async def _stored(self, name: RoomName) -> StoredRoom | None:
        stored = await self.store.load(name)
        if stored is not None or self.read_only:
            return stored
        seed = self._seeds(name)
        if seed is None:
            return None
        await self.store.create([Row(name, "", self.wall_clock(), Kind.SEED, seed)])
        return await self.store.load(name)

    async def replica_of(self, stored: StoredRoom | None) -> Replica:
        """The replica of what is stored, built in steps between which other rooms go on. Raises StoreCorrupt."""
        if stored is None:
            return Replica()
        return await run(loading(stored), pause=0.0)  # somebody waits for it

    async def reload(self, served: Served, memory: Replica | None = None) -> None:
        """A suspended room goes on as its log has it, if nothing came between; its members are asked for what that
        lacks. What only `memory` holds is taken as news: it is somebody's work, and may have been acknowledged."""
        try:
            stored = await self.store.load(served.name)
            replica = await self.replica_of(stored)
            if memory is not None:
                for _ in replica.take_slowly(memory.diff(replica.state_vector()), 0):
                    await asyncio.sleep(0)
        except MotetError as e:
            if not self.is_ending(served):
                self.observe(StoreFailed(str(e), served.name))
                served.dismiss_all(e)
                self.let_go(served)
            return
        if not self.read_only and not self.is_ending(served):
            # Else the store failed (again), and a recovery will come for this room; or it is being deleted.
            served.reload(stored, replica)

    def let_go(self, served: Served) -> None:
        """The room leaves memory."""
        served.close()
        if self.served.get(served.name) is served:
            del self.served[served.name]
            served.traffic.settle(self.counts)
            self.observe(RoomClosed(served.name))

    def join_trace(self, room: RoomName, dialect: str, connection: str, traceparent: str | None) -> Trace:
        """The trace of somebody who wants to be in a room; `traceparent` is the upgrade's header."""
        if self.tracing is None:
            return UNTRACED
        return self.tracing.begin("join", traceparent, room=room, dialect=dialect, connection=connection)

    # ---- who may be where

    async def join_in_line(self, user: str, address: str, room: RoomName) -> None:
        """[X34] Waits for the join's turn where there are more than the rates allow. Raises RateLimited."""
        seconds = self.rates.join(UserId(user), address, room, self.now())
        if seconds:
            await asyncio.sleep(seconds)

    def take_place(self, user: UserId) -> None:
        """One of the user's devices joins a room. Raises OverQuota."""
        limit = self.settings.max_rooms_per_user
        if user and self._seats[user] >= limit:
            raise OverQuota(f"over max_rooms_per_user = {limit}")
        self._seats[user] += 1

    def leave_place(self, user: UserId) -> None:
        """One of the user's devices has left a room."""
        self._seats[user] -= 1
        if not self._seats[user]:
            del self._seats[user]

    def recheck(self, room: RoomName | None = None) -> None:
        """A ruling was made, over one room or all: everybody there is judged anew, at once."""
        for served in (
            list(self.served.values()) if room is None else [self.served[room]] if room in self.served else []
        ):
            self.guard(served, partial(served.recheck, self.access))

    def is_ending(self, served: Served) -> bool:
        """Whether the room is being deleted, or has left memory: it takes nothing any more."""
        return served.closed or served.name in self._deleting

    async def delete(self, name: RoomName) -> bool:
        """Deletes a room for good: its members are told so, and its name is not used again. False if there is none.

        Raises Unavailable: then it is as it was, and its members come back to it.
        """
        if name in self._deleting:
            raise TryLater("the room is being deleted")
        self._deleting.add(name)
        try:
            opening = self._opening.get(name)
            if opening is not None:
                await asyncio.wait([opening])
            served = self.served.get(name)
            if served is not None:
                # From here on it takes nothing, and what it took is on disk or failed before the tombstone is.
                served.suspend()
                await self.journal.flush()
            try:
                deleted = await self.store.delete(name, self.wall_clock(), absent_too=served is not None)
            except MotetError as e:
                self._end(served, Unavailable(f"the room could not be deleted: {e}"))
                raise
            self._end(served, RoomDeleted("the room was deleted"))
            return deleted
        finally:
            self._deleting.discard(name)

    def _end(self, served: Served | None, error: MotetError) -> None:
        if served is not None and not served.closed:
            self.let_go(served)
            served.dismiss_all(error)

    @property
    def people(self) -> int:
        """Users who are in any room; of unknown ones each member counts."""
        unknown = self._seats.get("", 0)
        return len(self._seats) - (unknown > 0) + unknown
