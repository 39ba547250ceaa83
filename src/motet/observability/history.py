"""The last hour in steps of ten seconds, for plots that need nothing but this server; and how it is now."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, NamedTuple

from motet.observability.counts import Counts
from motet.observability.histogram import Histograms

STEP: Final = 10
"""Seconds of a step."""
STEPS: Final = 360
"""An hour."""
RECENT: Final = 5
"""Samples, a second apart, over which rates of now are taken."""
MINUTE: Final = 60
"""Samples over which latencies of now are taken."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What is so at a moment, and cheap to know."""

    connections: int
    people: int
    members: int
    rooms: int
    behind: int
    journal_bytes: int
    loop_lag: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Now(Levels):
    """How the server is: the newest levels, rates over the last seconds, latencies (seconds) over the last minute."""

    updates_per_second: float
    bytes_in_per_second: float
    peer_p50: float | None
    peer_p99: float | None
    durable_p50: float | None
    durable_p99: float | None
    slowed: int
    """Times in the last minute that a socket, or a room, was found over a rate; of each, one a second."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was measured in a step; None where nothing was. Levels are the highest in it."""

    updates_per_second: float
    people: int
    connections: int
    peer_p99: float | None
    durable_p99: float | None
    loop_lag: float
    bytes_in_per_second: float


class _Mark(NamedTuple):
    """Totals at a moment."""

    at: float
    updates: int
    bytes_in: int
    slowed: int
    peer: Sequence[int]
    durable: Sequence[int]


class History:
    """Call `sample` about once a second. Bounded: STEPS steps of a few numbers."""

    def __init__(self, counts: Counts, histograms: Histograms, at: float) -> None:
        """`at`, here and below: seconds since the epoch."""
        self._counts = counts
        self._peer = histograms.edit_to_peer_seconds
        self._durable = histograms.edit_to_durable_seconds
        self._marks = deque([self._mark(at)], maxlen=MINUTE + 1)
        self._began = self._marks[0]  # of the step
        self._levels: list[Levels] = []  # of the step; about STEP of them
        self._newest = Levels(0, 0, 0, 0, 0, 0, 0.0)
        self._steps: deque[tuple[int, Step]] = deque(maxlen=STEPS)

    def _mark(self, at: float) -> _Mark:
        counts = self._counts
        totals = counts.updates, counts.bytes_in, counts.slowed.total()
        return _Mark(at, *totals, tuple(self._peer.counts), tuple(self._durable.counts))

    def sample(self, levels: Levels, at: float) -> None:
        """Takes the totals, and these levels."""
        mark = self._mark(at)
        if int(at) // STEP != int(self._began.at) // STEP and self._levels:
            self._end_step(mark)
        self._marks.append(mark)
        self._levels.append(levels)
        self._newest = levels

    def _end_step(self, mark: _Mark) -> None:
        began, levels = self._began, self._levels
        seconds = max(mark.at - began.at, 0.001)
        step = Step(
            updates_per_second=(mark.updates - began.updates) / seconds,
            people=max(each.people for each in levels),
            connections=max(each.connections for each in levels),
            peer_p99=self._peer.quantile(0.99, began.peer),
            durable_p99=self._durable.quantile(0.99, began.durable),
            loop_lag=max(each.loop_lag for each in levels),
            bytes_in_per_second=(mark.bytes_in - began.bytes_in) / seconds,
        )
        self._steps.append((int(mark.at) // STEP * STEP, step))
        self._began, self._levels = mark, []

    def now(self) -> Now:
        """How the server is."""
        newest, oldest = self._marks[-1], self._marks[0]
        recent = self._marks[max(0, len(self._marks) - 1 - RECENT)]
        seconds = max(newest.at - recent.at, 0.001)
        levels = {each.name: getattr(self._newest, each.name) for each in fields(Levels)}
        return Now(
            **levels,
            updates_per_second=(newest.updates - recent.updates) / seconds,
            bytes_in_per_second=(newest.bytes_in - recent.bytes_in) / seconds,
            peer_p50=self._peer.quantile(0.5, oldest.peer),
            peer_p99=self._peer.quantile(0.99, oldest.peer),
            durable_p50=self._durable.quantile(0.5, oldest.durable),
            durable_p99=self._durable.quantile(0.99, oldest.durable),
            slowed=newest.slowed - oldest.slowed,
        )

    def json(self) -> str:
        """`{"step": 10, "at": […], "series": {name: […]}}`: `at` are the steps' ends; null: nothing was measured."""
        names = [each.name for each in fields(Step)]
        series = {name: [_short(getattr(step, name)) for _, step in self._steps] for name in names}
        return json.dumps({"step": STEP, "at": [at for at, _ in self._steps], "series": series}, separators=(",", ":"))


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
