"""What a served room needs of the hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from motet.access.rates import Rates
from motet.observability import Counts, Histograms, Observer, Trace, Tracing
from motet.persistence import Row

if TYPE_CHECKING:
    from motet.rooms.served import Served


class Host(Protocol):
    """The hub, as a room sees it."""

    counts: Counts
    histograms: Histograms
    tracing: Tracing | None
    observe: Observer
    rates: Rates

    def now(self) -> float:
        """Seconds, monotonic."""
        ...

    def guard(self, served: Served, step: Callable[[], None]) -> None:
        """Runs a step that no connection waits for; its fault costs this room only."""
        ...

    def schedule(self, served: Served) -> None:
        """Call `served.tick()` in this turn of the event loop."""
        ...

    def submit(self, served: Served, rows: Sequence[Row], trace: Trace | None) -> None:
        """To the journal; `served.stored` follows, in order, unless the store fails: then all rooms are suspended."""
        ...

    def wall_clock(self) -> int:
        """Milliseconds since the epoch."""
        ...
