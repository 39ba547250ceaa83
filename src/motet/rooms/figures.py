"""A hub in numbers: for /metrics, and for the console's history."""

from __future__ import annotations

from motet.observability import Gauges, Levels
from motet.rooms.hub import Hub


def gauges(hub: Hub, sockets: int) -> Gauges:
    """What is so now. `sockets` are all that are open, those of who is being refused too. It looks at every seat."""
    rooms, journal = list(hub.served.values()), hub.journal.statistics()
    for served in rooms:
        served.traffic.settle(hub.counts)
    waiting = [seat.wire.buffered() for served in rooms for seat in served.seats.values()]
    refused = max(0, sockets - hub.open_connections.total())
    return Gauges(
        open_connections={**hub.open_connections, "refused": refused},
        rooms_loaded=len(rooms),
        rooms_without_members=sum([not served.seats for served in rooms]),
        members=len(waiting),
        people=hub.people,
        members_behind=sum([len(served.behind) for served in rooms]),
        loaded_bytes=sum([served.room.replica.size for served in rooms]),
        journal_bytes=journal.waiting_bytes,
        journal_rows=journal.waiting_rows,
        outbox_bytes=sum(waiting),
        outbox_max_bytes=max(waiting, default=0),
        read_only=int(hub.read_only),
        ready=int(not hub.health.reasons),
        loop_lag_seconds=hub.lag.worst,
        keys_failing=int(hub.keys_failing),
        disk_free_bytes=hub.disk_free,
    )


def levels(hub: Hub, sockets: int) -> Levels:
    """The part of them that costs next to nothing, so that it may be asked for every second."""
    rooms = hub.served.values()
    return Levels(
        connections=sockets,
        people=hub.people,
        members=sum([len(served.seats) for served in rooms]),
        rooms=len(rooms),
        behind=sum([len(served.behind) for served in rooms]),
        journal_bytes=hub.journal.statistics().waiting_bytes,
        loop_lag=hub.lag.worst,
    )
