"""Long work in short steps, so that rooms go on between them."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


async def run(steps: Generator[None, None, T]) -> T:
    """The result of what goes in steps; others run between them."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: T = done.value
            return result
        await asyncio.sleep(0)
