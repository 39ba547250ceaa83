"""A gateway over real sockets, an application that records what it is told, and a client that sends any bytes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from motet.gateway import Accept, Connection, Gateway, GatewaySettings, ListenSettings, Server, Upgrade, Wire
from motet.gateway.settings import MIB

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
DEADLINE = 30.0
"""Seconds that anything may take on a loaded machine."""

Scope = MutableMapping[str, Any]


def message(payload: bytes) -> bytes:
    """A binary message as the server's side frames it."""
    size = len(payload)
    if size < 126:
        return bytes((0x82, size)) + payload
    if size < 1 << 16:
        return bytes((0x82, 126)) + size.to_bytes(2) + payload
    return bytes((0x82, 127)) + size.to_bytes(8) + payload


def client_frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """A frame as a client sends it; the mask is zero, which every server must be able to undo."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    bit, size = (0x80 if masked else 0), len(payload)
    if size < 126:
        head = bytes((first, bit | size))
    elif size < 1 << 16:
        head = bytes((first, bit | 126)) + size.to_bytes(2)
    else:
        head = bytes((first, bit | 127)) + size.to_bytes(8)
    return head + (bytes(4) if masked else b"") + payload


def request(path: str = "/ws/room", *headers: str, version: str = "HTTP/1.1", method: str = "GET") -> bytes:
    """An upgrade request; a header given here replaces the usual one of that name."""
    usual = [
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
    ]
    given = {h.partition(":")[0].lower() for h in headers}
    lines = [f"{method} {path} {version}", *(h for h in usual if h.partition(":")[0].lower() not in given), *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _echo(payload: bytes) -> bytes | None:
    return payload


def _ignore(wire: Wire) -> None:
    return None


@dataclass(eq=False)
class Recorder:
    """A Connection that remembers everything, and answers with what `reply` returns (it echoes, at first)."""

    upgrade: Upgrade | None = None
    messages: list[bytes] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    oversizes: list[tuple[int, bytes]] = field(default_factory=list)
    ends: list[tuple[int, bool]] = field(default_factory=list)
    pending: bool = False
    reply: Callable[[bytes], bytes | None] = _echo
    on_oversized: Callable[[Wire], None] = _ignore

    def opened(self, wire: Wire) -> None:
        self.wire = wire
        self.events.append("opened")

    def received(self, payload: bytes) -> None:
        self.messages.append(payload)
        answer = self.reply(payload)
        if answer is not None:
            self.wire.write(message(answer))

    def oversized(self, size: int, head: bytes) -> None:
        self.oversizes.append((size, head))
        self.on_oversized(self.wire)

    def congested(self) -> None:
        self.events.append("congested")

    def drained(self) -> None:
        self.events.append("drained")

    def heard(self) -> None:
        self.events.append("heard")

    def closed(self, code: int, clean: bool) -> None:
        self.ends.append((code, clean))


async def hello(
    scope: Scope, receive: Callable[[], Awaitable[Scope]], send: Callable[[Scope], Awaitable[None]]
) -> None:
    """An ASGI application that answers with the path it was asked for."""
    if scope["type"] == "lifespan":
        while True:
            event = await receive()
            await send({"type": event["type"] + ".complete"})
            if event["type"] == "lifespan.shutdown":
                return
    body = str(scope["path"]).encode()
    head = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Running:
    """A server that runs in the test's event loop."""

    server: Server
    gateway: Gateway
    task: asyncio.Task[None]
    listen: ListenSettings
    recorders: list[Recorder]

    @property
    def last(self) -> Recorder:
        """The side of the newest connection that the application sees."""
        return self.recorders[-1]

    @property
    def port(self) -> int:
        return self.server.port

    async def connect(self, context: ssl.SSLContext | None = None) -> Raw:
        """A socket that has sent nothing."""
        name = "localhost" if context else None
        if self.listen.uds is not None:
            return Raw(*await asyncio.open_unix_connection(str(self.listen.uds), ssl=context, server_hostname=name))
        return Raw(*await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=name))

    async def open(self, path: str = "/ws/room", *headers: str, context: ssl.SSLContext | None = None) -> Raw:
        """An open WebSocket."""
        raw = await self.connect(context)
        raw.send(request(path, *headers))
        answer = await raw.head()
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        return raw


@asynccontextmanager
async def running(
    accept: Accept | None = None,
    listen: ListenSettings | None = None,
    on_drain: Callable[[], Awaitable[None]] | None = None,
    on_stopped: Callable[[], Awaitable[None]] | None = None,
    app: Any = None,
    **limits: Any,
) -> AsyncIterator[Running]:
    """A server with these limits, on a free port; its connections are Recorders unless `accept` says otherwise."""
    recorders: list[Recorder] = []

    async def record(upgrade: Upgrade) -> Connection:
        recorders.append(Recorder(upgrade))
        return recorders[-1]

    settings = GatewaySettings(**{"sweep_seconds": 0.02, "max_message_bytes": MIB, "drain_seconds": 0.1} | limits)
    gateway = Gateway(accept or record, settings)
    listen = listen or ListenSettings(port=0)
    hooks = {"on_drain": on_drain, "on_stopped": on_stopped}
    server = Server(app or hello, gateway, listen, **{name: hook for name, hook in hooks.items() if hook is not None})
    task = asyncio.create_task(server.serve())
    started = asyncio.create_task(server.started.wait())
    await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        started.cancel()
        await task
    try:
        yield Running(server, gateway, task, listen, recorders)
    finally:
        server.stop(at_once=True)
        await asyncio.wait_for(task, DEADLINE)


class Raw:
    """A client that sends what it is told to, right or wrong."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        """These bytes."""
        self.writer.write(data)

    def frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True) -> None:
        """This frame."""
        self.send(client_frame(opcode, payload, fin=fin, rsv=rsv, masked=masked))

    async def head(self) -> bytes:
        """The head of an HTTP answer."""
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), DEADLINE)

    async def answer(self) -> tuple[int, bytes, bytes]:
        """An HTTP answer to the end of the stream: status, head, body."""
        head, _, body = (await self.rest()).partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), head, body

    async def next(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload. All frames of the server are whole and unmasked."""
        return await asyncio.wait_for(self._next(), DEADLINE)

    async def _next(self) -> tuple[int, bytes]:
        first, size = await self.reader.readexactly(2)
        assert first & 0xF0 == 0x80 and size < 128, (first, size)
        if size > 125:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8))
        return first & 0x0F, await self.reader.readexactly(size)

    async def close_code(self) -> tuple[int, str]:
        """Code and reason of the CLOSE that comes next, messages aside."""
        opcode, payload = await self.next()
        while opcode != CLOSE:
            opcode, payload = await self.next()
        return int.from_bytes(payload[:2]), payload[2:].decode()

    async def rest(self) -> bytes:
        """Everything to the end of the stream."""
        return await asyncio.wait_for(self.reader.read(-1), DEADLINE)

    def abort(self) -> None:
        """Ends the socket with a reset."""
        self.writer.transport.abort()


def trust(cert: Path) -> ssl.SSLContext:
    """A client's TLS context that trusts this certificate."""
    return ssl.create_default_context(cafile=str(cert))
