"""The opening handshake: what is asked for, and who gets in."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from gateway_harness import BINARY, Recorder, request, running

from motet import errors
from motet.gateway import Connection, Upgrade
from motet.gateway.upgrade import BadUpgrade, parse_upgrade
from support.waiting import eventually


def parsed(target: str, *headers: tuple[str, str]) -> Upgrade:
    """The Upgrade for this request target."""
    usual = {"sec-websocket-version": "13", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    pairs = [(n.encode(), v.encode()) for n, v in usual.items()]
    pairs += [(n.encode(), v.encode("latin-1")) for n, v in headers]
    return parse_upgrade("GET", target.encode("latin-1"), "1.1", pairs, "192.0.2.1")


def test_paths_and_parameters_are_decoded_once() -> None:
    """[G13] A room name may contain "/", "%" and any character."""
    upgrade = parsed("/ws/a%2Fb/%25C3/%C3%BC%20+?token=a%2Bb+c&x=&token=last#fragment")
    assert upgrade.path == "/ws/a/b/%C3/ü +"
    assert upgrade.query == {"token": "last", "x": ""}


def test_headers_are_given_by_lower_case_name() -> None:
    """[G13] Repeated ones are joined; cookies in the way of cookies."""
    upgrade = parsed("/", ("cookie", " a=1 "), ("cookie", "b=\xff"), ("sec-websocket-protocol", "motet.v1, other"))
    assert upgrade.headers["cookie"] == "a=1; b=\xff"
    assert upgrade.subprotocols == ("motet.v1", "other")


@pytest.mark.parametrize("target", ["/ws/%FF", "/ws/\xff", "/?a=%FF", "/?" + "&".join(f"p{n}=" for n in range(65))])
def test_targets_that_nobody_can_mean_are_refused(target: str) -> None:
    """[G13] No UTF-8, raw bytes, more than 64 parameters."""
    with pytest.raises(BadUpgrade):
        parsed(target)


async def test_what_browsers_send_is_accepted() -> None:
    """[G13] Firefox's `Connection: keep-alive, Upgrade`; the first subprotocol of those offered is answered with."""
    async with running() as server:
        raw = await server.connect()
        raw.send(request("/ws/a%2Fb?t=1", "Connection: keep-alive, Upgrade", "Sec-WebSocket-Protocol: motet.v1, other"))
        head = await raw.head()
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n" in head
        assert b"Sec-WebSocket-Protocol: motet.v1\r\n" in head
        assert b"Extensions" not in head
        upgrade = server.last.upgrade
        assert upgrade is not None
        assert (upgrade.path, upgrade.query, upgrade.address) == ("/ws/a/b", {"t": "1"}, "127.0.0.1")


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        ("motet.v1, bearer.abc", "motet.v1"),
        ("bearer.abc, motet.v1, other", "motet.v1"),
        ("bearer.abc", "bearer.abc"),
        ("bearer.abc, bearer.def", "bearer.abc"),
        ("bearer", "bearer"),
        ("", None),
    ],
)
async def test_a_token_is_no_subprotocol_unless_nothing_else_is_offered(offered: str, answered: str | None) -> None:
    """[G19] A browser fails when none of its own comes back, and has no other place for a token."""
    async with running() as server:
        raw = await server.connect()
        raw.send(request("/ws/room", f"Sec-WebSocket-Protocol: {offered}"))
        head = (await raw.head()).decode()
        assert head.startswith("HTTP/1.1 101 ")
        assert [line for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Protocol")] == (
            [] if answered is None else [f"Sec-WebSocket-Protocol: {answered}"]
        )


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        (request("/", "Sec-WebSocket-Version: 12"), 426),
        (request("/", "Sec-WebSocket-Key: c2hvcnQ="), 400),
        (request("/", "Sec-WebSocket-Key: !"), 400),
        (request("/", "Content-Length: 3"), 400),
        (request("/", "Transfer-Encoding: chunked"), 400),
        (request("/", version="HTTP/1.0"), 400),
        (request("/", method="POST"), 400),
        (request("/%FF"), 400),
        (request("/") + b"early", 400),
    ],
    ids=["version", "short key", "no key", "body", "chunked body", "HTTP/1.0", "POST", "no UTF-8", "early bytes"],
)
async def test_wrong_handshakes_are_answered_over_http(wrong: bytes, status: int) -> None:
    """[G13] And the application is not asked."""
    async with running() as server:
        raw = await server.connect()
        raw.send(wrong)
        answered, head, body = await raw.answer()
        assert answered == status
        assert json.loads(body)["status"] == status
        assert (b"Sec-WebSocket-Version: 13" in head) == (status == 426)
        assert server.recorders == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NotAuthenticated("sign in"), 401),
        (errors.Forbidden("not yours"), 403),
        (errors.RoomDeleted("gone"), 404),
        (errors.OverQuota("full"), 413),
        (errors.RateLimited("slowly"), 429),
        (errors.TryLater("later"), 503),
        (errors.Unavailable("no disk"), 503),
        (errors.Restarting("soon"), 503),
        (errors.StoreCorrupt("damaged"), 503),
        (errors.ProtocolViolation("what"), 400),
        (errors.MalformedUpdate("no update"), 400),
        (errors.IdConflict("two of them"), 409),
        (errors.DocumentFailed("broken"), 500),
    ],
)
async def test_errors_of_the_application_become_http_answers(error: errors.MotetError, status: int) -> None:
    """[G15] A problem document with message and close code; Retry-After where it makes sense."""

    async def refuse(upgrade: Upgrade) -> Connection:
        raise error

    async with running(refuse) as server:
        raw = await server.connect()
        raw.send(request())
        answered, head, body = await raw.answer()
        assert answered == status
        assert b"Content-Type: application/problem+json" in head
        problem = json.loads(body)
        assert (problem["status"], problem["detail"], problem["code"]) == (status, str(error), error.code)
        assert (b"Retry-After: " in head) == (status in (429, 503))
        assert (b"WWW-Authenticate: Bearer" in head) == (status == 401)


