"""What nobody tells, looked at once a second: the loop's lag, the disk, the keys of tokens. It feeds the history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from motet.errors import Unavailable
from motet.observability import History, KeysUnavailable, StoreFailed
from motet.rooms.figures import levels
from motet.rooms.hub import Hub

EVERY: Final = 1.0
"""Seconds between two looks."""
KEYS_TOLD_AGAIN: Final = 60.0
"""Seconds after which it is told once more that keys cannot be fetched."""
BUSY: Final = 2.0
"""Seconds of lag in the last ten from which the server is not ready for more."""
SLOW: Final = 5.0
"""Seconds that a durable write may take; a disk that takes longer stands still."""
PROBE: Final = 10.0
"""Seconds without a durable write after which one is tried: whether edits can be stored is known before there are any.
"""


class Keys(Protocol):
    """Keys that are published somewhere."""

    failing_since: float | None
    """Monotonic seconds; None while the last fetch went well."""
    last_error: str

    @property
    def usable(self) -> bool:
        """Whether any are held that may be used."""
        ...

    def retry(self) -> None:
        """Fetches them again, if the last fetch failed and that was long enough ago."""
        ...


class Watch:
    """One per hub. `start` it on the loop; `stop` it."""

    def __init__(self, hub: Hub, sockets: Callable[[], int], keys: Keys | None) -> None:
        """`sockets` are those that are open."""
        self._hub = hub
        self._sockets = sockets
        self._keys = keys
        self._keys_told_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._probing: asyncio.Task[None] | None = None  # held, for the event loop holds tasks weakly
        self.history = History(hub.counts, hub.histograms, hub.wall_clock() / 1000)

    def start(self) -> None:
        """Begins to look."""
        self._hub.lag.start()
        self._again()

    def stop(self) -> None:
        """Ends it."""
        self._hub.lag.stop()
        if self._timer is not None:
            self._timer.cancel()
        if self._probing is not None:
            self._probing.cancel()

    def _again(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(EVERY, self._look)

    def _look(self) -> None:
        self._again()
        hub = self._hub
        self.history.sample(levels(hub, self._sockets()), hub.wall_clock() / 1000)
        lag = hub.lag.worst
        if lag >= BUSY:
            hub.health.degrade("loop", f"the event loop was busy for {lag:.1f} s")
        else:
            hub.health.recover("loop")
        self._look_at_store()
        if self._keys is not None:
            self._look_at_keys(self._keys)

    def _look_at_store(self) -> None:
        hub, journal = self._hub, self._hub.journal
        seconds = journal.write_seconds
        if seconds >= SLOW:
            hub.health.degrade("commit", f"the disk has taken {seconds:.0f} s for a write")
        else:
            hub.health.recover("commit")
        if journal.quiet_seconds >= PROBE and not hub.read_only and not hub.draining:
            self._probing = asyncio.create_task(self._probe())

    async def _probe(self) -> None:
        try:
            await self._hub.journal.probe()
        except Unavailable as e:
            self._hub.observe(StoreFailed(str(e)))
            self._hub.on_store_failure()
        except Exception as error:  # noqa: BLE001 - who gave up here would look no more
            self._hub.errors.report(error, "watch", event="probe")

    def _look_at_keys(self, keys: Keys) -> None:
        hub, now, since = self._hub, self._hub.now(), keys.failing_since
        hub.keys_failing = since is not None
        if since is None:
            self._keys_told_at = None
            hub.health.recover("keys")
            return
        keys.retry()
        if self._keys_told_at is None or now - self._keys_told_at >= KEYS_TOLD_AGAIN:
            self._keys_told_at = now
            hub.observe(KeysUnavailable(keys.last_error, now - since))
        if keys.usable:
            hub.health.recover("keys")
        else:
            hub.health.degrade("keys", f"tokens cannot be checked: {keys.last_error}")
