"""The listening socket, plain HTTP, signals and the order of a stop: uvicorn, around a Gateway."""

from __future__ import annotations

import asyncio
import functools
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import FrameType

import uvicorn
from uvicorn._types import ASGIApplication

from motet.errors import ConfigError
from motet.gateway.gateway import Gateway
from motet.gateway.http_protocol import HttpProtocol
from motet.gateway.settings import ListenSettings

_BACKLOG = 2048
_HTTP_SECONDS = 5
"""For HTTP requests under way at a stop."""
_UDS_MODE = 0o666
"""As other servers do: the proxy runs as another user, and who may reach the socket is up to its directory."""


async def _nothing() -> None:
    return None


class Server:
    """Serves an ASGI application over HTTP and a Gateway's WebSockets on one socket, in one process.

    A stop (SIGTERM, SIGINT, `stop`): no new connections, `on_drain` (turn /readyz red), everybody is sent away,
    `on_stopped` (nobody is connected any more: finish what they left), then the application's lifespan ends.
    A second signal sends them away at once; `on_stopped` still runs.
    """

    def __init__(
        self,
        app: ASGIApplication,
        gateway: Gateway,
        listen: ListenSettings,
        on_drain: Callable[[], Awaitable[None]] = _nothing,
        on_stopped: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        self.started = asyncio.Event()
        """Set when the socket listens."""
        self.port = 0
        """The real one, once started; 0 with a unix socket."""
        self._uvicorn = _Uvicorn(_config(app, listen), gateway, listen, self, on_drain, on_stopped)

    async def serve(self) -> None:
        """Serves until it is stopped. In the main thread it handles SIGTERM and SIGINT.

        Raises ConfigError where it cannot listen; its message says why.
        """
        await self._uvicorn.serve()

    def stop(self, at_once: bool = False) -> None:
        """Begins the stop; `at_once` cuts it short."""
        self._uvicorn.should_exit = True
        self._uvicorn.force_exit = self._uvicorn.force_exit or at_once


async def send_away(
    gateway: Gateway,
    on_drain: Callable[[], Awaitable[None]],
    on_stopped: Callable[[], Awaitable[None]],
    hurry: Callable[[], bool],
) -> None:
    """The stop of all but HTTP, in its order (see `Server`); `hurry` says whether it is to be cut short."""
    gateway.refuse_newcomers()
    await on_drain()
    await gateway.drain(hurry)
    gateway.stop()
    await on_stopped()


def _config(app: ASGIApplication, listen: ListenSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws=asyncio.Protocol,  # not None, so that uvicorn asks the HTTP protocol to upgrade, which needs no other
        lifespan="auto",
        workers=1,  # or WEB_CONCURRENCY would say
        root_path=listen.root_path.rstrip("/"),
        ssl_certfile=listen.tls_cert,
        ssl_keyfile=listen.tls_key,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_HTTP_SECONDS,
    )


class _Uvicorn(uvicorn.Server):
    """uvicorn's server, but for how it listens, hears signals and stops."""

    def __init__(
        self,
        config: uvicorn.Config,
        gateway: Gateway,
        listen: ListenSettings,
        front: Server,
        on_drain: Callable[[], Awaitable[None]],
        on_stopped: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._listen_at = listen
        self._front = front
        self._on_drain = on_drain
        self._on_stopped = on_stopped

    async def _serve(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            if not self.config.loaded:
                self.config.load()
        except OSError as error:  # ssl.SSLError is one too
            raise ConfigError(f"the TLS certificate or key cannot be used: {error}") from None
        await super()._serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's own ends the process where it cannot listen, and takes no time limit for TLS handshakes."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise ConfigError("the application did not start")
        try:
            self.servers = [await self._listen()]
        except OSError as error:
            await self.lifespan.shutdown()
            raise ConfigError(f"cannot listen on {self._where()}: {error}") from None
        name = self.servers[0].sockets[0].getsockname()
        self._front.port = name[1] if isinstance(name, tuple) else 0
        self._gateway.start()
        self.started = True
        self._front.started.set()

    async def _listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        protocol = functools.partial(HttpProtocol, self._gateway, self.config, self.server_state, self.lifespan.state)
        tls = self.config.ssl
        handshake = self._gateway.settings.head_seconds if tls else None
        uds = self._listen_at.uds
        if uds is None:
            return await loop.create_server(
                protocol,
                self._listen_at.host,
                self._listen_at.port,
                ssl=tls,
                ssl_handshake_timeout=handshake,
                backlog=_BACKLOG,
            )
        _must_be_free(str(uds))
        server = await loop.create_unix_server(
            protocol, str(uds), ssl=tls, ssl_handshake_timeout=handshake, backlog=_BACKLOG
        )
        uds.chmod(_UDS_MODE)
        return server

    def _where(self) -> str:
        listen = self._listen_at
        return str(listen.uds) if listen.uds is not None else f"{listen.host} port {listen.port}"

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await send_away(self._gateway, self._on_drain, self._on_stopped, hurry=lambda: self.force_exit)
        await super().shutdown(sockets)
        if self.force_exit:
            # uvicorn leaves it out then, and the application hears of a cancelled task instead.
            await self.lifespan.shutdown()
        if self._listen_at.uds is not None:
            with suppress(FileNotFoundError):
                os.unlink(self._listen_at.uds)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal drains, the second hurries; the process then ends by itself, not by the signal."""
        self.force_exit = self.should_exit
        self.should_exit = True


def _must_be_free(path: str) -> None:
    """Raises OSError where somebody listens on this unix socket; a file that a dead server left is no obstacle."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return
    raise OSError("another process listens there")
