"""A proxy on loopback that loses WebSocket messages of the server, as no network does and a bug might."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class LossyProxy:
    """Forwards to `port`. Of what the server sends, messages whose payload `loses` are left out."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.loses: Callable[[bytes], bool] = lambda payload: False
        self.lost = 0
        """Messages so far."""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> LossyProxy:
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

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers += (writer, back)
        for work in (self._forward(reader, back), self._filter(there, writer)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            sink.write(data)
        sink.close()

    async def _filter(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            sink.write(await source.readuntil(b"\r\n\r\n"))
            while True:
                head = await source.readexactly(2)
                size = head[1]
                if size > 125:
                    length = await source.readexactly(2 if size == 126 else 8)
                    head, size = head + length, int.from_bytes(length, "big")
                payload = await source.readexactly(size)
                if self.loses(payload):
                    self.lost += 1
                else:
                    sink.write(head + payload)
        except asyncio.IncompleteReadError:
            sink.close()


def is_update(payload: bytes) -> bool:
    """Whether the message is a change that somebody made, in either dialect; names are short."""
    return payload.startswith(b"\0\2") or payload[1 + payload[0] :].startswith(b"\0\2")
