"""An event loop in virtual time: when it has nothing to do the world goes on, up to the time of its next timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from motet.simulation.clock import Clock

Idle = Callable[[float | None], None]
"""The world goes on for at most so many seconds (0: what is due now; None: until something happens)."""

Work = Callable[[object, Callable[[], Callable[[], None]]], None]
"""Has a call made later on behalf of an executor, whose calls keep their order; and, later still, what the call gives:
it tells the loop of the outcome."""


class _Selector:
    """What asyncio waits in, for sockets that there are none of."""

    def __init__(self, idle: Idle) -> None:
        self._idle = idle

    def select(self, timeout: float | None) -> list[Any]:  # asyncio's own; always empty
        self._idle(timeout)
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """One process's loop. What `idle` raises ends `run_forever` at once: the process has died."""

    def __init__(self, clock: Clock, idle: Idle, work: Work) -> None:
        super().__init__()
        self._clock = clock
        self._work = work
        self._selector = _Selector(idle)

    def time(self) -> float:
        """Virtual seconds."""
        return self._clock.seconds

    def run_in_executor(self, executor: object, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Calls in this very thread, at a moment that the world chooses."""
        outcome = self.create_future()

        def call() -> Callable[[], None]:
            try:
                settle = partial(outcome.set_result, func(*args))
            except Exception as error:  # noqa: BLE001 - as an executor does: it is raised where the outcome is awaited
                settle = partial(outcome.set_exception, error)
            return lambda: None if outcome.done() else settle()

        self._work(executor, call)
        return outcome

    def _process_events(self, events: list[Any]) -> None:
        """Of sockets there are none."""

    def _write_to_self(self) -> None:
        """Nobody wakes it up from another thread."""

    def bury(self) -> None:
        """The process has died: nothing of it is ever run again."""
        self.set_exception_handler(lambda loop, context: None)
        self._ready.clear()  # type: ignore[attr-defined]
        self._scheduled.clear()  # type: ignore[attr-defined]
