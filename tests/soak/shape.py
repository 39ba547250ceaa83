"""How large a soak is, and what its server is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from support.tokens import SECURED

SETTINGS = {
    **SECURED,
    "MOTET_ROOM_IDLE_SECONDS": "20",
    "MOTET_SNAPSHOT_BYTES": str(64 << 10),  # else a room of this load is compacted twice an hour
}
"""So that rooms are evicted and compacted all the time, not a few times an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A soak. Rates are per second, over all; times are seconds."""

    seconds: float
    warm_up: float
    """After which memory and latency are judged."""
    window: float = 10.0
    rooms: Mapping[int, int]
    """People in a room at one time, to the number of such rooms."""
    keeps_ids: bool = True
    """Devices have their Yjs client ids for ever; else each join is that of a new one, as after a page is loaded."""
    edits: float = 100.0
    cursors: float = 50.0
    leaves: float = 1.0
    stalls: float = 0.03
    """Members that stop reading for `stall_seconds`, while a colleague writes 6 MiB past them."""
    stall_seconds: float = 15.0
    chills: float = 0.2
    """Small rooms that everybody leaves, for so long that they are evicted."""
    chill_seconds: tuple[float, float] = (25.0, 60.0)
    token_seconds: tuple[float, float] = (120.0, 900.0)
    settings: Mapping[str, str] = field(default_factory=lambda: SETTINGS)

    @property
    def people(self) -> int:
        """How many there are when no room is cold."""
        return sum(size * count for size, count in self.rooms.items())


HOUR_OF_500 = {2: 16, 3: 16, 4: 8, 6: 8, 8: 6, 12: 5, 16: 4, 24: 3, 40: 3}
"""524 people in 69 rooms: while some rooms are cold about 500 are there."""


def hour(minutes: float, keeps_ids: bool) -> Shape:
    """The long soak; of 60 minutes the first 15 are its warm-up."""
    return Shape(seconds=minutes * 60, warm_up=minutes * 15, rooms=HOUR_OF_500, keeps_ids=keeps_ids)


SHORT = Shape(
    seconds=12,
    warm_up=4,
    window=1.0,
    rooms={2: 4, 4: 3, 8: 2, 4 + 8: 1},
    leaves=2.0,
    stalls=0.3,
    stall_seconds=2.0,
    chills=1.0,
    chill_seconds=(2.5, 4.0),
    token_seconds=(5.0, 20.0),
    settings={
        **SETTINGS,
        "MOTET_ROOM_IDLE_SECONDS": "1",
        "MOTET_PING_SECONDS": "3",
        "MOTET_PONG_SECONDS": "3",
        "MOTET_BEHIND_SECONDS": "10",
    },
)
"""48 people in 10 rooms, for the tests of every day; everything happens more often."""