async def test_a_bug_of_the_application_is_logged_and_answered_with_500(caplog: pytest.LogCaptureFixture) -> None:
    """[G15] Without a word of what it was."""

    async def fail(upgrade: Upgrade) -> Connection:
        raise KeyError("a secret")

    async with running(fail) as server:
        raw = await server.connect()
        with caplog.at_level(logging.ERROR, "motet.gateway"):
            raw.send(request())
            status, _, body = await raw.answer()
        assert status == 500 and b"secret" not in body
        assert "a secret" in caplog.text and "/ws/room" in caplog.text


class Slow:
    """An application that does not answer."""

    def __init__(self) -> None:
        self.cancelled = 0

    async def accept(self, upgrade: Upgrade) -> Connection:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return Recorder(upgrade)


async def test_an_answer_that_does_not_come_is_503() -> None:
    """[G16] After accept_seconds."""
    slow = Slow()
    async with running(slow.accept, accept_seconds=0.05) as server:
        raw = await server.connect()
        raw.send(request())
        status, _, body = await raw.answer()
        assert status == 503 and b"accept_seconds" in body
        assert slow.cancelled == 1


async def test_a_client_that_leaves_meanwhile_is_waited_for_no_longer() -> None:
    """[G16] The application's question is cancelled, and the place is free."""
    slow = Slow()
    async with running(slow.accept) as server:
        raw = await server.connect()
        raw.send(request())
        await eventually(lambda: server.gateway.statistics().accepting == 1, "the application is asked")
        raw.abort()
        await eventually(lambda: server.gateway.statistics().accepting == 0, "it is given up")
        assert slow.cancelled == 1


async def test_a_client_that_speaks_before_it_was_answered_is_refused() -> None:
    """[G16] RFC 6455, section 4.1: it must wait. Nothing is kept for it."""
    slow = Slow()
    async with running(slow.accept) as server:
        raw = await server.connect()
        raw.send(request())
        await eventually(lambda: server.gateway.statistics().accepting == 1, "the application is asked")
        raw.frame(BINARY, b"early")
        assert (await raw.answer())[0] == 400
        await eventually(lambda: slow.cancelled, "it is given up")


@pytest.mark.parametrize(
    ("limit", "status"), [("max_connections", 503), ("max_connections_per_address", 429), ("max_accepting", 503)]
)
async def test_too_many_are_refused_by_the_limits_name(limit: str, status: int) -> None:
    """[G4] Over HTTP; a place that becomes free is taken again."""
    slow = Slow()
    async with running(slow.accept if limit == "max_accepting" else None, **{limit: 2}) as server:
        inside = [await server.connect() for _ in range(2)]
        for raw in inside:
            raw.send(request())
        counts = server.gateway.statistics
        await eventually(lambda: counts().connections + counts().accepting == 2, "two are in")
        refused = await server.connect()
        refused.send(request())
        answered, _, body = await refused.answer()
        assert answered == status and limit.encode() in body
        inside[0].abort()
        await eventually(lambda: counts().connections + counts().accepting == 1, "one has left")
        raw = await server.connect()
        raw.send(request())
        await eventually(lambda: counts().connections + counts().accepting == 2, "another is in")
