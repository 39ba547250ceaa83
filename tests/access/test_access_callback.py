"""The application is asked over HTTP: what its answers mean, how often it is asked,
and what happens when it is down."""

from __future__ import annotations

import asyncio
import json
from math import inf

import httpx
import pytest
from access_harness import NOW, ROOM, Clock, Web, shown

from motet.access import Access, Grant, Rulings, built_in
from motet.access.asking import CONNECTIONS, Answer, NoAnswer, ask, checked, http_client
from motet.access.callback import MAX_ANSWER, MAX_HELD, Callback, CallbackAccess
from motet.access.tokens import MAX_TOKEN
from motet.errors import ConfigError, Forbidden, NotAuthenticated, Unavailable
from motet.ids import RoomName, UserId
from support.waiting import eventually

URL = "https://app.example/motet"


def access(web: Web, clock: Clock | None = None, seconds: float = 20.0, held: float = 5.0) -> CallbackAccess:
    clock = clock or Clock()
    callback = Callback(URL, ("Cookie", "x-tenant"), seconds, held)
    return CallbackAccess(callback, built_in(), web.client(), clock, clock)


def answering(status: int = 200, **grant: object) -> Web:
    return Web(lambda request: httpx.Response(status, json={"user": "ada", "role": "editor", **grant}))


def by_token(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"user": f"user of {json.loads(request.content)['token']}", "role": "editor"})


async def test_the_application_is_asked_with_room_token_and_chosen_headers() -> None:
    """[T15] The others stay here."""
    web = answering()
    await access(web).grant(shown("t", **{"cookie": "s=1", "x-tenant": "é\ud800", "authorization": "Bearer t"}), ROOM)
    (request,) = web.asked
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content) == {
        "room": "notes/a",
        "token": "t",
        "headers": {"cookie": "s=1", "x-tenant": "é\ud800"},
    }
    await access(web).grant(shown("t"), RoomName(""))
    assert json.loads(web.asked[1].content)["room"] is None


async def test_an_answer_is_a_grant_issued_when_it_was_asked_for() -> None:
    """[T15] With all its fields, and with the least."""
    full = {
        "user": "ada",
        "name": "Ada L.",
        "color": "#c00",
        "role": "viewer",
        "rooms": {"notes/*": "editor"},
        "expires": NOW + 60,
        "attributes": {"team": "x"},
    }
    assert await access(answering(**full)).grant(shown("t"), ROOM) == Grant(
        UserId("ada"), "Ada L.", "viewer", {"notes/*": "editor"}, NOW + 60, {"team": "x", "color": "#c00"}, NOW
    )
    least = await access(Web(lambda request: httpx.Response(200, json={"user": "ada"}))).grant(shown("t"), ROOM)
    assert least == Grant(UserId("ada"), "ada", issued=NOW)
    assert least.expires == inf


@pytest.mark.parametrize(
    ("status", "error"), [(401, NotAuthenticated), (403, Forbidden), (404, Forbidden), (400, Unavailable),
                          (204, Unavailable), (302, Unavailable), (429, Unavailable), (500, Unavailable)],
)  # fmt: skip
async def test_a_status_says_who_is_refused_and_for_how_long(status: int, error: type[Exception]) -> None:
    """[T15] Refusals are the application's, and asked for once; all else is an outage, and is tried twice."""
    web = answering(status)
    with pytest.raises(error):
        await access(web).grant(shown("t"), ROOM)
    assert len(web.asked) == (2 if error is Unavailable else 1)


MALFORMED: list[dict[str, object]] = [
    {"user": ""},
    {"user": None},
    {"user": 7},
    {"user": "a\n"},
    {"user": "a" * 257},
    {"name": 7},
    {"color": "url(x)"},
    {"attributes": {"team": 7}},
    {"attributes": []},
    {"attributes": {"color": "url(x)"}},
    {"role": "edtor"},
    {"role": 7},
    {"rooms": {"a*": "editor"}},
    {"rooms": {"a": "edtor"}},
    {"rooms": []},
    {"expires": "soon"},
    {"expires": True},
    {"expire": NOW},
    {"issued": NOW},
    {"attributes": {"big": "x" * MAX_ANSWER}},
]


@pytest.mark.parametrize("bad", MALFORMED, ids=lambda bad: repr(bad)[:60])
async def test_a_malformed_answer_is_an_outage_and_no_grant(bad: dict[str, object]) -> None:
    """[T15] A misspelt field or role too: it would else be ignored, and what it was meant to forbid allowed."""
    web = answering(**bad)
    with pytest.raises(Unavailable) as refused:
        await access(web).grant(shown("t"), ROOM)
    assert isinstance(refused.value.__cause__, NoAnswer)
    assert len(web.asked) == 2


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'{"user": "a", "user": "b"}', b"\xff", b"[" * 9000])
async def test_an_answer_that_is_no_object_is_an_outage(body: bytes) -> None:
    """[T15] Whatever a proxy in between says with status 200."""
    with pytest.raises(Unavailable):
        await access(Web(lambda request: httpx.Response(200, content=body))).grant(shown("t"), ROOM)


