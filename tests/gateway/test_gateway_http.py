"""Plain HTTP on the same port, and the bounds of a request head."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable

import pytest
from gateway_harness import BINARY, CLOSE, Scope, hello, request, running

from motet.gateway import ListenSettings
from motet.gateway.http_protocol import HttpProtocol
from motet.gateway.settings import KIB
from support.waiting import eventually


def get(path: str, *headers: str) -> bytes:
    """A GET request that ends its connection."""
    return ("\r\n".join((f"GET {path} HTTP/1.1", "Host: a", "Connection: close", *headers)) + "\r\n\r\n").encode()


async def test_plain_http_is_answered_beside_websockets() -> None:
    """[G18] On one port, several requests on a connection."""
    async with running() as server:
        await server.open()
        raw = await server.connect()
        raw.send(get("/one").replace(b"Connection: close\r\n", b"") + get("/two"))
        assert (await raw.rest()).count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize("path", ["/two/levels/ws/a%2Fb", "/ws/a%2Fb"])
async def test_a_root_path_may_be_there_or_stripped(path: str) -> None:
    """[G13] Proxies do either; the application sees the same, over HTTP and for WebSockets."""
    async with running(listen=ListenSettings(port=0, root_path="/two/levels/")) as server:
        await server.open(path)
        assert server.last.upgrade is not None and server.last.upgrade.path == "/ws/a/b"
        raw = await server.connect()
        raw.send(get(path))
        assert (await raw.answer())[2] == b"/two/levels/ws/a/b"


@pytest.mark.parametrize(
    "head",
    [
        get("/" + "x" * 20 * KIB),
        get("/", "X-Long: " + "x" * 20 * KIB),
        get("/", *[f"X-{n}: 1" for n in range(101)]),
        get("/", *[f"X-{n}: {'x' * KIB}" for n in range(20)]),
        request("/ws/room", "Cookie: " + "x" * 20 * KIB),
        request("/ws/room?token=" + "x" * 20 * KIB),
        request("/ws/room", "Sec-WebSocket-Protocol: bearer." + "x" * 20 * KIB),
        request("/ws/room", *["Authorization: Bearer x"] * 101),
        get("/")[:-4] + b"\r\nX-Endless: " + b"x" * 20 * KIB,
        b"GET /" + b"x" * 20 * KIB,
    ],
    ids=[
        "target",
        "header",
        "headers",
        "sum",
        "upgrade",
        "token",
        "subprotocol",
        "flood",
        "a header without an end",
        "a target without an end",
    ],
)
async def test_a_request_head_that_is_too_large_is_431(head: bytes) -> None:
    """[G14] In bytes or in headers; also when it never ends."""
    async with running() as server:
        for pieces in (1, 40):
            raw = await server.connect()
            step = -(-len(head) // pieces)
            for at in range(0, len(head), step):
                raw.send(head[at : at + step])
                await asyncio.sleep(0)
            answer = await raw.reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 431 ")
            raw.abort()
        assert server.recorders == []


async def test_a_head_on_a_kept_connection_has_the_same_bounds() -> None:
    """[G14] A large body before it does not count."""
    async with running() as server:
        raw = await server.connect()
        body = b"x" * 50 * KIB
        raw.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert (await raw.head()).startswith(b"HTTP/1.1 200 ")
        assert await raw.reader.readexactly(1) == b"/"
        raw.send(get("/", "X-Long: " + "x" * 20 * KIB))
        assert (await raw.answer())[0] == 431


async def test_what_is_no_http_is_400() -> None:
    """[G14] And the connection ends."""
    async with running() as server:
        raw = await server.connect()
        raw.send(b"\x16\x03\x01\x02\x00\r\n\r\n")
        assert (await raw.answer())[0] == 400


async def test_nonsense_behind_a_request_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """[G14] The request's answer has nowhere to go any more."""
    async with running() as server:
        raw = await server.connect()
        raw.send(get("/one").replace(b"Connection: close\r\n", b"") + b"nonsense\r\n\r\n")
        assert (await raw.answer())[0] == 400
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("start", [b"", b"GET /ws/room HTTP/1.1\r\n"])
async def test_a_head_that_takes_too_long_ends_the_connection(start: bytes) -> None:
    """[G14] However much of it trickles in."""
    async with running(head_seconds=0.2) as server:
        raw = await server.connect()

        async def trickle() -> None:
            raw.send(start)
            while True:
                await asyncio.sleep(0.02)
                raw.send(b"X: 1\r\n" if start else b"")

        trickling = asyncio.create_task(trickle())
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await raw.head()
        trickling.cancel()
        assert server.gateway.statistics().heads == 0


