"""How much is kept of what comes too often. Pure: the time is an argument."""

from __future__ import annotations

from typing import Final

MAX_NAMES: Final = 256
"""Names that are told apart in one window. Those beyond share one place, so that nobody who invents names is heard
more often, or takes memory."""
REST: Final = "others"
"""The name of that place."""


class Budget:
    """At most `limit` of each name in a window of `seconds`, which begins with the first of any name."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self.seconds = seconds
        self._spent: dict[str, int] = {}
        self._until = 0.0

    def allows(self, name: str, now: float) -> bool:
        """Spends one of this name, if there is one left. Ask `over` first."""
        if not self._spent:
            self._until = now + self.seconds
        if name not in self._spent and len(self._spent) >= MAX_NAMES:
            name = REST
        self._spent[name] = spent = self._spent.get(name, 0) + 1
        return spent <= self._limit

    def over(self, now: float) -> dict[str, int]:
        """How many of which name were not allowed, told once when their window has ended."""
        if not self._spent or now < self._until:
            return {}
        spent, self._spent = self._spent, {}
        return {name: number - self._limit for name, number in spent.items() if number > self._limit}
