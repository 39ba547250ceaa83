"""Virtual time: nothing waits, and whoever asks for the time is told the world's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from motet.rooms import Hub

START = 1_000.0
"""Monotonic seconds when a world begins."""

EPOCH = 1_800_000_000.0
"""Its wall clock then, in seconds since 1970."""


class Clock:
    """The time of a world. Monotonic time goes on by `seconds`; the wall clock may jump beside it."""

    def __init__(self) -> None:
        self.seconds = START
        self._ahead = EPOCH - START
        self._latest = 0.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.seconds

    def time(self) -> float:
        """Seconds since 1970, as the server's machine has it."""
        return self.seconds + self._ahead

    def time_ns(self) -> int:
        """The same in nanoseconds."""
        return int(self.time() * 1e9)

    def set_wall(self, seconds: float) -> None:
        """Somebody sets the wall clock forward, or back."""
        self._latest = max(self._latest, self.time())
        self._ahead += seconds

    @property
    def behind(self) -> float:
        """Seconds by which the wall clock showed more at some time than it does now."""
        return max(0.0, self._latest - self.time())

    @contextmanager
    def installed(self) -> Iterator[None]:
        """For as long as it lasts this is the time of the whole process: worlds run one at a time."""
        true = time.monotonic, time.time, time.time_ns
        try:
            self._set(self.monotonic, self.time, self.time_ns)
            yield
        finally:
            self._set(*true)

    @staticmethod
    def _set(monotonic: object, wall: object, wall_ns: object) -> None:
        for name, function in (("monotonic", monotonic), ("time", wall), ("time_ns", wall_ns)):
            setattr(time, name, function)
        # Bound when the class was made: it is asked for every update.
        Hub.now = staticmethod(time.monotonic)
