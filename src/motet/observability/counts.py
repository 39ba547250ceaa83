"""What the hot path adds up: plain integers, so that counting costs nothing that can be measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Totals since the start of the process. Each is a metric of the same name (`motet_<name>_total`)."""

    connections: int = 0
    """WebSockets opened."""
    refused: int = 0
    """Connections, or documents of one, that were not let in."""
    messages_in: int = 0
    """WebSocket messages received."""
    bytes_in: int = 0
    """Bytes in them."""
    frames_out: int = 0
    """Frames written to members."""
    rows: int = 0
    """Log rows handed to the journal."""
    congested: int = 0
    """Times that a member's write buffer went over its mark."""
    dismissed: int = 0
    """Members that were told to go."""
    rooms_opened: int = 0
    """Rooms that came into memory."""
    rooms_closed: int = 0
    """Rooms that left it."""
    snapshots: int = 0
    """Snapshots written."""
    store_failures: int = 0
    """Submissions that did not reach the disk."""
