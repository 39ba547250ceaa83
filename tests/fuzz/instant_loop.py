"""An event loop in which waiting takes no time: when nothing is left to do, its clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Sequence
from typing import Final

_PATIENCE: Final = 0.01
"""Seconds after which a thread that is waited for is looked at again."""

Events = list[tuple[selectors.SelectorKey, int]]


class _Jumping(selectors.SelectSelector):
    """Waits by moving the clock; but for a thread it waits really."""

    def __init__(self, waits_for_threads: Callable[[], bool]) -> None:
        super().__init__()
        self.jumped = 0.0
        self._waits_for_threads = waits_for_threads

    def select(self, timeout: float | None = None) -> Events:
        if timeout is not None and timeout > 0:
            if self._waits_for_threads():
                return super().select(_PATIENCE)
            self.jumped += timeout
            timeout = 0.0
        return super().select(timeout)


class InstantLoop(asyncio.SelectorEventLoop):
    """`time()` begins at 1000 and is the same in every run. Keeps what nobody caught."""

    def __init__(self, waits_for_threads: Callable[[], bool] = lambda: False) -> None:
        """Without threads, or with somebody who knows whether one is at work."""
        self._jumping = _Jumping(waits_for_threads)
        super().__init__(self._jumping)
        self.complaints: list[str] = []
        self.watch()

    def watch(self) -> None:
        """Takes the place of whatever exception handler there is."""
        self.set_exception_handler(lambda loop, context: self.complaints.append(repr(context)))

    def time(self) -> float:
        return 1000.0 + self._jumping.jumped

    def end(self, tasks: Sequence[asyncio.Task[None]] = ()) -> None:
        """Cancels what is left, and closes."""
        for task in (*tasks, *asyncio.all_tasks(self)):
            task.cancel()
        self.run_until_complete(asyncio.sleep(0))
        self.run_until_complete(self.shutdown_asyncgens())
        self.close()
