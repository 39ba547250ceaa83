"""The bounds of one room, and the bytes that it knows by heart."""

from __future__ import annotations

from dataclasses import dataclass

NO_CHANGE = b"\0\0"
"""The update without structs and deletes."""

NO_STRUCTS = b"\0"
"""How an update begins that only deletes: what is over its quota may shrink, and every reader's sync step 2 repeats the
deletes that it knows."""

KEEP_ALIVE = 15.0
"""Seconds; clients hang up after 30 s without a message of the application [R7]."""

PARKED = 5.0
"""Seconds that an update may wait for what it refers to until its author is asked, and again until that goes [R5]."""


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """Bounds of one room; names as in `motet.config.Settings`."""

    max_update_bytes: int
    max_room_bytes: int
    max_members: int
    behind_seconds: float
