"""Waiting for a condition. A deadline bounds the waiting; it never asserts speed."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

DEADLINE = 30.0
"""Seconds: ten times what a loaded machine needs, since a passing test never waits for it."""
POLL = 0.02
"""Seconds between two looks."""


@overload
async def eventually(condition: Callable[[], Awaitable[T]], what: str, deadline: float = DEADLINE) -> T: ...
@overload
async def eventually(condition: Callable[[], T | None], what: str, deadline: float = DEADLINE) -> T: ...
async def eventually(condition: Callable[[], Any], what: str, deadline: float = DEADLINE) -> Any:
    """The first true value of `condition()`, which may be a coroutine function.

    An AssertionError inside it means "not yet"; at the deadline (seconds) it is raised, or one with the last value.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline
    while True:
        failed: AssertionError | None = None
        value = None
        try:
            found = condition()
            value = await found if inspect.isawaitable(found) else found
        except AssertionError as error:
            failed = error
        if failed is None and value:
            return value
        if loop.time() > end:
            raise AssertionError(f"not within {deadline:g} s: {what}; last seen: {failed or value!r}") from failed
        await asyncio.sleep(POLL)
