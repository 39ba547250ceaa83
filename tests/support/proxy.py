"""A TCP proxy on loopback that fails as networks do."""

from __future__ import annotations

import asyncio
from typing import Self


class Proxy:
    """Forwards to `port`. Frozen connections stay open and pass nothing: half-open sockets."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._frozen = 0
        """Connections with a number below it are frozen."""
        self._accepted = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def ws_url(self) -> str:
        """Where clients connect."""
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def freeze(self) -> None:
        """From now on nothing passes on the connections that are open now; later ones work."""
        self._frozen = self._accepted

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = self._accepted
        self._accepted += 1
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers += (writer, back)
        for work in (self._forward(number, reader, back), self._answer(number, there, writer)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, number: int, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """What comes from the server."""
        await self._forward(number, source, sink)

    async def _hold(self) -> None:
        """What each piece of up to 64 KiB waits for: here, nothing."""

    async def _forward(self, number: int, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(1 << 16):
                await self._hold()
                if number >= self._frozen:
                    sink.write(data)
                    await sink.drain()
        except ConnectionError:
            pass  # one side is gone: so is the other, below
        if number >= self._frozen:
            sink.close()
