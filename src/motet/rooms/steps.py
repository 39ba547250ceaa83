"""Long work in short steps, so that rooms go on between them."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TypeVar

PAUSE = 0.002
"""Seconds between two steps, which take a millisecond or two: what nobody waits for gets a half of the loop at most."""

T = TypeVar("T")


async def run(steps: Generator[None, None, T], pause: float | None = None) -> T:
    """The result of what goes in steps; others run between them, for `pause` seconds (PAUSE)."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: T = done.value
            return result
        await asyncio.sleep(PAUSE if pause is None else pause)
