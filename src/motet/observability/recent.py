"""What was refused lately, by room: the first question of whoever is asked why somebody cannot edit."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass

from motet.observability.events import AccessEnded, AccessRefused, EditRefused, Event

PER_ROOM = 50
"""Refusals kept of a room; beyond it the oldest goes."""

ROOMS = 1000
"""Rooms of which any are kept; beyond it the one that was quiet for longest goes."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Somebody was not let in, had to go, or made an edit that was not taken."""

    at: float
    """Seconds since the epoch."""
    user: str
    reason: str
    address: str


class Recent:
    """A listener that remembers refusals."""

    def __init__(self) -> None:
        self._rooms: OrderedDict[str, deque[Refusal]] = OrderedDict()

    def __call__(self, event: Event) -> None:
        if isinstance(event, AccessRefused | AccessEnded | EditRefused) and event.room:
            kept = self._rooms.pop(event.room, None)
            if kept is None:
                kept = deque(maxlen=PER_ROOM)
                if len(self._rooms) >= ROOMS:
                    self._rooms.popitem(last=False)
            self._rooms[event.room] = kept
            kept.append(Refusal(time.time(), event.user, event.reason, event.address))

    def of(self, room: str) -> list[Refusal]:
        """The newest refusals in a room, the newest first."""
        return list(reversed(self._rooms.get(room, ())))
