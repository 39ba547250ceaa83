"""When a round of provocations is due for clients that came back."""

from __future__ import annotations

from math import inf

SETTLE = 0.2
"""Seconds from a member's return to the round that raises the others' clocks: members return together."""

ROUND_GAP = 2.0
"""Seconds between such rounds, at least."""


class Returns:
    """Collects returns: a client removes everyone when its connection ends, and takes nobody back at a known clock."""

    __slots__ = ("_last", "_since", "due")

    def __init__(self) -> None:
        self.due = inf
        self._since = -inf
        self._last = -inf

    def note(self, now: float) -> None:
        """A client is back."""
        self._since = now
        if self.due == inf:
            self.due = max(now + SETTLE, self._last + ROUND_GAP)

    def begin(self, now: float) -> float:
        """A round begins; entries that have not risen since the time returned are to be provoked."""
        self.due = inf
        self._last = now
        return self._since
