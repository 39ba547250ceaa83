"""What a peer sends to the server's port, in whatever pieces: requests of all kinds, upgrades, and frames after them.

The answer is never a fault of ours; a refusal is a problem document; and when the peer has left nothing is left of it.
"""

from __future__ import annotations

import asyncio
import json
import re
from functools import cache
from typing import Final

from choices import Choices
from http_site import Site, Transport, token

TOKENS: Final = {b"\x01": token("root", "admin").encode(), b"\x02": token("ed", "editor").encode()}
"""An input is too short for tokens: these bytes, which no head may have, stand for an administrator's, an editor's."""
PEERS: Final = ("203.0.113.9", "10.0.0.1")
"""The second is a proxy of ours."""
METHODS: Final = (b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH")
PATHS: Final = (
    b"/api/v1/status",
    b"/api/v1/history",
    b"/api/v1/rooms",
    b"/api/v1/events",
    b"/api/v1/log-level",
    b"/api/v1/revocations",
    b"/api/v1/rooms/a",
    b"/api/v1/rooms/a/members",
    b"/api/v1/rooms/a/members/1",
    b"/api/v1/rooms/a/roles/u",
    b"/api/v1/rooms/a/document",
    b"/api/v1/rooms/a/hash",
    b"/api/v1/rooms/a/update",
    b"/api/v1/rooms/a/compact",
    b"/api/v1/rooms/a/resync",
    b"/api/v1/rooms/",
    b"/healthz",
    b"/readyz",
    b"/metrics",
    b"/openapi.json",
    b"/",
    b"/demo",
    b"/motet/healthz",
    b"/ws/a",
    b"/hocuspocus",
)
HEADERS: Final = (
    b"Authorization: Bearer \x01",
    b"Authorization: Bearer \x02",
    b"Content-Type: application/json",
    b"Origin: https://app.example",
    b"Origin: https://evil.example",
    b"Cookie: motet=\x01",
    b"Access-Control-Request-Method: PUT",
    b"Transfer-Encoding: chunked",
    b"Expect: 100-continue",
    b"X-Forwarded-For: 203.0.113.7",
    b"X-Request-ID: abc",
    b"Accept: application/openmetrics-text",
    b"Connection: close",
    b"If-None-Match: *",
    b"Range: bytes=0-1",
)
UPGRADE: Final = (
    b"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
)
_ANSWER: Final = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n")


@cache
def site() -> Site:
    """Made for the first input, and used for all."""
    return Site()


def _request(choices: Choices) -> bytes:
    """A request that is more or less one."""
    method, path = choices.one_of(METHODS), choices.one_of(PATHS)
    path += choices.blob()
    lines = [method + b" " + path + b" HTTP/1.1", b"Host: motet.test"]
    lines += [choices.one_of(HEADERS) for _ in range(choices.below(5))]
    more, body = choices.blob(), choices.blob()
    if more:
        lines.append(more)
    if path.startswith((b"/ws", b"/hocuspocus")):
        lines.append(UPGRADE)
    elif body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _frame(choices: Choices) -> bytes:
    """A frame that a client may send, but perhaps for its first byte; the mask is zero."""
    first, payload = choices.one_of((0x82, 0x02, 0x80, 0x88, 0x89, 0x8A, 0x81, 0xC2, 0x83)), choices.blob()
    head = bytes((0x80 | len(payload),)) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2)
    return bytes((first,)) + head + bytes(4) + payload


async def _play(choices: Choices) -> None:
    transport = site().connect(choices.one_of(PEERS))
    for _ in range(12):
        if not choices or transport.is_closing():
            break
        what = choices.byte()
        data = (choices.blob, lambda: _request(choices), lambda: _frame(choices))[what % 3]()
        for short, long in TOKENS.items():
            data = data.replace(short, long) if b"HTTP/1." in data else data
        cut = (what >> 2) * len(data) // 64
        for piece in (data[:cut], data[cut:]):
            if piece and not transport.is_closing():
                transport.feed(piece)
                await asyncio.sleep(0.001 if what & 2 else 0.1)
    await asyncio.sleep(0.5)
    _check(transport)
    transport.close()
    await site().empty()


def _check(transport: Transport) -> None:
    """What was answered."""
    faults, written = site().faults(), bytes(transport.written)
    statuses = [int(status) for status in _ANSWER.findall(written)]
    assert 500 not in statuses, written[-600:]
    assert not faults, faults
    if len(statuses) == 1 and statuses[0] >= 400:
        head, _, body = written.partition(b"\r\n\r\n")
        if body and b"application/problem+json" in head.lower():
            problem = json.loads(body)
            assert problem["status"] == statuses[0] and problem["title"]
        else:  # the answer to a HEAD has no body, and that to a CORS preflight is no problem document [X51]
            assert not body or statuses[0] == 400


def one(data: bytes) -> None:
    """Raises for a bug only."""
    site().loop.run_until_complete(_play(Choices(data)))
