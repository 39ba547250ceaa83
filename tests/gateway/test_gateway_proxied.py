"""Whose address a request has when proxies stand between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from gateway_harness import Scope, request, running

from motet.gateway import ListenSettings


def believed(peer: str, forwarded_for: str | None) -> str:
    """Everything, from everybody."""
    return forwarded_for or peer


async def whoami(
    scope: Scope, receive: Callable[[], Awaitable[Scope]], send: Callable[[Scope], Awaitable[None]]
) -> None:
    """An ASGI application that answers with the client's address."""
    if scope["type"] == "lifespan":
        return
    body = str(scope["client"][0]).encode()
    head = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def ask(raw_headers: list[str], listen: ListenSettings | None = None) -> tuple[str, str]:
    """The address that a WebSocket has, and the one that an HTTP request has, with these headers."""
    async with running(listen=listen, app=whoami, client_of=believed) as server:
        await server.open("/ws/room", *raw_headers)
        upgrade = server.last.upgrade
        assert upgrade is not None
        raw = await server.connect()
        raw.send(b"\r\n".join([b"GET / HTTP/1.1", b"Host: a", *(h.encode() for h in raw_headers), b"\r\n"]))
        await raw.head()
        body = await raw.reader.read(100)
        return upgrade.address, body.decode()


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ([], "127.0.0.1"),
        (["X-Forwarded-For: 203.0.113.5"], "203.0.113.5"),
        (["X-Forwarded-For:"], "127.0.0.1"),
        (["X-Forwarded-For: a", "x-forwarded-for: b, c"], "a,b, c"),
        (["Forwarded: for=203.0.113.5", "X-Real-IP: 203.0.113.5"], "127.0.0.1"),
    ],
)
async def test_an_upgrade_and_a_request_have_the_same_address(headers: list[str], address: str) -> None:
    """[G20] It is what `client_of` makes of the peer and the whole X-Forwarded-For, in the order of its lines."""
    assert await ask(headers) == (address, address)


async def test_a_peer_without_an_address_is_called_unix(tmp_path: Path) -> None:
    """[G20] For both; a proxy on this machine may come that way."""
    listen = ListenSettings(uds=tmp_path / "s")
    assert await ask([], listen) == ("unix", "unix")
    assert await ask(["X-Forwarded-For: 203.0.113.5"], listen) == ("203.0.113.5", "203.0.113.5")


async def test_nobody_is_believed_unless_somebody_says_so() -> None:
    """[G20] The default."""
    async with running() as server:
        await server.open("/ws/room", "X-Forwarded-For: 203.0.113.5")
        assert server.last.upgrade is not None and server.last.upgrade.address == "127.0.0.1"


async def test_requests_on_one_connection_of_a_proxy_have_their_own_addresses() -> None:
    """[G20] It may carry the requests of many clients."""
    async with running(app=whoami, client_of=believed) as server:
        raw = await server.connect()
        for client in ("203.0.113.5", "203.0.113.6", None):
            line = f"X-Forwarded-For: {client}\r\n" if client else ""
            raw.send(f"GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n".encode())
            await raw.head()
            assert (await raw.reader.read(100)).decode() == (client or "127.0.0.1")


async def test_the_limit_of_one_address_is_the_clients() -> None:
    """[G20] Not the proxy's, behind which everybody is."""
    async with running(client_of=believed, max_connections_per_address=1) as server:
        clients = ("203.0.113.5", "203.0.113.6")
        inside = [await server.open("/ws/room", f"X-Forwarded-For: {client}") for client in clients]
        raw = await server.connect()
        raw.send(request("/ws/room", "X-Forwarded-For: 203.0.113.5"))
        assert (await raw.answer())[0] == 429
        assert len(inside) == server.gateway.statistics().connections
