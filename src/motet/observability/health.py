"""Whether the server is ready for work, and why not."""

from __future__ import annotations

import time
from collections.abc import Callable


class Health:
    """Reasons against readiness, by name. Degraded is not dead: the process lives as long as it can answer."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since the epoch."""
        self._clock = clock
        self._reasons: dict[str, str] = {}
        self._since: dict[str, float] = {}

    def degrade(self, name: str, reason: str) -> None:
        """The server is not ready, for this reason; said again, with its newest sentence."""
        self._reasons[name] = reason
        self._since.setdefault(name, self._clock())

    def recover(self, name: str) -> None:
        """This reason is gone."""
        self._reasons.pop(name, None)
        self._since.pop(name, None)

    @property
    def reasons(self) -> dict[str, str]:
        """Name of what is wrong to a sentence about it; empty when ready."""
        return dict(self._reasons)

    @property
    def since(self) -> dict[str, float]:
        """Name of what is wrong to when it began, in seconds since the epoch."""
        return dict(self._since)
