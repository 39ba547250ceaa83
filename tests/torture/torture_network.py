"""A network between clients and a server that is slow, stands still and breaks, when it is told to."""

from __future__ import annotations

import asyncio

from support.proxy import Proxy


class Network(Proxy):
    """A proxy on loopback. All its links have the same troubles."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.delay = 0.0
        """Seconds that each piece of up to 64 KiB takes more, on each way."""
        self._flows = asyncio.Event()
        self._flows.set()

    def stall(self, does: bool) -> None:
        """From now on nothing passes on any link, old or new, or all that waits does."""
        (self._flows.clear if does else self._flows.set)()

    def reset(self) -> None:
        """All links break at once."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _hold(self) -> None:
        await asyncio.sleep(self.delay)
        await self._flows.wait()
