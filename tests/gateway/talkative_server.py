"""A process that logs to stderr, at "debug", the lowest level that there is a setting for: it prints its port.

What becomes of an upgrade, its path says: "/ws/error" is refused, "/ws/refused" after it was opened, "/ws/bug" fails,
so does a message to "/ws/mute", and "/ws/slow" is never answered. A GET of "/bug" fails too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import uvloop
from gateway_harness import Recorder, Scope, hello

from motet.errors import NotAuthenticated
from motet.gateway import Connection, Gateway, GatewaySettings, ListenSettings, Refusal, Server, Upgrade


class Mute(Recorder):
    """Cannot stand a message."""

    def received(self, payload: bytes) -> None:
        raise RuntimeError("a bug in a connection")


async def accept(upgrade: Upgrade) -> Connection:
    match upgrade.path:
        case "/ws/error":
            raise NotAuthenticated("who are you?")
        case "/ws/refused":
            raise Refusal(NotAuthenticated("who are you?"), key=repr(upgrade.query))
        case "/ws/bug":
            raise RuntimeError(f"a bug with {upgrade}")
        case "/ws/slow":
            await asyncio.sleep(3600)
        case "/ws/mute":
            return Mute(upgrade)
    return Recorder(upgrade)


async def application(
    scope: Scope, receive: Callable[[], Awaitable[Scope]], send: Callable[[Scope], Awaitable[None]]
) -> None:
    """Answers, or has a bug."""
    if scope["type"] == "http" and scope["path"] == "/bug":
        raise RuntimeError("a bug in the application")
    await hello(scope, receive, send)


async def main() -> None:
    gateway = Gateway(accept, GatewaySettings(accept_seconds=0.2, max_connections_per_address=50))
    server = Server(application, gateway, ListenSettings(port=0))
    serving = asyncio.create_task(server.serve())
    await server.started.wait()
    print(server.port, flush=True)
    await serving


logging.basicConfig(level=logging.DEBUG)
uvloop.run(main(), debug=True)
