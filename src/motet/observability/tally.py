"""The listener that counts: events become totals and observations."""

from __future__ import annotations

import time

from motet.observability import events
from motet.observability.counts import OTHER, REASONS, Counts
from motet.observability.events import Event
from motet.observability.histogram import Exemplar, Histogram, Histograms


class Tally:
    """Counts events."""

    def __init__(self, counts: Counts, histograms: Histograms) -> None:
        self._counts = counts
        self._histograms = histograms

    def __call__(self, event: Event) -> None:
        self._count(event)
        self._observe(event)

    def _count(self, event: Event) -> None:  # noqa: C901 - a table: one line for each event
        counts = self._counts
        match event:
            case events.ConnectionOpened():
                counts.connections.add(event.dialect)
            case events.AccessRefused():
                counts.refusals.add(REASONS.get(event.code, OTHER))
            case events.MemberJoined():
                counts.joins.add(event.dialect)
            case events.AccessEnded():
                counts.dismissed += 1
            case events.MemberBehind():
                counts.behind += 1
            case events.Resynced():
                counts.resyncs.add(event.reason)
            case events.PeerSlowed():
                counts.slowed.add(event.kind)
            case events.RoomOpened():
                counts.rooms_opened += 1
            case events.RoomClosed():
                counts.rooms_closed += 1
            case events.SnapshotWritten():
                counts.snapshots += 1
            case events.SnapshotFailed():
                counts.snapshot_failures += 1
            case events.StoreFailed():
                counts.store_failures += 1
            case events.DivergenceFound():
                counts.divergences.add(event.kind)
            case events.DivergenceHealed():
                counts.healed.add(event.how)
            case events.Unexpected():
                counts.exceptions += 1

    def _observe(self, event: Event) -> None:
        histograms = self._histograms
        match event:
            case events.MemberJoined():
                histograms.join_seconds.observe(event.seconds, time.monotonic())
                exemplify(histograms.join_seconds, event.seconds, event.connection)
            case events.RoomOpened():
                histograms.room_open_seconds.observe(event.seconds, time.monotonic())
            case events.SnapshotWritten():
                histograms.snapshot_seconds.observe(event.seconds, time.monotonic())
            case events.UpdateApplied():  # every tick was observed; of this one it is known whose it was
                exemplify(histograms.edit_to_peer_seconds, event.seconds, event.connection, event.trace)


def exemplify(histogram: Histogram, value: float, connection: str, trace: str = "") -> None:
    """Keeps whose value this was: its trace, else its connection, else nobody's."""
    if trace or connection:
        label, name = ("trace_id", trace) if trace else ("connection", connection)
        histogram.exemplify(Exemplar(label, name, value, time.time()))
