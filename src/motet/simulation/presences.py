"""What the server says of presence on each connection: clocks rise, and nothing is said twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

from motet import varint
from motet.presence.awareness import GONE, scan
from motet.simulation.clock import Clock
from motet.simulation.network import Link

MEMORY: Final = 30.0
"""Seconds for which a lower clock cannot be a new beginning: ended entries are remembered for 60 [A10]."""

_BINARY: Final = 0x82
_AWARENESS: Final = 1


class Presences:
    """Of one world."""

    def __init__(self, clock: Clock, finds: Callable[[str], None]) -> None:
        self._clock = clock
        self._finds = finds
        self._told: WeakKeyDictionary[Link, dict[tuple[bytes, int], tuple[int, float]]] = WeakKeyDictionary()
        self._spoke: WeakKeyDictionary[Link, float] = WeakKeyDictionary()
        self.at_rest = False
        """Nobody comes, goes or is behind: there is no reason to repeat anything."""

    def silence(self, link: Link) -> float:
        """Seconds since the server's last message on it; 0 if there was none."""
        now = self._clock.seconds
        return now - self._spoke.get(link, now)

    def wrote(self, link: Link, frame: bytes, has_addresses: bool) -> None:
        """The server writes a frame."""
        if frame[0] != _BINARY:
            return
        self._spoke[link] = self._clock.seconds
        start = {126: 4, 127: 10}.get(frame[1], 2)
        size = frame[1] if start == 2 else int.from_bytes(frame[2:start])
        if len(frame) != start + size:
            return  # the head of a large one, which is none of presence
        room, at = varint.read_bytes(frame, start) if has_addresses else (b"", start)
        if frame[at] == _AWARENESS:
            self._update(link, room, varint.read_bytes(frame, at + 1)[0])

    def _update(self, link: Link, room: bytes, update: bytes) -> None:
        now, told = self._clock.seconds, self._told.setdefault(link, {})
        for span in scan(update):
            clock, at = told.get((room, span.client), (-1, 0.0))
            gone = update[span.state_at : span.end] == GONE
            if span.clock < clock and now - at < MEMORY:
                if gone:
                    continue  # a provocation [A9], overtaken by what it was to provoke
                self._finds(f"{link.address} was told of {span.client} at {clock}, and then at {span.clock}")
            elif self.at_rest and span.clock == clock and not gone:
                self._finds(f"{link.address} was told twice of {span.client} at {clock}")
            told[room, span.client] = span.clock, now
