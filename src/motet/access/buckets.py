"""Token buckets that may go into debt, and a bounded table of them by name.

Pure: times are seconds of a monotonic clock, given by the caller.
"""

from __future__ import annotations

from collections import OrderedDict
from math import inf
from typing import Final

NAMES: Final = 10_000
"""Buckets of one rate. Beyond it the one that was drawn from least recently is forgotten: nothing is lost when it had
been left alone for a burst and its debt, as it was full again; else its owner gets a new burst at once."""


class Bucket:
    """A token bucket that is full at first and may go into debt. `rate` is per second, `inf` is no limit; a burst is
    as large as `seconds` of it, and at least 1. Time that runs backwards brings nothing, and takes nothing."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, rate: float, seconds: float) -> None:
        self._rate = rate
        self._burst = self._left = max(1.0, rate * seconds)
        self._at = -inf

    def draw(self, n: float, now: float) -> float:
        """Takes n, into debt if need be. Seconds until the bucket is out of debt; 0.0 when n was covered."""
        seconds = self.wait(n, now)
        self._left -= n
        return seconds

    def wait(self, n: float, now: float) -> float:
        """The seconds that `draw` would say; nothing is taken."""
        if now > self._at:
            self._left = min(self._burst, self._left + (now - self._at) * self._rate)
            self._at = now
        left = self._left - n
        return -left / self._rate if left < 0 else 0.0


class Buckets:
    """Buckets of one rate, by the name of who draws. Nobody in particular ("") has none. At most NAMES are kept."""

    __slots__ = ("_buckets", "_rate", "_seconds")

    def __init__(self, rate: float, seconds: float) -> None:
        self._rate = rate
        self._seconds = seconds
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def draw(self, name: str, n: float, now: float) -> float:
        """As `Bucket.draw`, from the bucket of this name."""
        if self._rate == inf or not name:
            return 0.0
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= NAMES:
                self._buckets.popitem(last=False)
            bucket = self._buckets[name] = Bucket(self._rate, self._seconds)
        else:
            self._buckets.move_to_end(name)
        return bucket.draw(n, now)

    def wait(self, name: str, n: float, now: float) -> float:
        """The seconds that `draw` would say; nothing is taken."""
        bucket = self._buckets.get(name)
        return 0.0 if bucket is None else bucket.wait(n, now)
