"""How much members write in a room. Per update nothing is done but one addition; the rest is for who looks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from motet.observability import Counts
from motet.rooms.seat import Seat

SECONDS = 10
"""Over which the rate is taken."""


class Traffic:
    """Of one room. `edits` of who is here are in their seats; those of who left are here."""

    __slots__ = ("_at", "_seats", "_settled", "gone")

    def __init__(self, seats: Iterable[Seat], now: float) -> None:
        """`seats` are those of now, whenever it is asked."""
        self._seats = seats
        self.gone = 0
        """Updates of seats that were given up."""
        self._settled = 0  # updates that are in the server's counts
        # Updates so far, about once a second; the oldest goes.
        self._at: deque[tuple[float, int]] = deque([(now, 0)], maxlen=SECONDS)

    @property
    def edits(self) -> int:
        """Updates that members have sent since the room was opened."""
        return self.gone + sum([seat.edits for seat in self._seats])

    def settle(self, counts: Counts) -> int:
        """Has the server's counts hold all updates so far, and gives their number."""
        before, self._settled = self._settled, self.edits
        counts.updates += self._settled - before
        return self._settled

    def look(self, counts: Counts, now: float) -> None:
        """To be called about once a second: settles, and remembers for the rate."""
        self._at.append((now, self.settle(counts)))

    def rate(self, now: float) -> float:
        """Updates per second, over the last SECONDS."""
        at, edits = self._at[0]
        return (self.edits - edits) / (now - at) if now - at >= 1.0 else 0.0