async def test_one_failure_is_tried_again() -> None:
    """[T15] A restart of the application is no refusal."""
    answers = iter([httpx.Response(502), httpx.Response(200, json={"user": "ada"})])
    assert (await access(Web(lambda request: next(answers))).grant(shown("t"), ROOM)).user == "ada"


async def test_silence_ends_in_time() -> None:
    """[T15] Both tries and the wait for a place are within auth_seconds."""
    web = Web(lambda request: asyncio.sleep(3600, httpx.Response(200)))
    with pytest.raises(Unavailable):
        await access(web, seconds=0.1).grant(shown("t"), ROOM)
    assert 1 <= len(web.asked) <= 2


async def test_a_grant_is_used_again_for_a_moment() -> None:
    """[T16] By the same credentials in the same room, until auth_cache_seconds or its own end."""
    web, clock = Web(by_token), Clock()
    of = access(web, clock)
    first = await of.grant(shown("t"), ROOM)
    clock.now += 4.9
    assert await of.grant(shown("t"), ROOM) is first
    clock.now += 0.1
    assert (await of.grant(shown("t"), ROOM)).issued == clock.now
    assert len(web.asked) == 2
    short = answering(expires=NOW + 1)
    clock = Clock()
    of = access(short, clock)
    for now in (NOW, NOW + 0.5, NOW + 1):
        clock.now = now
        await of.grant(shown("t"), ROOM)
    assert len(short.asked) == 2
    uncached = answering()
    of = access(uncached, held=0)
    for _ in range(3):
        await of.grant(shown("t"), ROOM)
    assert len(uncached.asked) == 3


async def test_no_two_questions_share_an_answer() -> None:
    """[T16] However their parts are put together."""
    web = Web(by_token)
    of = access(web)
    questions = [
        (shown("t"), "a"),
        (shown("t"), "b"),
        (shown("t2"), "a"),
        (shown('t", "headers": {}'), "a"),
        (shown("t", cookie="1"), "a"),
        (shown("t", **{"x-tenant": "1"}), "a"),
        (shown("t", cookie="1", **{"x-tenant": "1"}), "a"),
        (shown('", "token": "t'), "a"),
    ]
    for credentials, room in questions:
        grant = await of.grant(credentials, RoomName(room))
        assert grant.user == f"user of {credentials.token}"
    assert len(web.asked) == len(questions)


async def test_a_refusal_is_not_kept() -> None:
    """[T16] Whoever has just been let in is let in."""
    web = answering(403)
    of = access(web)
    for _ in range(2):
        with pytest.raises(Forbidden):
            await of.grant(shown("t"), ROOM)
    assert len(web.asked) == 2


async def test_two_who_show_nothing_are_not_one() -> None:
    """[T16] Each may be another guest of the application's."""
    numbers = iter(range(9))
    web = Web(lambda request: httpx.Response(200, json={"user": f"guest {next(numbers)}"}))
    of = access(web)
    users = {(await of.grant(shown("", accept="*/*"), ROOM)).user for _ in range(3)}
    assert len(users) == 3


async def test_many_at_once_ask_once() -> None:
    """[T16] Even when the first of them goes away."""
    gate = asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        await gate.wait()
        return by_token(request)

    web = Web(slow)
    of = access(web)
    waiting = [asyncio.create_task(of.grant(shown("t"), ROOM)) for _ in range(100)]
    await eventually(lambda: web.asked, "the question")
    waiting[0].cancel()
    gate.set()
    assert {grant.user for grant in await asyncio.gather(*waiting[1:])} == {"user of t"}
    assert len(web.asked) == 1


