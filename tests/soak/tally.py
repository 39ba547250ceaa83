"""What the crowd counts, and the edits that are on their way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from soak.document import Edit, SharedDocument

FLIGHT = 30.0
"""Seconds for which arrivals of an edit are looked for."""


@dataclass(slots=True, eq=False)
class Flight:
    """An edit, since it was sent at a time (monotonic seconds)."""

    at: float
    edit: Edit
    document: SharedDocument
    measured: bool = True
    noted: bool = False
    """Others have it, or it is saved."""


@dataclass(slots=True)
class Tally:
    """Of everybody, from the beginning; latencies are those of this window, in milliseconds."""

    edits: int = 0
    acknowledged: int = 0
    cut: int = 0
    """Edits whose author's socket ended before their status."""
    joins: int = 0
    renewals: int = 0
    silences: int = 0
    """Times that a client heard nothing for so long that a real one hangs up."""
    sent_away: Counter[int] = field(default_factory=Counter)
    """By close code."""
    failed_joins: Counter[str] = field(default_factory=Counter)
    surprises: Counter[str] = field(default_factory=Counter)
    """What never should be: edits refused, documents denied, statuses of nothing."""
    broken: list[str] = field(default_factory=list)
    """Edits that were acknowledged and are not there."""
    to_ack: list[float] = field(default_factory=list)
    to_peer: list[float] = field(default_factory=list)
    flying: dict[tuple[int, int], Flight] = field(default_factory=dict)

    def fly(self, flight: Flight) -> Flight:
        """An edit leaves, whose arrivals are measured."""
        added = flight.edit.added
        self.flying[added.client, added.clock] = flight
        return flight

    def reached(self, flight: Flight, now: float) -> None:
        """A peer has it."""
        self.to_peer.append(1000 * (now - flight.at))
        self.note(flight)

    def saved(self, flight: Flight, now: float) -> None:
        """Its author was told that it is on disk."""
        self.acknowledged += 1
        if flight.measured:
            self.to_ack.append(1000 * (now - flight.at))
        flight.document.promise(flight.edit)
        self.note(flight)

    def note(self, flight: Flight) -> None:
        """From now on others may edit what it wrote."""
        if not flight.noted:
            flight.noted = True
            flight.document.note(flight.edit)

    def land(self, now: float) -> None:
        """Forgets what left long ago."""
        while self.flying:
            first = next(iter(self.flying))
            if now - self.flying[first].at < FLIGHT:
                return
            self.note(self.flying.pop(first))
