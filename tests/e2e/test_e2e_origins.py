"""Pages of which origins may open sockets, call the API, and be known by a cookie: at a real server."""

from __future__ import annotations

import contextlib

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from support import wire
from support.administrator import AdministratorClient
from support.server import MotetServer, StartMotet
from support.tokens import SECURED, token
from support.waiting import eventually

LISTED = "https://app.example"
SECRET_AND_LIST = {**SECURED, "MOTET_ALLOWED_ORIGINS": f"{LISTED} https://*.team.example", "MOTET_AUTH_COOKIE": "motet"}

OTHERS = (
    "https://evil.example",
    "https://app.example.evil.example",
    "http://app.example",
    "https://team.example",
    "null",
)
"""No server of these tests has them in its list."""


def own(server: MotetServer) -> str:
    """The origin of the server's own pages."""
    return server.http_url


async def status_of(server: MotetServer, path: str, origin: str | None, name: str = "127.0.0.1") -> int:
    """The status with which an upgrade from a page of this origin is answered; 101: the socket is open.

    `name`: of the server, as its address has it.
    """
    headers = {} if origin is None else {"origin": origin}
    url = f"ws://{name}:{server.port}{path}"
    try:
        # host: where the name leads
        async with connect(url, host="127.0.0.1", additional_headers=headers, proxy=None, compression=None):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


async def is_known(server: MotetServer, origin: str | None, cookie: str, path: str) -> bool:
    """Whether a page of this origin is let into the room by the cookie."""
    headers = {"cookie": cookie} | ({} if origin is None else {"origin": origin})
    url = server.ws_url + path
    document = None if path.startswith("/ws/") else "room"
    async with connect(url, additional_headers=headers, proxy=None, compression=None) as socket:
        with contextlib.suppress(ConnectionClosed):  # refused before it could ask
            await socket.send(wire.sync(document, wire.STEP1, wire.EMPTY_VECTOR))
        async for payload in socket:
            assert isinstance(payload, bytes)
            message = wire.read_message(payload, hocuspocus=document is not None)
            if message.type == wire.AUTH and message.kind == (wire.TOKEN if document is None else wire.DENIED):
                return False
            if (message.type, message.kind) == (wire.SYNC, wire.STEP2):
                return True
    raise AssertionError("closed without a word")


@pytest.mark.parametrize("path", ["/ws/room", "/hocuspocus"])
async def test_in_open_mode_on_loopback_pages_of_this_machine_may_connect(motet_server: MotetServer, path: str) -> None:
    """[X58] Whatever their port; others may not, whatever name they give us."""
    port = motet_server.port
    for origin in (None, own(motet_server), "http://localhost:3000", "https://127.0.0.1:1", "http://[::1]:5173"):
        assert await status_of(motet_server, path, origin) == 101, origin
    for origin in OTHERS:
        assert await status_of(motet_server, path, origin) == 403, origin
    # A name of somebody else's that leads to 127.0.0.1 makes a page there our own, as far as the browser can tell.
    assert await status_of(motet_server, path, f"http://rebound.example:{port}", "rebound.example") == 403
    assert await status_of(motet_server, path, None, "rebound.example") == 403
    assert await status_of(motet_server, path, None, "localhost") == 101


@pytest.mark.parametrize("path", [f"/ws/room?token={token('ada')}", "/hocuspocus"])
async def test_with_authentication_our_own_pages_and_listed_ones_may_connect(
    start_motet: StartMotet, path: str
) -> None:
    """[X58] Whatever the token: the page may have it from somebody else."""
    server = start_motet(SECRET_AND_LIST)
    for origin in (None, own(server), LISTED, "https://a.team.example", "https://a.b.team.example"):
        assert await status_of(server, path, origin) == 101, origin
    assert await status_of(server, path, f"http://docs.example:{server.port}", "docs.example") == 101
    for origin in (*OTHERS, "http://localhost:3000", f"http://127.0.0.1:{server.port + 1}"):
        assert await status_of(server, path, origin) == 403, origin
    refused = [line for line in server.log().splitlines() if "allowed_origins" in line and "access_refused" in line]
    assert len(refused) == len(OTHERS) + 2


