"""The holding pen: clients that are refused and come back at once are held, unjoined, before they are refused again.

y-websocket 1.5 and 2.1 ignore close codes and reconnect 100 ms after every socket that opened (192 attempts in 20 s),
and 2.5 s after every one that did not. So the first refusal is quick, and a repetition is answered as quickly but
closed only after `hold_seconds`: at most four attempts a minute, and the reason is there from the start.
"""

from __future__ import annotations

from math import inf

from motet.gateway.settings import GatewaySettings


class HoldingPen:
    """Decides how a refusal is carried out. Pure: time is an argument (seconds)."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        # Key to the time of its last refusal, oldest first. Bounded by max_hold_keys: then the oldest is forgotten.
        # Hashes instead of keys, since those can be long, and secret.
        self._refused: dict[int, float] = {}
        self.held = 0

    def refuse(self, key: str, now: float, since: float = inf) -> float | None:
        """Seconds for which this refusal is to be held: 0 the first time. None: the pen is full, so HTTP 429.

        `key` may be several, a line each: who was refused by any of them comes again.
        `since` is when a socket was opened that is sent away: the second window of somebody was open before the first
        was refused, and is no repetition. A hold takes a place until `release`.
        """
        settings = self._settings
        before = -inf
        for part in key.split("\n"):
            mark = hash(part)
            before = max(before, self._refused.pop(mark, -inf))
            self._refused[mark] = now
        while len(self._refused) > settings.max_hold_keys:
            del self._refused[next(iter(self._refused))]
        if since < before or now - before > settings.hold_window_seconds:
            return 0.0
        if self.held >= settings.max_held:
            return None
        self.held += 1
        return settings.hold_seconds

    def release(self) -> None:
        """A held socket has ended."""
        self.held -= 1