async def test_of_too_many_that_send_no_head_the_oldest_goes() -> None:
    """[G14] So that nobody can keep others out by doing nothing."""
    async with running(max_heads=3) as server:
        silent = []
        for number in range(5):
            silent.append(await server.connect())
            await eventually(
                lambda n=number: server.gateway.statistics().heads == min(n + 1, 3), "its socket is accepted"
            )
        await server.open()
        for raw in silent[:3]:
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await raw.head()
        assert not silent[4].reader.at_eof()


async def test_many_slow_heads_keep_nobody_out() -> None:
    """[G14] Each sends a byte now and then; an honest client comes in at once, and goes on working."""
    async with running(max_heads=20, head_seconds=0.5) as server:

        async def slow() -> None:
            raw = await server.connect()
            try:
                for byte in request("/ws/slow", "X: " + "x" * KIB):
                    raw.send(bytes((byte,)))
                    await asyncio.sleep(0.05)
            finally:
                raw.abort()

        crowd = [asyncio.create_task(slow()) for _ in range(100)]
        await eventually(lambda: server.gateway.statistics().heads == 20, "the crowd is there")
        for _ in range(10):
            raw = await server.open()
            raw.frame(BINARY, b"work")
            assert await raw.next() == (BINARY, b"work")
            assert server.gateway.statistics().heads <= 20
        await eventually(lambda: server.gateway.statistics().heads == 0, "their time is over")
        raw.frame(BINARY, b"more")
        assert await raw.next() == (BINARY, b"more")
        for task in crowd:
            task.cancel()
        await asyncio.wait(crowd)
        assert all(
            recorder.upgrade is not None and recorder.upgrade.path == "/ws/room" for recorder in server.recorders
        )


def protocols() -> list[HttpProtocol]:
    """All that there are in this process."""
    return [each for each in gc.get_objects() if type(each) is HttpProtocol]


async def test_of_a_socket_that_has_ended_nothing_is_left_to_the_garbage_collector() -> None:
    """[R18] An HTTP protocol and its parser hold each other, and the socket, and what was opened on it."""
    async with running() as server:
        gc.collect()
        others = set(protocols())  # what other tests hold
        gc.disable()
        try:
            for _ in range(3):
                raw = await server.open()
                raw.frame(CLOSE, (1000).to_bytes(2))
                await raw.rest()
            await eventually(lambda: server.gateway.statistics().connections == 0, "all have ended")
            await eventually(lambda: set(protocols()) <= others, "all freed")
        finally:
            gc.enable()


class Endless:
    """An ASGI application whose answers go on until their reader has gone."""

    def __init__(self) -> None:
        self.begun = self.gone = 0

    async def __call__(
        self, scope: Scope, receive: Callable[[], Awaitable[Scope]], send: Callable[[Scope], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            await hello(scope, receive, send)
            return
        self.begun += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await receive()  # the request's body
        gone = asyncio.ensure_future(receive())
        while not gone.done():
            await send({"type": "http.response.body", "body": b"more", "more_body": True})
            await asyncio.wait([gone], timeout=0.01)
        self.gone += 1


async def test_who_goes_with_a_request_in_line_ends_the_answer_before_it() -> None:
    """[W8] Else an answer that goes on by itself would for ever hold its place, for a reader that has left."""
    app = Endless()
    async with running(app=app) as server:
        raw = await server.connect()
        raw.send(request_kept("/one"))
        await eventually(lambda: app.begun, "the answer")
        raw.send(request_kept("/two") + request_kept("/three"))
        await raw.head()
        raw.abort()
        await eventually(lambda: app.gone, "the end")
        assert (app.begun, app.gone) == (1, 1)


async def test_an_upgrade_behind_an_answer_that_is_under_way_is_refused() -> None:
    """[G16] The rest of that answer would be read as frames."""
    app = Endless()
    async with running(app=app) as server:
        raw = await server.connect()
        raw.send(request_kept("/one"))
        await eventually(lambda: app.begun, "the answer")
        raw.send(request())
        assert b"101 Switching" not in await raw.rest()
        await eventually(lambda: app.gone, "the end")
        assert not server.recorders


def request_kept(path: str) -> bytes:
    """A GET request after which its connection goes on."""
    return get(path).replace(b"Connection: close\r\n", b"")