async def test_a_list_of_everything_lets_every_page_connect_and_believes_no_cookie(start_motet: StartMotet) -> None:
    """[X58]"""
    server = start_motet({**SECURED, "MOTET_ALLOWED_ORIGINS": "*", "MOTET_AUTH_COOKIE": "motet"})
    for origin in (None, own(server), *OTHERS):
        assert await status_of(server, "/hocuspocus", origin) == 101, origin
    assert not await is_known(server, "https://evil.example", f"motet={token('ada')}", "/ws/room")
    root = AdministratorClient(server)
    by_cookie = root.ask("GET", "/rooms/a/members", authorization="", cookie=f"motet={root.shown}", origin=LISTED)
    assert by_cookie.status == 401
    assert by_cookie.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in by_cookie.headers


@pytest.mark.parametrize("path", ["/ws/room", "/hocuspocus"])
async def test_a_cookie_is_evidence_on_listed_pages_only(start_motet: StartMotet, path: str) -> None:
    """[X58] For sockets of both dialects; our own pages, and who is no browser, have other ways to show a token."""
    server = start_motet(SECRET_AND_LIST)
    cookie = f"other=1; motet={token('ada')}"
    assert await is_known(server, LISTED, cookie, path)
    assert not await is_known(server, own(server), cookie, path)
    assert not await is_known(server, None, cookie, path)
    assert not await is_known(server, LISTED, f"other={token('ada')}", path)


async def test_a_cookie_administers_from_listed_pages_only(start_motet: StartMotet) -> None:
    """[X58] No page of somebody else's can have an administrator's browser revoke, delete or look."""
    server = start_motet(SECRET_AND_LIST)
    root = AdministratorClient(server)
    cookie = f"motet={root.shown}"
    body = {"user": "ada"}
    for origin, status in ((LISTED, 204), ("", 401), (own(server), 401), *((other, 401) for other in OTHERS)):
        answer = root.ask("POST", "/revocations", body, authorization="", cookie=cookie, origin=origin)
        assert answer.status == status, origin
        assert answer.headers.get("access-control-allow-origin") == (LISTED if origin == LISTED else None)
    form = root.ask(
        "POST", "/revocations", raw=b'{"user": "ada"}', content_type="text/plain", cookie=cookie, origin=LISTED
    )
    assert form.status == 415


async def test_preflights_are_answered_to_listed_pages(start_motet: StartMotet) -> None:
    """[X58] What a page may then send: the methods of the API, a token, JSON."""
    server = start_motet(SECRET_AND_LIST)
    root = AdministratorClient(server)
    asking = {"access_control_request_method": "DELETE", "access_control_request_headers": "authorization,content-type"}
    told = root.ask("OPTIONS", "/rooms/notes/a", authorization="", origin=LISTED, **asking)
    assert told.status == 200
    assert told.headers["access-control-allow-origin"] == LISTED
    assert told.headers["access-control-allow-credentials"] == "true"
    assert {"GET", "POST", "PUT", "DELETE"} <= set(told.headers["access-control-allow-methods"].split(", "))
    assert "Origin" in told.headers["vary"]
    for origin in OTHERS:
        refused = root.ask("OPTIONS", "/rooms/notes/a", authorization="", origin=origin, **asking)
        assert refused.status == 400, origin
        assert "access-control-allow-origin" not in refused.headers
    seen = root.ask("GET", "/rooms/notes/a/members", origin=OTHERS[0])
    assert "access-control-allow-origin" not in seen.headers


async def test_a_page_of_another_origin_leaves_no_member_behind(start_motet: StartMotet) -> None:
    """[X58] It is refused before anybody is asked who it is."""
    server = start_motet(SECRET_AND_LIST)
    shown = token("ada")
    assert await status_of(server, f"/ws/room?token={shown}", "https://evil.example") == 403
    await eventually(lambda: server.metric("motet_open_connections") == 0, "nobody is connected")
    assert "access_granted" not in server.log()
    assert shown not in server.log()
