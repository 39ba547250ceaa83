"""The composition root: the one module that names implementations, and the order in which they start and stop."""

from __future__ import annotations

import ipaddress
from fnmatch import fnmatchcase
from pathlib import Path

import structlog

from motet.access import Authenticator, Credentials, OpenAccess
from motet.api import build
from motet.config import Settings
from motet.errors import ConfigError, Forbidden, MotetError
from motet.gateway import Connection, GatewaySettings, Refusal, Server, Upgrade
from motet.ids import RoomName, is_room_name
from motet.persistence import Journal, SqliteStore, free_bytes
from motet.rooms import HocuspocusConnection, Hub, Keeper, YjsConnection
from motet.sync import YJS, frame

log = structlog.get_logger("motet")

YJS_PATH = "/ws/"
HOCUSPOCUS_PATH = "/hocuspocus"


def check(settings: Settings) -> None:
    """Raises ConfigError, with what to do, for settings that must not be served with."""
    if settings.workers != 1:
        raise ConfigError(
            "workers must be 1: a room lives in the memory of one process, so a second worker would serve a second copy. "
            "One worker carries thousands of people; more machines come with a shared store."
        )
    if not settings.open:
        raise ConfigError(
            "there is no way to tell who someone is: no authentication is configured. "
            "To try Motet on this machine, add --open: everybody who reaches it may edit every room."
        )
    if not settings.open_to_the_network and settings.uds is None and not _is_loopback(settings.host):
        raise ConfigError(
            f"--open lets everybody edit, so it listens on loopback only, and {settings.host} is not. "
            "Use --host 127.0.0.1, or --open-to-the-network if everybody who can reach this machine may edit every room."
        )
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise ConfigError("TLS needs both --tls-cert and --tls-key")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def seeds(templates: dict[str, Path]) -> dict[str, bytes]:
    """The bytes of each template, read once at the start. Raises ConfigError."""
    found = {}
    for pattern, path in templates.items():
        try:
            found[pattern] = path.read_bytes()
        except OSError as e:
            raise ConfigError(f"template {path} for rooms {pattern!r} cannot be read: {e}") from None
    return found


class App:
    """The whole server: made, then `run` until it is told to stop."""

    def __init__(self, settings: Settings) -> None:
        check(settings)
        self.settings = settings
        self.authenticator: Authenticator = OpenAccess()
        self._templates = seeds(settings.templates)

    def seed(self, name: RoomName) -> bytes | None:
        """What a new room begins with: the first template whose pattern fits its name."""
        for pattern, data in self._templates.items():
            if fnmatchcase(name, pattern):
                return data
        return None

    async def accept(self, upgrade: Upgrade) -> Connection:
        """Which connection an upgrade becomes, by its path."""
        if upgrade.path == HOCUSPOCUS_PATH:
            return HocuspocusConnection(self.hub, self.authenticator, upgrade.address)
        if upgrade.path.startswith(YJS_PATH):
            try:
                return await self._accept_yjs(upgrade)
            except MotetError as e:
                denied = YJS.denied("", str(e))
                raise Refusal(e, (frame(denied),), key=f"{upgrade.address} {upgrade.path}") from e
        raise Forbidden("there is no WebSocket at this path: /ws/{room} and /hocuspocus are")

    async def _accept_yjs(self, upgrade: Upgrade) -> YjsConnection:
        name = upgrade.path[len(YJS_PATH) :]
        if not is_room_name(name):
            raise Forbidden("a room name is 1-256 bytes of UTF-8 without control characters")
        room = RoomName(name)
        grant = await self.authenticator.grant(Credentials(upgrade.query.get("token", ""), upgrade.address), room)
        return YjsConnection(self.hub, await self.hub.open(room), grant)
