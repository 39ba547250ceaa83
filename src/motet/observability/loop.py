"""How late the event loop is: everything that keeps it busy for long is felt by everybody."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from math import inf
from typing import Final

from motet.observability.events import LoopLagged, Observer

EVERY: Final = 0.25
"""Seconds between measurements."""
KEPT: Final = 10.0
"""Seconds over which the worst is shown."""
LATE: Final = 0.25
"""Seconds of lag that are an event."""
TOLD_AGAIN: Final = 1.0
"""Seconds between two events."""


class LoopLag:
    """A timer that measures how late it is. `start` it on the loop; `stop` it."""

    def __init__(self, observe: Observer) -> None:
        self._observe = observe
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._told_at = -inf
        # (when, lag) of the last KEPT seconds; the oldest goes.
        self._lags: deque[tuple[float, float]] = deque(maxlen=int(KEPT / EVERY))

    @property
    def worst(self) -> float:
        """Seconds: the largest lag of the last KEPT."""
        since = time.monotonic() - KEPT
        return max((lag for at, lag in self._lags if at >= since), default=0.0)

    def start(self) -> None:
        """Begins to measure."""
        self._due = time.monotonic() + EVERY
        self._timer = asyncio.get_running_loop().call_later(EVERY, self._measure)

    def stop(self) -> None:
        """Ends it."""
        if self._timer is not None:
            self._timer.cancel()

    def _measure(self) -> None:
        now = time.monotonic()
        lag = max(0.0, now - self._due)
        self._lags.append((now, lag))
        if lag > LATE and now - self._told_at >= TOLD_AGAIN:
            self._told_at = now
            self._observe(LoopLagged(lag))
        self.start()
