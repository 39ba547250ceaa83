"""A process that echoes over WebSockets: `echo_server.py CLOSE_SECONDS` prints its port, and at its end what it did."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from gateway_harness import Recorder, hello

from motet.gateway import Connection, Gateway, GatewaySettings, ListenSettings, Server, Upgrade


async def accept(upgrade: Upgrade) -> Connection:
    return Recorder(upgrade)


async def say(what: str) -> None:
    print(what, flush=True)


async def main() -> None:
    gateway = Gateway(accept, GatewaySettings(close_seconds=float(sys.argv[1])))
    server = Server(hello, gateway, ListenSettings(port=0), lambda: say("drain"), lambda: say("stopped"))
    serving = asyncio.create_task(server.serve())
    await server.started.wait()
    await say(str(server.port))
    await serving
    await say("end")


uvloop.run(main())
