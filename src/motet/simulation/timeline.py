"""What is to happen in a world, in the order of virtual time."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from math import inf

from motet.simulation.clock import Clock


class Event:
    """Something that will happen. Implements `ports.Timer`."""

    __slots__ = ("at", "call", "number")

    def __init__(self, at: float, number: int, call: Callable[[], None] | None) -> None:
        self.at = at
        self.number = number
        self.call = call

    def cancel(self) -> None:
        self.call = None

    def __lt__(self, other: Event) -> bool:
        return (self.at, self.number) < (other.at, other.number)


class Timeline:
    """The events of a world. Implements `ports.Timers`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: list[Event] = []
        self._numbers = count()

    def now(self) -> float:
        return self._clock.seconds

    def later(self, seconds: float, call: Callable[[], None]) -> Event:
        event = Event(self._clock.seconds + seconds, next(self._numbers), call)
        heappush(self._events, event)
        return event

    def step(self, until: float) -> bool:
        """Has the next event happen if it is due by then; else it is then. False: nothing will happen any more."""
        events = self._events
        while events and events[0].call is None:
            heappop(events)
        if events and events[0].at <= until:
            event = heappop(events)
            self._clock.seconds = max(self._clock.seconds, event.at)
            call, event.call = event.call, None
            assert call is not None
            call()
        elif until < inf:
            self._clock.seconds = max(self._clock.seconds, until)
        return bool(events)

    def leap(self, seconds: float) -> None:
        """The machines sleep: time has passed when they wake up, and all that was due is."""
        self._clock.seconds += seconds
