"""Histograms: how often a value fell between two bounds. Pure; an observation costs 0.3 µs, a library's 2 µs.

Quantiles are read from the buckets, straight-lined between two bounds: with three buckets to a factor of ten they are
right to within a factor of about two.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

from motet.observability.counts import about

SECONDS: Final = (
    *(0.0001, 0.0002, 0.0005),
    *(0.001, 0.002, 0.005),
    *(0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5),
    *(1.0, 2.0, 5.0, 10.0),
)
"""Bounds of latencies, 0.1 ms to 10 s: three to a factor of ten."""
ROWS: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)
"""Bounds of a number of rows; a commit has at most some 4,100."""
TOLD_AGAIN: Final = 1.0
"""Seconds after which another value of a bucket is one to tell of."""


class Exemplar(NamedTuple):
    """The newest value of a bucket of which it is known whose it was."""

    label: str
    """`trace_id` or `connection`."""
    name: str
    value: float
    at: float
    """Seconds since the epoch."""


class Histogram:
    """Counts of values at or below each bound, and above the last."""

    __slots__ = ("_told", "bounds", "counts", "exemplars", "sum")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0
        self.exemplars: list[Exemplar | None] = [None] * (len(bounds) + 1)
        self._told = [0.0] * (len(bounds) + 1)

    def observe(self, value: float, now: float) -> bool:
        """Adds a value; `now` in monotonic seconds. Whether it is one to tell of: the first in its bucket for a second.

        So what is told is a sample of at most one a second for each bucket, and rare slow ones are always in it.
        """
        at = bisect_left(self.bounds, value)
        self.counts[at] += 1
        self.sum += value
        if now < self._told[at]:
            return False
        self._told[at] = now + TOLD_AGAIN
        return True

    def exemplify(self, exemplar: Exemplar) -> None:
        """Whose a value was that was observed."""
        self.exemplars[bisect_left(self.bounds, exemplar.value)] = exemplar

    def quantile(self, q: float, before: Sequence[int] = ()) -> float | None:
        """The value that a share of `q` is at or below, since the counts were these; None when there was none."""
        counts = [now - then for now, then in zip(self.counts, before, strict=True)] if before else self.counts
        return quantile(self.bounds, counts, q)


def quantile(bounds: Sequence[float], counts: Sequence[int], q: float) -> float | None:
    """As Prometheus's histogram_quantile has it. What is above the last bound counts as that."""
    left = q * sum(counts)
    if not left:
        return None
    lower = 0.0
    for upper, count in zip(bounds, counts, strict=False):
        if count and left <= count:
            return lower + (upper - lower) * left / count
        left -= count
        lower = upper
    return lower


@dataclass(slots=True)
class Histograms:
    """All of a server. Each is a metric of the same name (`motet_<name>`)."""

    edit_to_peer_seconds: Histogram = field(
        default_factory=Histogram,
        metadata=about("From a room's first update in a turn of the loop until all were written to its members"),
    )
    edit_to_durable_seconds: Histogram = field(
        default_factory=Histogram, metadata=about("From the same moment until these updates were on disk")
    )
    join_seconds: Histogram = field(
        default_factory=Histogram,
        metadata=about("From the upgrade, or a document's first message, until its member is in the room"),
    )
    room_open_seconds: Histogram = field(
        default_factory=Histogram, metadata=about("To bring a room into memory, reading and loading")
    )
    commit_seconds: Histogram = field(default_factory=Histogram, metadata=about("One commit of the journal"))
    commit_rows: Histogram = field(
        default_factory=partial(Histogram, ROWS), metadata=about("Log rows in one commit of the journal")
    )
    snapshot_seconds: Histogram = field(
        default_factory=Histogram, metadata=about("To compact a room and to write its snapshot")
    )
