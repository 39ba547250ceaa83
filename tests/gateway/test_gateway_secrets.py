"""Tokens and logs."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from gateway_harness import BINARY, TEXT, Raw, request

from motet.gateway import Upgrade
from motet.gateway.settings import KIB

TOKEN = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0.c2lnbmF0dXJl"
LONG = "x" * 20 * KIB

WAYS = {
    "header": ("", f"Authorization: Bearer {TOKEN}"),
    "query": (f"?token={TOKEN}", "X: 1"),
    "subprotocol": ("", f"Sec-WebSocket-Protocol: bearer.{TOKEN}"),
    "cookie": ("", f"Cookie: session={TOKEN}"),
}


def requests(query: str, header: str) -> list[bytes]:
    """Good and bad ones that carry the token so."""
    paths = ("ok", "error", "refused", "refused", "bug", "slow", "mute")
    return [
        *(request(f"/ws/{path}{query}", header) for path in paths),
        request(f"/ws/ok{query}", header, "Sec-WebSocket-Version: 12"),
        request(f"/ws/ok{query}", header, "Sec-WebSocket-Key: none"),
        request(f"/ws/%FF{query}", header),
        request(f"/ws/ok{query}", header, method="POST"),
        request(f"/ws/ok{query}", header) + b"early",
        request(f"/ws/ok{query}", header, f"X-Long: {LONG}"),
        request(f"/ws/ok{query or '?token=' + TOKEN}{LONG}", header),
        request(f"/{query}", header, "Upgrade: h2c"),
        *(f"GET {path}{query} HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\n".encode() for path in ("/", "/bug")),
        f"GET /{query} HTTP/1.1\r\n{header}\r\nno header\r\n\r\n".encode(),
        f"GET /{query} SPDY/9\r\n{header}\r\n\r\n".encode(),
    ]


async def provoke(port: int, head: bytes) -> None:
    """Sends it, then a message that fails and one that is wrong, and leaves."""
    raw = Raw(*await asyncio.open_connection("127.0.0.1", port))
    raw.send(head)
    try:
        answer = await raw.head()
        if answer.startswith(b"HTTP/1.1 101 "):
            raw.frame(BINARY, TOKEN.encode())
            raw.frame(TEXT, TOKEN.encode())
            await raw.close_code()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # it may not be answered at all: what is logged is the question
    raw.abort()


async def test_no_token_gets_into_the_log() -> None:
    """[G23] Whichever way it travels and whatever goes wrong, at the level debug."""
    script = Path(__file__).with_name("talkative_server.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=script.parent
    )
    assert process.stdout is not None and process.stderr is not None
    reading = asyncio.create_task(process.stderr.read())
    port = int(await asyncio.wait_for(process.stdout.readline(), 30))
    for query, header in WAYS.values():
        await asyncio.gather(*(provoke(port, head) for head in requests(query, header)))
    process.send_signal(signal.SIGTERM)
    log = (await asyncio.wait_for(reading, 30)).decode()
    assert await process.wait() == 0
    for part in (TOKEN, *TOKEN.split("."), LONG[: KIB // 4]):
        at = log.find(part)
        assert at < 0, log[max(0, at - 500) : at + 500]
    for said in (": /ws/bug", "a bug in a connection", "a bug in the application"):
        assert said in log, f"this server was not talkative: {said!r} is missing"


def test_an_upgrade_does_not_show_what_may_be_a_token() -> None:
    """[G23] Not even in a traceback that shows variables."""
    upgrade = Upgrade(
        "/ws/a", {"token": TOKEN}, {"authorization": TOKEN, "cookie": TOKEN}, "::1", (f"bearer.{TOKEN}",), "1f"
    )
    assert repr(upgrade) == "Upgrade(path='/ws/a', address='::1', id='1f')"
