"""Answers that take long: so many at once, and none for a reader that does not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from motet.errors import TryLater

PATIENCE: Final = 30.0
"""Seconds in which a reader takes at least a part of what is sent."""


class Places:
    """How many there may be at once. One more is told to try later: nothing is queued."""

    def __init__(self, most: int, what: str) -> None:
        """`what` they are, in the plural, for whoever finds none."""
        self._most = most
        self._what = what
        self.taken = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of them. Raises TryLater."""
        if self.taken >= self._most:
            raise TryLater(f"{self._most} {self._what} are under way")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class HeldResponse(StreamingResponse):
    """Holds a place until its end, its reader's, or that of PATIENCE: what waits for the reader is bounded by the
    socket's buffer and one part."""

    def __init__(
        self, places: Places, parts: AsyncIterable[bytes], media_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(parts, headers=headers, media_type=media_type)
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises TryLater before anything is sent."""

        async def patiently(message: Message) -> None:
            async with asyncio.timeout(PATIENCE):
                await send(message)

        # The place is taken here, not by the route: a reader that has gone by now would never give it back.
        with self._places.place(), suppress(TimeoutError):  # the answer is cut short, and so is the connection
            await super().__call__(scope, receive, patiently)
