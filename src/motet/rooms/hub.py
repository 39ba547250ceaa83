"""The hub: opens rooms (once, however many ask), gives them their ticks, hands their rows to the journal, lets them go.

What happens over time (snapshots, eviction, a failing store) is in `keeper`; sockets are in `connection`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import count

import structlog

from motet.access import Access
from motet.config import Settings
from motet.crdt import Replica
from motet.errors import MotetError, Restarting, Unavailable
from motet.ids import MemberId, RoomName, Seq
from motet.observability import Counts, Gauges, Health
from motet.persistence import Journal, Kind, Row, Store, StoredRoom
from motet.presence import Roster
from motet.rooms.limits import RoomLimits
from motet.rooms.loading import loading
from motet.rooms.room import Room
from motet.rooms.served import Served

log = structlog.get_logger("motet.rooms")

Seeds = Callable[[RoomName], bytes | None]
"""What a new room begins with: a Yjs update, or None."""


class Hub:
    """All rooms of the process."""

    def __init__(self, settings: Settings, store: Store, journal: Journal, access: Access, seeds: Seeds) -> None:
        self.settings = settings
        self.store = store
        self.journal = journal
        self.access = access
        self.counts = Counts()
        self.health = Health()
        self.served: dict[RoomName, Served] = {}
        self.read_only = False
        self.on_store_failure: Callable[[Served], None] = lambda served: None
        self.limits = RoomLimits(
            max_update_bytes=settings.max_update_bytes,
            max_room_bytes=settings.max_room_bytes,
            max_members=settings.max_members_per_room,
            behind_seconds=settings.behind_seconds,
        )
        self._seeds = seeds
        self._opening: dict[RoomName, asyncio.Task[Served]] = {}
        self._dirty: list[Served] = []
        self._member_ids = count(1)
        self._paused: set[Served] = set()
        self.draining = False

    # ---- what a served room needs

    def now(self) -> float:
        """Seconds, monotonic."""
        return time.monotonic()

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
        except Exception as error:
            log.exception("room_failed", room=served.name, exc_info=error)
            self.let_go(served)
            served.dismiss_all(Unavailable("the room failed and is loaded anew"))

    def submit(self, served: Served, rows: Sequence[Row]) -> None:
        """To the journal. Above its bound nothing more is read from the room's members until it has drained."""
        self.counts.rows += len(rows)

        def done(result: Sequence[Seq] | MotetError) -> None:
            if isinstance(result, MotetError):
                self.counts.store_failures += 1
                self.on_store_failure(served)
            else:
                served.stored(result[-1])

        self.journal.submit(rows, done)
        if self.journal.full:
            self._paused.add(served)
            for seat in served.seats.values():
                seat.wire.pause_reading()

    def journal_drained(self) -> None:
        """The journal is low again: read on."""
        paused, self._paused = self._paused, set()
        for served in paused:
            for seat in served.seats.values():
                seat.wire.resume_reading()

    # ---- opening

    def member_id(self) -> MemberId:
        """A number for a new member."""
        return MemberId(next(self._member_ids))

    async def open(self, name: RoomName) -> Served:
        """The room, loaded once for all who ask together. Raises Unavailable, StoreCorrupt, Restarting."""
        served = self.served.get(name)
        if served is not None:
            return served
        if self.draining:
            raise Restarting("the server is stopping")
        task = self._opening.get(name)
        if task is None:
            task = self._opening[name] = asyncio.create_task(self._open(name))
            task.add_done_callback(lambda _: self._opening.pop(name, None))
        return await asyncio.shield(task)

    async def _open(self, name: RoomName) -> Served:
        stored = await self._stored(name)
        replica = await self.replica_of(stored)
        now = self.now()
        served = Served(name, Room(replica, Roster(), self.limits, now), self, stored)
        if self.read_only:
            served.suspend()
        self.served[name] = served
        self.counts.rooms_opened += 1
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
        steps = loading(stored)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                replica: Replica = done.value
                return replica
            await asyncio.sleep(0)

    def let_go(self, served: Served) -> None:
        """The room leaves memory."""
        served.close()
        if self.served.get(served.name) is served:
            del self.served[served.name]
            self.counts.rooms_closed += 1

    # ---- what others ask

    def gauges(self, open_connections: int) -> Gauges:
        """What is so now, for /metrics."""
        rooms = list(self.served.values())
        return Gauges(
            open_connections=open_connections,
            rooms_loaded=len(rooms),
            members=sum(len(s.seats) for s in rooms),
            loaded_bytes=sum(s.room.replica.size for s in rooms),
            journal_bytes=self.journal.statistics().waiting_bytes,
            read_only=int(self.read_only),
        )
