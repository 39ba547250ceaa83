"""The whole server but for its listening socket and its disk: what a peer sends goes through the real HTTP protocol,
gateway, API and rooms, and what it would get back is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final, cast

import anyio.to_thread
import jwt
from instant_loop import InstantLoop
from uvicorn._types import ASGIApplication
from uvicorn.server import ServerState

from motet.api import Console, build
from motet.app import App
from motet.config import Settings
from motet.crdt import Documents, View
from motet.gateway import ListenSettings
from motet.gateway.http_protocol import HttpProtocol
from motet.gateway.server import _config
from motet.observability import Event, History, Recent, Unexpected
from motet.persistence import MemoryStore
from motet.rooms import Inspection

SECRET: Final = "0123456789abcdef0123456789abcdef"
SETTINGS: Final = {
    "secret": SECRET,
    "allowed_origins": ("https://app.example",),
    "auth_cookie": "motet",
    "trusted_proxies": ("10.0.0.1",),
    "max_room_bytes": 64 << 10,
    "convergence_seconds": 0.0,
}


def token(user: str, role: str) -> str:
    """A token for all rooms that does not end, and is the same in every run."""
    claims = {"sub": user, "rooms": {"**": role}, "exp": 250_000_000_000, "iat": 1, "jti": user}
    return jwt.encode(claims, SECRET, "HS256")


class Transport(asyncio.Transport):
    """A socket's two ends: what was written, and what is to be read while somebody reads."""

    def __init__(self, loop: asyncio.AbstractEventLoop, peer: str) -> None:
        super().__init__({"peername": (peer, 5000), "sockname": ("10.0.0.2", 80)})
        self.written = bytearray()
        self._loop = loop
        self._protocol: asyncio.BaseProtocol = asyncio.BaseProtocol()
        self._unread = bytearray()
        self._paused = False
        self._closing = False

    # what the server calls

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not self._closing:
            self.written += data

    def writelines(self, parts: Any) -> None:
        for part in parts:
            self.write(part)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(lambda: self._protocol.connection_lost(None))

    def abort(self) -> None:
        self.close()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None: ...

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        if self._unread:
            self._loop.call_soon(self._read)

    # what the peer does

    def feed(self, data: bytes) -> None:
        """These bytes come."""
        self._unread += data
        self._read()

    def _read(self) -> None:
        while self._unread and not self._paused and not self._closing:
            protocol = self._protocol
            if isinstance(protocol, asyncio.BufferedProtocol):
                buffer = memoryview(protocol.get_buffer(-1))
                size = min(len(buffer), len(self._unread))
                buffer[:size] = self._unread[:size]
                del self._unread[:size]
                protocol.buffer_updated(size)
            else:
                assert isinstance(protocol, asyncio.Protocol)
                data, self._unread = bytes(self._unread), bytearray()
                protocol.data_received(data)


class Views(Documents):
    """Views without a worker: of what is in them nothing depends."""

    async def view(
        self, encoded: bytes | Sequence[bytes], view: View, root: str | None = None, timeout: float = 0.0
    ) -> str:
        return "0" * 64 if view is View.HASH else "{}"


class Log(logging.Handler):
    """What was logged as an error: of what the frame parser's library catches there is no other trace."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != "asyncio":  # loops of other tests: ours says what it has to say in its complaints
            self.told.append(self.format(record))


class Site:
    """The server. It is made once, and emptied after each input."""

    def __init__(self) -> None:
        self.loop = InstantLoop(self._waits_for_threads)
        self.unexpected: list[Unexpected] = []
        self.log = Log()
        logging.getLogger().addHandler(self.log)
        self.loop.run_until_complete(self._assemble())

    async def _assemble(self) -> None:
        self._app = App(Settings.model_validate(SETTINGS))
        self._threads = anyio.to_thread.current_default_thread_limiter()
        self._store, documents = MemoryStore(), Views()
        self.gateway = await self._app.assemble(self._store, documents, self._observe)
        self.loop.watch()  # assemble() has the hub's own handler told of what nobody caught
        self.hub = self._app.hub
        self.hub.now = self.loop.time
        acts = self._app.administration
        acts.set_log_level = lambda level, minutes, by: None  # type: ignore[method-assign]
        history = History(self.hub.counts, self.hub.histograms, 0.0)
        console = Console(self.hub, Inspection(self.hub, Recent()), acts, history, documents)
        app = cast(ASGIApplication, build(console, lambda: 0, self._app.origins))
        self._config = _config(app, ListenSettings(root_path="/motet"))
        self._config.load()
        self._state = ServerState()

    def _observe(self, event: Event) -> None:
        if isinstance(event, Unexpected):
            self.unexpected.append(event)

    def faults(self) -> list[object]:
        """What went wrong since this was asked, and nobody designed."""
        found: list[object] = []
        for told in (self.unexpected, self.loop.complaints, self.log.told):
            found += told
            told.clear()
        return found

    def _waits_for_threads(self) -> bool:
        return hasattr(self, "_threads") and self._threads.borrowed_tokens > 0

    def connect(self, peer: str) -> Transport:
        """A new socket."""
        transport = Transport(self.loop, peer)
        protocol = HttpProtocol(self.gateway, self._config, self._state, {}, self.loop)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        return transport

    async def empty(self) -> None:
        """Everybody has left, nothing is under way, and nothing is remembered."""
        for transport in list(self.gateway._heads):
            transport.abort()
        for wire in list(self.gateway._wires):
            wire.abort()
        await asyncio.sleep(70.0)
        assert not self._state.connections and not self._state.tasks
        assert self.gateway.statistics().connections == self.gateway.statistics().heads == 0
        assert not +self.hub.open_connections
        for served in list(self.hub.served.values()):
            assert not served.seats
            self.hub.let_go(served)
        for held in (self._store._rooms, self._store._tombstones, self._store._records):
            held.clear()
        rulings = self.hub.access.rulings
        for ruled in (rulings._users, rulings._rooms, rulings._tokens, rulings._roles, self.gateway._pen._refused):
            ruled.clear()
