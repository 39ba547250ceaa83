"""The keeper: what time does to open rooms: snapshots, rooms that leave memory, a store that fails and is back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from motet.errors import MotetError, Unavailable
from motet.observability import ReadOnlyBegan, ReadOnlyEnded, SnapshotFailed, SnapshotWritten, StoreFailed
from motet.persistence import is_low
from motet.rooms.hub import Hub
from motet.rooms.loading import snapshot_of
from motet.rooms.served import Served

SWEEP = 1.0
"""Seconds between sweeps over the open rooms."""

HISTORY = 3600.0
"""Seconds between the sweeps that drop log rows past their retention."""

RETRY = 30.0
"""Seconds before a snapshot that failed is tried again."""

GARBAGE = 64 * 1024
"""Bytes of deleted content below which a structural compaction is not worth its time."""


class Keeper:
    """One per hub. `start` it; `stop` writes the snapshots that are due and waits for what is under way."""

    def __init__(self, hub: Hub, free_bytes: Callable[[], int]) -> None:
        self._hub = hub
        self._free_bytes = free_bytes
        self._sweeping: asyncio.Task[None] | None = None
        self._recovering: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._retry_at: dict[str, float] = {}
        self._history_at = hub.now()
        self._read_only_at = 0.0
        hub.on_store_failure = self._store_failed

    def start(self) -> None:
        """Begins to sweep. Needs a running loop."""
        self._check_disk()
        self._sweeping = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Ends the sweep, and waits for a snapshot that is being written."""
        for task in (self._sweeping, self._recovering):
            if task is not None:
                task.cancel()
        if self._writing is not None:
            await asyncio.wait([self._writing])

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - without its keeper the server would go on for a while, and die
                self._hub.errors.report(error, "keeper", event="sweep")

    def _look(self) -> None:
        self._check_disk()
        loaded = 0
        for served in list(self._hub.served.values()):
            self._hub.guard(served, served.wake)
            loaded += served.room.replica.size
        leaving = self._evict(loaded)
        growing = [s for s in self._hub.served.values() if self._is_due(s) and not s.room.suspended]
        if self._writing is None or self._writing.done():
            # Else the last sweep's are not all written yet: what is due is still due at the next.
            self._writing = asyncio.create_task(self._write([*leaving, *growing]))

    # ---- memory

    def _evict(self, loaded: int) -> list[Served]:
        """Rooms without members go after a while; the longest idle at once while all rooms are over the cap. Those that
        must be written before they go are returned."""
        leaving = []
        now, settings = self._hub.now(), self._hub.settings
        idle = sorted((s for s in self._hub.served.values() if not s.seats), key=lambda s: s.idle_since)
        for served in idle:
            over = loaded > settings.max_loaded_bytes
            if not over and now - served.idle_since < settings.room_idle_seconds:
                break
            if self._is_busy(served):
                continue
            if self._is_due(served, leaving=True):
                leaving.append(served)
                continue
            loaded -= served.room.replica.size
            self._hub.let_go(served)
        return leaving

    def _is_busy(self, served: Served) -> bool:
        room = served.room
        return bool(room.dirty or room.statuses.in_flight or room.has_long_takes or room.suspended)

    # ---- snapshots

    def _is_due(self, served: Served, leaving: bool = False) -> bool:
        if self._hub.read_only or self._retry_at.get(served.name, 0.0) > self._hub.now() or not served.log_rows:
            return False
        settings = self._hub.settings
        rows, size = settings.snapshot_rows, max(settings.snapshot_bytes, served.snapshot_bytes // 2)
        if leaving:
            # The next join should be a read, not a replay.
            rows, size = rows // 25, size // 16
        return served.log_rows >= rows or served.log_bytes >= size

    async def _write(self, due: list[Served]) -> None:
        """Snapshots of these rooms, one after the other, and once an hour the end of old history."""
        for served in due:
            if not served.closed and not self._hub.read_only:
                await self._write_snapshot(served)
        if self._hub.now() >= self._history_at and not self._hub.read_only:
            # At the start too, whatever the setting: a crash in mid-compaction leaves rows that should have gone.
            self._history_at = self._hub.now() + HISTORY
            await self._sweep_history(int(self._hub.settings.retention_days * 86_400_000))

    async def _sweep_history(self, age: int) -> None:
        try:
            await self._hub.store.sweep(self._hub.wall_clock() - age)
        except MotetError as e:
            self._hub.observe(StoreFailed(str(e)))

    async def _write_snapshot(self, served: Served) -> None:
        try:
            await self.compact(served)
        except MotetError as e:
            self._retry_at[served.name] = self._hub.now() + RETRY
            self._hub.observe(SnapshotFailed(served.name, str(e)))
        except Exception as error:  # noqa: BLE001 - one room's fault stays with it
            self._retry_at[served.name] = self._hub.now() + RETRY
            self._hub.errors.report(error, "keeper", room=served.name, event="snapshot")
        else:
            self._retry_at.pop(served.name, None)

    async def compact(self, served: Served) -> None:
        """Drops deleted content in memory and writes a snapshot, off the path of every join and edit; one room after
        the other, whoever asks."""
        async with self._turn:
            await self._compact(served)

    async def _compact(self, served: Served) -> None:
        hub, replica = self._hub, served.room.replica
        began = hub.now()
        if replica.garbage > max(GARBAGE, replica.size // 4):
            for _ in replica.compact():
                await asyncio.sleep(0)
        if served.room.replica is not replica or not served.head:
            return
        # One step: the replica holds every row up to the head, and perhaps rows that are on their way; taking those
        # again at a load changes nothing.
        rows, size = served.log_rows, served.log_bytes
        snapshot = snapshot_of(replica, served.head, hub.wall_clock())
        await hub.store.compact(served.name, snapshot, keep_rows=hub.settings.retention_days > 0)
        served.log_rows -= rows
        served.log_bytes -= size
        served.snapshot_bytes = len(snapshot.data)
        hub.observe(SnapshotWritten(served.name, snapshot.seq, len(snapshot.data), hub.now() - began))

    # ---- a store that fails

    def _check_disk(self) -> None:
        hub = self._hub
        mark = hub.settings.low_disk_bytes
        try:
            free = self._free_bytes()
        except Unavailable as e:
            hub.health.degrade("disk", str(e))
            self._go_read_only("the disk cannot be asked")
            return
        hub.disk_free = free
        if is_low(free, mark, "disk" in hub.health.reasons):
            hub.health.degrade("disk", f"{free} bytes are free, under low_disk_bytes = {mark}")
            self._go_read_only("low disk")
        else:
            hub.health.recover("disk")

    def _store_failed(self) -> None:
        self._hub.health.degrade("store", "the store cannot be written")
        self._go_read_only("store failed")

    def _go_read_only(self, why: str) -> None:
        """[R6] No room takes an update until the store is back."""
        hub = self._hub
        if hub.read_only:
            return
        hub.read_only = True
        self._read_only_at = hub.now()
        hub.observe(ReadOnlyBegan(why))
        for served in hub.served.values():
            served.suspend()
        self._recovering = asyncio.create_task(self._recover())

    async def _recover(self) -> None:
        hub = self._hub
        while True:
            await asyncio.sleep(SWEEP)
            if "disk" in hub.health.reasons:
                continue
            try:
                await hub.journal.probe()
            except Unavailable as e:
                hub.health.degrade("store", str(e))
                continue
            except Exception as error:  # noqa: BLE001 - who gave up here would leave the server read-only for ever
                hub.errors.report(error, "keeper", event="probe")
                continue
            break
        # What was submitted before must have failed or be stored before the log is read.
        await hub.journal.flush()
        hub.read_only = False
        hub.health.recover("store")
        for served in list(hub.served.values()):
            if served.room.suspended and not hub.read_only and not hub.is_ending(served):
                try:
                    await hub.reload(served)
                except Exception as error:  # noqa: BLE001 - one room's fault stays with it
                    hub.failed(served, error, "reload")
        if not hub.read_only:
            hub.observe(ReadOnlyEnded(hub.now() - self._read_only_at))
