"""The opening handshake (RFC 6455, section 4.2), from a parsed request head to the bytes of the answer. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

from motet.errors import MotetError
from motet.gateway.port import Upgrade

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MAX_QUERY_FIELDS = 64
_TOKEN = "bearer."
"""How a subprotocol begins that is none, but a token: browsers can send one in no header else."""
RETRY_AFTER = 5
"""Seconds: what HTTP answers that mean "later" advise."""


class BadUpgrade(Exception):
    """A request that asks for a WebSocket in a way that no WebSocket client does."""

    def __init__(self, detail: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST, *headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers


def parse_upgrade(
    method: str, target: bytes, version: str, raw_headers: Sequence[tuple[bytes, bytes]], address: str, id: str = ""
) -> Upgrade:
    """The request, understood. `target` is the request target without the root path; header names are in lower case.

    Raises BadUpgrade.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw_headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1").strip()
        comma = "; " if name == "cookie" else ", "  # RFC 9113, section 8.2.3
        headers[name] = f"{headers[name]}{comma}{value}" if name in headers else value
    if method != "GET" or version != "1.1":
        raise BadUpgrade("a WebSocket is opened by GET over HTTP/1.1")
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise BadUpgrade("a WebSocket is opened without a body")
    if headers.get("sec-websocket-version") != "13":
        raise BadUpgrade(
            "the WebSocket version is 13",
            HTTPStatus.UPGRADE_REQUIRED,
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
        )
    try:
        if len(base64.b64decode(headers.get("sec-websocket-key", ""), validate=True)) != 16:
            raise BadUpgrade("Sec-WebSocket-Key is not 16 bytes long")
    except (binascii.Error, ValueError):
        raise BadUpgrade("Sec-WebSocket-Key is not base64") from None
    raw_path, _, raw_query = target.partition(b"#")[0].partition(b"?")
    try:
        path = unquote(raw_path.decode("ascii"), errors="strict")
        query = dict(
            parse_qsl(
                raw_query.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS, errors="strict"
            )
        )
    except ValueError:  # UnicodeDecodeError is one too
        raise BadUpgrade("the address is not percent-encoded UTF-8, or has too many parameters") from None
    offered = (name.strip() for name in headers.get("sec-websocket-protocol", "").split(","))
    return Upgrade(path, query, headers, address, tuple(name for name in offered if name), id)


def accepted(upgrade: Upgrade) -> bytes:
    """The answer that opens the WebSocket."""
    key = upgrade.headers["sec-websocket-key"].encode()
    token = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest()).decode()
    lines = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {token}"]
    if upgrade.subprotocols:
        spoken = (name for name in upgrade.subprotocols if not name.startswith(_TOKEN))
        lines.append(f"Sec-WebSocket-Protocol: {next(spoken, upgrade.subprotocols[0])}")
    return _answer(HTTPStatus.SWITCHING_PROTOCOLS, lines, b"")


def refused(status: HTTPStatus, detail: str, *headers: str, code: int | None = None) -> bytes:
    """An answer that opens nothing: a problem document (RFC 9457) with the close code it stands for, if it has one."""
    problem: dict[str, str | int] = {"title": status.phrase, "status": status.value, "detail": detail}
    if code is not None:
        problem["code"] = code
    body = json.dumps(problem).encode()
    lines = [
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        "Cache-Control: no-store",
        *headers,
    ]
    if status is HTTPStatus.UNAUTHORIZED:
        lines.append("WWW-Authenticate: Bearer")
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        lines.append(f"Retry-After: {RETRY_AFTER}")
    return _answer(status, lines, body)


def refused_by(error: MotetError) -> bytes:
    """The answer for an error of the tree."""
    return refused(error.status, str(error), code=error.code)


def _answer(status: HTTPStatus, lines: Sequence[str], body: bytes) -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status.value} {status.phrase}", *lines, "\r\n"))
    return head.encode("latin-1") + body
