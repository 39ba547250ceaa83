"""The composition root: the one module that names implementations, and the order in which they start and stop."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import os
import time
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import cast

import structlog
from uvicorn._types import ASGIApplication

from motet import __version__
from motet.access import (
    ADMINISTRATION,
    KIND,
    Access,
    Authenticator,
    Credentials,
    Grant,
    OpenAccess,
    Origins,
    Proxies,
    Roles,
    Rulings,
    token_of,
)
from motet.access.sources import Sources, authenticator_of
from motet.api import Console, build
from motet.config import Settings
from motet.crdt import Documents, Replica, update_of_file
from motet.errors import ConfigError, Forbidden, MalformedUpdate, MotetError
from motet.gateway import Connection, Gateway, GatewaySettings, ListenSettings, Refusal, Server, Upgrade
from motet.ids import RoomName, is_room_name
from motet.observability import LOGS, AccessRefused, Drained, Fan, Observer, Recent, sentry, tracing, write_line
from motet.persistence import Journal, SqliteStore, Store, free_bytes
from motet.rooms import (
    Administration,
    Administrator,
    Convergence,
    HocuspocusConnection,
    Hub,
    Inspection,
    Keeper,
    Served,
    Watch,
    YjsConnection,
)
from motet.sync import YJS, frame

log = structlog.get_logger("motet")

YJS_PATH = "/ws/"
HOCUSPOCUS_PATH = "/hocuspocus"


def check(settings: Settings) -> None:
    """Raises ConfigError, with what to do, for settings that must not be served with."""
    if settings.workers != 1:
        raise ConfigError(
            "workers must be 1: a room lives in one process's memory, and a second worker would serve a second copy. "
            "One worker carries thousands of people; more machines come with a shared store."
        )
    authenticated = is_authenticated(settings)
    if not authenticated and not settings.open:
        raise ConfigError(
            "there is no way to tell who someone is: no authentication is configured. Set MOTET_SECRET, "
            "MOTET_PUBLIC_KEY_FILE, MOTET_JWKS_URL, MOTET_AUTH_URL or MOTET_AUTH_CALLABLE. "
            "To try Motet on this machine, add --open: everybody who reaches it may edit every room."
        )
    if authenticated and settings.open:
        raise ConfigError("--open lets everybody edit, and authentication is configured too: remove one of the two")
    if settings.auth_cookie is not None and not settings.allowed_origins:
        raise ConfigError(
            "auth_cookie needs allowed_origins: a browser adds the cookie to what any page asks for, "
            "so it says who someone is only where it is known which pages may ask"
        )
    if settings.open and not settings.open_to_the_network and settings.uds is None and not _is_loopback(settings.host):
        raise ConfigError(
            f"--open lets everybody edit, so it listens on loopback only, and {settings.host} is not. "
            "Use --host 127.0.0.1, or --open-to-the-network if all who can reach this machine may edit every room."
        )
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise ConfigError("TLS needs both --tls-cert and --tls-key")
    for name, file in (("tls-cert", settings.tls_cert), ("tls-key", settings.tls_key)):
        if file is not None and not file.is_file():
            raise ConfigError(f"--{name} names {file}, and there is no such file")


def is_authenticated(settings: Settings) -> bool:
    """Whether the settings say how to find out who someone is."""
    sources = (
        settings.secret,
        settings.secret_file,
        settings.public_key_file,
        settings.jwks_url,
        settings.auth_url,
        settings.auth_callable,
    )
    return any(source is not None for source in sources)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def seeds(templates: dict[str, Path]) -> dict[str, bytes]:
    """The update of each template, read and checked once at the start. Raises ConfigError."""
    found = {}
    for pattern, path in templates.items():
        found[pattern] = update_of_file(path)
        try:
            Replica().take(found[pattern], 0)
        except MalformedUpdate as e:
            raise ConfigError(f"the template {path} for rooms {pattern!r} is no Yjs update: {e}") from None
    return found


class App:
    """The whole server: made, then `run` until it is told to stop."""

    def __init__(self, settings: Settings) -> None:
        check(settings)
        self.settings = settings
        self.roles = Roles(settings.roles, settings.lanes)
        self.sources: Sources | None = authenticator_of(settings, self.roles)
        on_loopback = settings.open and not settings.open_to_the_network and settings.uds is None
        self.origins = Origins(settings.allowed_origins, loopback_pages=on_loopback)
        self.proxies = Proxies(settings.trusted_proxies)
        self._templates = seeds(settings.templates)

    def seed(self, name: RoomName) -> bytes | None:
        """What a new room begins with: the first template whose pattern fits its name."""
        for pattern, data in self._templates.items():
            if fnmatchcase(name, pattern):
                return data
        return None

    async def accept(self, upgrade: Upgrade) -> Connection:
        """Which connection an upgrade becomes, by its path."""
        origin = upgrade.headers.get("origin")
        if not self.origins.allows(origin, upgrade.headers.get("host")):
            error = Forbidden("pages of that origin may not connect (allowed_origins)")
            self._refused(upgrade, "", error)
            raise error
        if upgrade.path == HOCUSPOCUS_PATH:
            return HocuspocusConnection(self.hub, self._credentials(upgrade), upgrade.id)
        if upgrade.path.startswith(YJS_PATH):
            credentials = self._credentials(upgrade)
            return await self._accept_yjs(upgrade, credentials)
        raise Forbidden("there is no WebSocket at this path: /ws/{room} and /hocuspocus are")

    def _credentials(self, upgrade: Upgrade) -> Credentials:
        listed = self.origins.listed(upgrade.headers.get("origin"))
        cookie = self.settings.auth_cookie if listed else None
        token = token_of(upgrade.headers, upgrade.query, upgrade.subprotocols, cookie)
        return Credentials(token, upgrade.address, upgrade.headers)

    async def _accept_yjs(self, upgrade: Upgrade, credentials: Credentials) -> YjsConnection:
        """Raises Refusal: whoever speaks this dialect is told over the open WebSocket [G1]."""
        began = time.monotonic()
        name = upgrade.path[len(YJS_PATH) :]
        user = ""
        try:
            if not is_room_name(name):
                raise Forbidden("a room name is 1-256 bytes of UTF-8 without control characters")
            traceparent = upgrade.headers.get("traceparent")
            with self.hub.join_trace(RoomName(name), YJS.name, upgrade.id, traceparent) as trace:
                trace.part("identify")
                grant = await self.access.identify(credentials, RoomName(name))
                user = grant.user
                trace.tell(user=user)
                trace.part("open")
                served = await self._open_for(grant, RoomName(name), upgrade)
                trace.part("seat")
        except MotetError as e:
            self._refused(upgrade, name, e, user)
            raise Refusal(e, (frame(YJS.denied("", str(e))),), _key(upgrade, user, credentials.token)) from e
        key = _key(upgrade, user, credentials.token)
        return YjsConnection(self.hub, served, grant, upgrade.address, key, upgrade.id, began, trace)

    async def _open_for(self, grant: Grant, room: RoomName, upgrade: Upgrade) -> Served:
        role = self.access.role(grant, room)
        await self.hub.join_in_line(grant.user, upgrade.address, room)
        if "recreate" in upgrade.query and ADMINISTRATION in role.may:
            await self.administration.recreate(room, Administrator(grant, upgrade.address))
        served = await self.hub.open(room)
        served.room.check_places()
        return served

    def _refused(self, upgrade: Upgrade, room: str, error: MotetError, user: str = "") -> None:
        dialect, address = "yjs" if room else "", upgrade.address
        self.hub.observe(
            AccessRefused.by(error, user=user, room=room, dialect=dialect, address=address, connection=upgrade.id)
        )

    async def run(self, on_started: Callable[[str], None] = lambda url: None) -> None:
        """Serves until SIGTERM or SIGINT; `on_started` gets the address when it listens.

        Raises ConfigError, StoreInUse, StoreTooNew, Unavailable at the start.
        """
        store = SqliteStore(self.settings.data)
        try:
            await self._run(store, on_started)
        finally:
            if self.sources is not None:
                await self.sources.close()
            await store.close()

    async def _run(self, store: SqliteStore, on_started: Callable[[str], None]) -> None:
        settings = self.settings
        traced = tracing(os.environ, __version__)
        recent = Recent()
        listeners: list[Observer] = [write_line, recent] if traced is None else [write_line, recent, traced]
        gateway = await self.assemble(store, Documents(), Fan(listeners))
        self.hub.tracing = traced
        self.hub.errors.send = sentry(os.environ, __version__)
        LOGS.counts = self.hub.counts
        looks = Inspection(self.hub, recent)
        console = Console(self.hub, looks, self.administration, self.watch.history, self.documents)
        app = build(console, self._sockets, self.origins)
        server = Server(cast(ASGIApplication, app), gateway, listen_settings(settings), self.drain, self.stopped)
        self.start()
        # What is here stays: the collector need not look at it again. Rooms make few cycles, so it may come seldom.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        announcing = asyncio.create_task(self._announce(server, on_started))
        try:
            await server.serve()
        finally:
            announcing.cancel()

    async def assemble(self, store: Store, documents: Documents, observe: Observer) -> Gateway:
        """Puts the server together on the running loop, all but what listens. Raises Unavailable, StoreCorrupt."""
        settings = self.settings
        journal = Journal(store, settings.max_journal_bytes, lambda: self.hub.journal_drained())
        source: Authenticator = self.sources or OpenAccess()
        rulings = Rulings.of(await store.records(KIND))
        self.access = Access(source, self.roles, rulings, time.time, is_open=settings.open)
        self.hub = Hub(settings, store, journal, self.access, self.seed, observe)
        asyncio.get_running_loop().set_exception_handler(self.hub.errors.of_loop)
        self.documents = documents
        self.convergence = Convergence(self.hub, documents)
        self.keeper = Keeper(self.hub, self.free_bytes)
        forget = self.sources.forget if self.sources is not None else lambda user: None
        self.administration = Administration(self.hub, forget, self.keeper.compact)

        def refused(upgrade: Upgrade, error: MotetError) -> None:
            self._refused(upgrade, "", error)

        made = gateway_settings(settings, self.proxies)
        self.gateway = Gateway(self.accept, made, self.hub.errors.report, refused)
        self.watch = Watch(self.hub, self._sockets, self.sources.jwks if self.sources is not None else None)
        return self.gateway

    def free_bytes(self) -> int:
        """Of the disk that the data are on. Raises Unavailable."""
        return free_bytes(self.settings.data)

    def _sockets(self) -> int:
        return self.gateway.statistics().connections

    def start(self) -> None:
        """What looks after the rooms begins to. Needs a running loop."""
        self.keeper.start()
        self.watch.start()
        self.convergence.start()

    async def _announce(self, server: Server, on_started: Callable[[str], None]) -> None:
        await server.started.wait()
        url = address(self.settings, server.port)
        log.info("serving", url=url, data=str(self.settings.data), open=self.settings.open)
        on_started(url)

    async def drain(self) -> None:
        """The first step of a stop: no room is opened any more, and /readyz is red."""
        self._draining_at = time.monotonic()
        self.hub.draining = True
        self.hub.health.degrade("draining", "the server is stopping")

    async def stopped(self) -> None:
        """The last: nobody is connected any more, and what they left is finished."""
        await self.convergence.stop()
        await self.documents.close()
        await self.keeper.stop()
        await self.hub.journal.close()
        self.watch.stop()
        self.hub.observe(Drained(time.monotonic() - self._draining_at))
        if self.hub.tracing is not None:
            await asyncio.to_thread(self.hub.tracing.close)


def _key(upgrade: Upgrade, user: str, token: str) -> str:
    """Who it is, and what it wants, for the holding of refusals [G1]: the user, where it is known who that is, for an
    application may hand out a new token for each attempt; and the token, or the address."""
    names = [f"user {user}"] if user else []
    names.append(f"token {token}" if token else upgrade.address)
    return "\n".join([f"{name} {upgrade.path}".replace("\n", " ") for name in names])


def address(settings: Settings, port: int) -> str:
    """Where a browser finds the server."""
    if settings.uds is not None:
        return f"unix:{settings.uds}"
    scheme = "https" if settings.tls_cert is not None else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{port}{settings.root_path}"


def gateway_settings(settings: Settings, proxies: Proxies) -> GatewaySettings:
    """The gateway's part of the settings. A message may be a whole document, and the names around it."""
    return GatewaySettings(
        client_of=proxies.client_of,
        is_proxy=proxies.trusts,
        accept_seconds=settings.accept_seconds,
        max_pending_bytes=settings.max_pending_bytes,
        max_pending_connections=settings.max_pending_connections,
        max_connections=settings.max_connections,
        max_connections_per_address=settings.max_connections_per_address,
        max_message_bytes=settings.max_room_bytes + 64 * 1024,
        high_water_bytes=settings.high_water_bytes,
        ping_seconds=settings.ping_seconds,
        pong_seconds=settings.pong_seconds,
        drain_seconds=settings.drain_seconds,
    )


def listen_settings(settings: Settings) -> ListenSettings:
    """Where to listen."""
    return ListenSettings(
        host=settings.host,
        port=settings.port,
        uds=settings.uds,
        tls_cert=settings.tls_cert,
        tls_key=settings.tls_key,
        root_path=settings.root_path,
    )
