"""A process in which nobody is known: `strangers_server.py MAX_PENDING MAX_PENDING_BYTES` prints its port.

A message "sign in" signs in and is echoed, as is what comes after it; "how many" is answered with the number of pending
sockets.
"""

from __future__ import annotations

import asyncio
import resource
import sys

import uvloop
from gateway_harness import Recorder, hello, message

from motet.gateway import Connection, Gateway, GatewaySettings, ListenSettings, Server, Upgrade


class Stranger(Recorder):
    """Signs in when it is told to."""

    def received(self, payload: bytes) -> None:
        if payload == b"sign in":
            self.wire.signed_in()
        answer = str(gateway.statistics().pending).encode() if payload == b"how many" else payload
        self.wire.write(message(answer))


async def accept(upgrade: Upgrade) -> Connection:
    return Stranger(pending=True)


gateway = Gateway(
    accept,
    GatewaySettings(
        max_pending_connections=int(sys.argv[1]),
        max_pending_bytes=int(sys.argv[2]),
        max_connections_per_address=20_000,
        head_seconds=60,
    ),
)


async def main() -> None:
    server = Server(hello, gateway, ListenSettings(port=0))
    serving = asyncio.create_task(server.serve())
    await server.started.wait()
    print(server.port, flush=True)
    await serving


_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
uvloop.run(main())
