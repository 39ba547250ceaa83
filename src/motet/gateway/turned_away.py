"""The Connection of somebody who is refused over an open WebSocket."""

from __future__ import annotations

import asyncio

from motet.gateway.holding import HoldingPen
from motet.gateway.port import Refusal, Wire


class TurnedAway:
    """Says why, closes with the error's code after `seconds`, and hears nothing meanwhile."""

    pending = False
    """The pen bounds those that are held."""

    def __init__(self, refusal: Refusal, seconds: float, pen: HoldingPen) -> None:
        self._refusal = refusal
        self._seconds = seconds
        self._pen = pen
        self._end: asyncio.TimerHandle | None = None

    def opened(self, wire: Wire) -> None:
        """Tells the reason; at the end of the hold it closes."""
        error = self._refusal.error
        for frame in self._refusal.frames:
            wire.write(frame)
        if self._seconds:
            loop = asyncio.get_running_loop()
            self._end = loop.call_later(self._seconds, wire.close, error.code, str(error))
        else:
            wire.close(error.code, str(error))

    def received(self, payload: bytes) -> None:
        """Drops it."""

    def oversized(self, size: int, head: bytes) -> None:
        """Nothing was going to be read anyway."""

    def congested(self) -> None:
        """Nothing more will be written."""

    def drained(self) -> None:
        """Nothing more will be written."""

    def heard(self) -> None:
        """A held peer that is there is as good as one that is not."""

    def closed(self, code: int, clean: bool) -> None:
        """Frees the place in the pen."""
        if self._end is not None:
            self._end.cancel()
        if self._seconds:
            self._pen.release()