async def test_so_many_questions_are_under_way_at_once() -> None:
    """[T16] The others wait for a place."""
    under_way = most = 0

    async def counting(request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return by_token(request)

    of = access(Web(counting))
    await asyncio.gather(*(of.grant(shown(f"t{number}"), ROOM) for number in range(5 * CONNECTIONS)))
    assert 1 < most <= CONNECTIONS


async def test_what_is_held_is_bounded() -> None:
    """[T16] The oldest goes."""
    web = Web(by_token)
    of = access(web)
    for number in range(MAX_HELD + 10):
        await of.grant(shown(f"t{number}"), ROOM)
    assert len(of._held) == MAX_HELD
    assert not of._asking
    await of.grant(shown(f"t{MAX_HELD}"), ROOM)
    assert len(web.asked) == MAX_HELD + 10
    await of.grant(shown("t0"), ROOM)
    assert len(web.asked) == MAX_HELD + 11


async def test_a_revoked_user_is_asked_about_anew() -> None:
    """[T16] Who was revoked, alone; None: everybody. The application decides again."""
    web = Web(by_token)
    of = access(web)

    async def join() -> int:
        before = len(web.asked)
        for name in ("ada", "bob"):
            await of.grant(shown(name), ROOM)
        return len(web.asked) - before

    assert await join() == 2
    assert await join() == 0
    of.forget(UserId("user of ada"))
    assert await join() == 1
    of.forget(None)
    assert await join() == 2


async def test_an_answer_of_before_a_revocation_lets_nobody_in_after_it() -> None:
    """[T6] It was asked for before, so it is covered; and it is not used again."""
    clock, gate = Clock(), asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        await gate.wait()
        return by_token(request)

    web, rulings = Web(slow), Rulings()
    of = access(web, clock)
    decision = Access(of, built_in(), rulings, clock, is_open=False)
    joining = asyncio.create_task(decision.identify(shown("t"), ROOM))
    await eventually(lambda: web.asked, "the question")
    clock.now += 1
    rulings.revoke_user(UserId("user of t"), clock.now)
    of.forget(UserId("user of t"))
    gate.set()
    grant = await joining
    with pytest.raises(NotAuthenticated, match="revoked"):
        decision.role(grant, ROOM)
    clock.now += 1
    assert decision.role(await decision.identify(shown("t"), ROOM), ROOM).name == "editor"


async def test_a_long_token_is_not_passed_on() -> None:
    """[T15] Nor kept."""
    web = answering()
    with pytest.raises(NotAuthenticated):
        await access(web).grant(shown("t" * (MAX_TOKEN + 1)), ROOM)
    assert not web.asked


async def test_an_outage_tells_the_peer_nothing_of_the_application() -> None:
    """[T12] The operator finds the cause behind it."""

    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection to 10.1.2.3 refused")

    with pytest.raises(Unavailable) as refused:
        await access(Web(down)).grant(shown("secret-token"), ROOM)
    assert "10.1.2.3" not in str(refused.value)
    assert "app.example" not in str(refused.value)
    assert "10.1.2.3" in str(refused.value.__cause__)
    assert "secret-token" not in repr(refused.value.__cause__)


async def test_closing_ends_questions() -> None:
    """[T15] A stop does not wait for the application."""
    web = Web(lambda request: asyncio.sleep(3600, httpx.Response(200)))
    of = access(web)
    waiting = asyncio.create_task(of.grant(shown("t"), ROOM))
    await eventually(lambda: web.asked, "the question")
    await of.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


class Wire:
    """A server on a socket of its own that says these bytes to every request, and keeps what it heard."""

    def __init__(self, *says: bytes) -> None:
        self.says = says
        self.heard: list[bytes] = []

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heard.append(await reader.readuntil(b"\r\n\r\n"))
            for said in self.says:
                writer.write(said)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


OK = b"HTTP/1.1 200 OK\r\nconnection: close\r\n"


async def exchange(*says: bytes, seconds: float = 10.0) -> Answer:
    client = http_client()
    try:
        async with Wire(*says) as url:
            return await ask(client, client.build_request("GET", url), 1000, seconds)
    finally:
        await client.aclose()


async def test_over_a_socket_an_answer_is_read_to_its_end() -> None:
    """[T15] With a length or without."""
    assert await exchange(OK + b"content-length: 2\r\n\r\n{}") == Answer(200, b"{}")
    assert await exchange(OK + b"\r\n", b"{", b"}") == Answer(200, b"{}")


@pytest.mark.parametrize(
    "says",
    [
        [],
        [b"SSH-2.0-OpenSSH\r\n\r\n"],
        [OK + b"content-length: 100\r\n\r\n{}"],
        [OK + b"\r\n", *[b"x" * 100] * 100],
        [OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n"],
        [OK + b"content-encoding: gzip\r\n\r\n\x1f\x8b"],
        [OK + b"x: " + b"y" * 1_000_000 + b"\r\n\r\n"],
    ],
    ids=["nothing", "no HTTP", "half", "too much", "no chunks", "compressed", "headers without end"],
)
async def test_over_a_socket_anything_else_is_no_answer(says: list[bytes]) -> None:
    """[T15] One kind of failure for its caller."""
    with pytest.raises(NoAnswer):
        await exchange(*says)


async def test_an_answer_that_drips_ends_in_time() -> None:
    """[T15] The limit is for the whole, not for each byte."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.01)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    client = http_client()
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    with pytest.raises(NoAnswer, match="no answer in"):
        await ask(client, client.build_request("GET", url), 10**9, 0.2)
    await client.aclose()
    server.close()


async def test_a_cookie_of_one_answer_does_not_travel_with_the_next_question() -> None:
    """[T15] It would make the next user the one before."""
    wire = Wire(OK + b"set-cookie: session=ada\r\ncontent-length: 2\r\n\r\n{}")
    client = http_client()
    async with wire as url:
        for _ in range(2):
            await ask(client, client.build_request("GET", url), 1000, 10.0)
    await client.aclose()
    assert len(wire.heard) == 2
    assert b"session" not in b"".join(wire.heard).lower()


def test_an_address_that_cannot_be_asked_is_refused_at_the_start() -> None:
    """[T15] Other schemes; and a password, which `motet doctor` would show."""
    assert checked("auth_url", URL) == URL
    for bad in (
        "",
        "app.example",
        "ftp://app.example",
        "file:///etc/passwd",
        "https://",
        "http://a:b@c/",
        "http://[::",
    ):
        with pytest.raises(ConfigError, match="auth_url") as refused:
            checked("auth_url", bad)
        assert "a:b" not in str(refused.value)
