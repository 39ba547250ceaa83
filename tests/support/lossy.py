"""A proxy on loopback that loses WebSocket messages of the server, as no network does and a bug might."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from support.proxy import Proxy


class LossyProxy(Proxy):
    """Of what the server sends, messages whose payload `loses` are left out."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.loses: Callable[[bytes], bool] = lambda payload: False
        self.lost = 0
        """Messages so far."""

    async def _answer(self, number: int, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
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
