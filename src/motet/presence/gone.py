"""Entries that have ended, remembered for a while."""

from __future__ import annotations

from motet.presence.awareness import GONE, write_entry

REMEMBERED = 60.0
"""Seconds an ended entry is remembered: longer than an echo is in flight or a client waits to raise its clock."""

_LIMIT = 1024


class Gone:
    """The clocks at which entries ended.

    Clients accept a null at the clock they know, and after it nothing at that clock or below. So an entry that comes
    at such a clock is an echo from before the end, or its client has returned and must be made to raise the clock.
    """

    __slots__ = ("_ended",)

    def __init__(self) -> None:
        # Bounded, oldest first; when it is full the oldest goes, and a late echo could show that entry for 30 s again.
        self._ended: dict[int, tuple[int, float]] = {}

    def add(self, client: int, clock: int, now: float) -> None:
        """An entry ended at this clock."""
        self._ended.pop(client, None)
        self._ended[client] = (clock, now)
        if len(self._ended) > _LIMIT:
            del self._ended[next(iter(self._ended))]

    def clock(self, client: int) -> int | None:
        """The clock at which a client's entry ended."""
        ended = self._ended.get(client)
        return None if ended is None else ended[0]

    def forget(self, client: int) -> None:
        """The client is here again, at a higher clock."""
        self._ended.pop(client, None)

    def expire(self, now: float) -> None:
        """Forgets what ended long ago."""
        while self._ended:
            client, (_, at) = next(iter(self._ended.items()))
            if now - at < REMEMBERED:
                return
            del self._ended[client]

    def written(self) -> list[bytes]:
        """The ends, as entries of an update."""
        return [write_entry(client, clock, GONE) for client, (clock, _) in self._ended.items()]
