"""A pause in reading, of a socket or of a room: when it ends, and that it is told for as long as it lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

TOLD_AGAIN = 1.0
"""Seconds after which a pause is told once more: a long one weighs as much as many short ones."""


def _nobody(seconds: float = 0.0) -> None:
    """Whom a pause is told that was cancelled."""


class Slowing:
    """`tell` gets the seconds that are left, at the beginning and about once a second; `end` is called at the end."""

    __slots__ = ("_end", "_now", "_tell", "_timer", "_told_at", "_until")

    def __init__(self, now: Callable[[], float], tell: Callable[[float], None], end: Callable[[], None]) -> None:
        self._now = now
        self._tell = tell
        self._end = end
        self._timer: asyncio.TimerHandle | None = None
        self._until = 0.0
        self._told_at = -TOLD_AGAIN

    @property
    def is_on(self) -> bool:
        """Whether the pause lasts."""
        return self._timer is not None

    def last(self, seconds: float) -> None:
        """It lasts for so long from now on; of several times the one that ends last counts."""
        now = self._now()
        if self._timer is not None:
            if now + seconds <= self._until:
                return
            self._timer.cancel()
        self._until = now + seconds
        if now - self._told_at >= TOLD_AGAIN:
            self._say(seconds)
        self._go_on(seconds)

    def cancel(self) -> None:
        """Nobody waits for the end any more, and who did is forgotten: it holds us, and so nothing is left to the
        garbage collector."""
        if self._timer is not None:
            self._timer.cancel()
        self._tell = self._end = _nobody

    def _go_on(self, left: float) -> None:
        part = min(left, TOLD_AGAIN)
        self._timer = asyncio.get_running_loop().call_later(part, self._look, left - part)

    def _look(self, left: float) -> None:
        if left <= 0.0:
            self._timer = None
            self._end()
        else:
            self._say(left)
            self._go_on(left)

    def _say(self, seconds: float) -> None:
        self._told_at = self._now()
        self._tell(seconds)
