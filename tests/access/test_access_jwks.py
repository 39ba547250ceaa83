"""Published keys: fetched when needed, followed in rotation, kept through an outage, and not fetched on demand of a
flood."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from access_harness import ROOM, Clock, Web, jwk, jwks, private_key, shown, token_by

from motet.access import built_in
from motet.access.jwks import KEPT, MAX_BYTES, PAUSE, REFRESH, RETRY, JwksKeys
from motet.access.keys import PUBLIC, keys_of_jwks
from motet.access.tokens import TokenAccess
from motet.errors import NotAuthenticated, Unavailable
from support.waiting import eventually

URL = "https://id.example/jwks"
ANY: frozenset[str] = frozenset()


class Issuer(Web):
    """Publishes keys of these ids; `down` is an outage."""

    def __init__(self, *ids: str) -> None:
        super().__init__(lambda request: self.published())
        self.ids = ids
        self.down = False

    def published(self) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, content=jwks(*(jwk(private_key("ES256", name), kid=name) for name in self.ids)))


def keys(web: Web, clock: Clock, accepted: frozenset[str] = ANY) -> JwksKeys:
    return JwksKeys(URL, accepted, web.client(), clock)


async def ids(of: JwksKeys, key_id: str | None) -> list[str | None]:
    return [key.id for key in await of.matching("ES256", key_id)]


async def test_keys_are_fetched_at_first_need_and_kept() -> None:
    """[T13] Once for many tokens."""
    issuer = Issuer("a", "b")
    of = keys(issuer, Clock())
    assert not issuer.asked
    assert await ids(of, "a") == ["a"]
    assert await ids(of, None) == ["a", "b"]
    assert len(issuer.asked) == 1
    assert str(issuer.asked[0].url) == URL
    await of.close()


async def test_all_who_need_keys_share_one_fetch() -> None:
    """[T13] Even when the first of them goes away."""
    issuer, gate = Issuer("a"), asyncio.Event()

    async def slow(request: httpx.Request) -> httpx.Response:
        await gate.wait()
        return issuer.published()

    issuer.answer = slow
    of = keys(issuer, Clock())
    waiting = [asyncio.create_task(ids(of, "a")) for _ in range(50)]
    await eventually(lambda: bool(issuer.asked), "the fetch")
    waiting[0].cancel()
    gate.set()
    assert await asyncio.gather(*waiting[1:]) == [["a"]] * 49
    assert len(issuer.asked) == 1


async def test_a_rotated_key_is_fetched_when_a_token_names_it() -> None:
    """[T13] And the one that is no longer published is no longer good."""
    issuer, clock = Issuer("old"), Clock()
    of = keys(issuer, clock)
    assert await ids(of, "old") == ["old"]
    issuer.ids = ("new",)
    clock.now += PAUSE
    assert await ids(of, "new") == ["new"]
    assert await ids(of, "old") == []


async def test_a_flood_of_forged_ids_is_no_flood_of_requests() -> None:
    """[T13] One fetch every 30 s at most."""
    issuer, clock = Issuer("a"), Clock()
    of = keys(issuer, clock)
    for number in range(1000):
        assert await ids(of, f"forged {number}") == []
        clock.now += 0.1
    assert len(issuer.asked) == 1 + 99.9 // PAUSE
    assert await ids(of, "a") == ["a"]


async def test_keys_are_refreshed_every_hour_and_nobody_waits_for_it() -> None:
    """[T13] The old ones are good until the new ones are there."""
    issuer, clock = Issuer("a"), Clock()
    of = keys(issuer, clock)
    await ids(of, "a")
    issuer.ids = ("a", "b")
    clock.now += REFRESH - 1
    assert await ids(of, None) == ["a"]
    await asyncio.sleep(0)
    assert len(issuer.asked) == 1
    clock.now += 1
    assert await ids(of, None) == ["a"]
    await eventually(lambda: len(issuer.asked) == 2, "the fetch")
    await eventually(lambda: of._fetching is None, "the fetch")
    assert await ids(of, None) == ["a", "b"]


async def test_an_issuer_that_is_down_changes_nothing_for_known_keys_for_a_day() -> None:
    """[T13] What fails is told; a key that is not held may exist, so its tokens are not refused for good."""
    issuer, clock = Issuer("a"), Clock()
    of = keys(issuer, clock)
    await ids(of, "a")
    issuer.down = True
    clock.now += REFRESH
    assert await ids(of, "a") == ["a"]
    await eventually(lambda: of.failing_since is not None, "the fetch")
    assert of.failing_since == clock.now
    assert "refused" in of.last_error
    assert URL in of.last_error
    with pytest.raises(Unavailable):
        await of.matching("ES256", "new")
    clock.now += KEPT - REFRESH - 1
    assert await ids(of, "a") == ["a"]
    await eventually(lambda: of._fetching is None, "the fetch")
    clock.now += 1
    with pytest.raises(Unavailable):
        await of.matching("ES256", "a")
    issuer.down = False
    clock.now += RETRY
    assert await ids(of, "a") == ["a"]
    assert (of.failing_since, of.last_error) == (None, "")


async def test_a_fetch_that_failed_is_repeated_without_a_token() -> None:
    """[T13] A server that is not ready for want of keys is sent nobody who would bring a token."""
    issuer, clock = Issuer("a"), Clock()
    of = keys(issuer, clock)
    of.retry()
    assert of._fetching is None
    issuer.down = True
    with pytest.raises(Unavailable):
        await of.matching("ES256", "a")
    for pause, fails in ((RETRY, True), (RETRY, False)):
        issuer.down = fails
        clock.now += pause - 0.5
        of.retry()
        assert of._fetching is None
        clock.now += 0.5
        of.retry()
        await eventually(lambda: of._fetching is None, "the fetch")
        assert (of.failing_since is None, of.usable) == (not fails, not fails)
    assert len(issuer.asked) == 3
    clock.now += PAUSE
    of.retry()
    assert of._fetching is None


async def test_keys_that_were_never_fetched_make_nobody_a_stranger() -> None:
    """[T13] Transient, with no address or detail for the peer; asked again after a pause of 2 s."""
    issuer, clock = Issuer("a"), Clock()
    issuer.down = True
    of = keys(issuer, clock)
    access = TokenAccess([], of, built_in(), Clock())
    credentials = shown(token_by(private_key("ES256", "a"), "ES256", "a"))
    for _ in range(10):
        with pytest.raises(Unavailable) as refused:
            await access.grant(credentials, ROOM)
        assert "id.example" not in str(refused.value)
    assert len(issuer.asked) == 1
    issuer.down = False
    clock.now += RETRY
    assert (await access.grant(credentials, ROOM)).user == "ada"


async def test_only_tokens_that_published_keys_could_sign_make_us_ask() -> None:
    """[T13] Not HS256, not none, not what the settings do not accept."""
    issuer = Issuer("a")
    for accepted in (ANY, frozenset({"RS256"})):
        access = TokenAccess([], keys(issuer, Clock(), accepted), built_in(), Clock())
        alg = "ES384" if not accepted else "ES256"
        with pytest.raises(NotAuthenticated):
            await access.grant(shown("eyJhbGciOiJIUzI1NiJ9.e30.AAAA"), ROOM)
        if accepted:
            with pytest.raises(NotAuthenticated):
                await access.grant(shown(token_by(private_key(alg), alg)), ROOM)
    assert not issuer.asked
    assert keys(issuer, Clock(), frozenset({"RS256", "HS256"})).algorithms == {"RS256"}
    assert keys(issuer, Clock()).algorithms == PUBLIC


async def long() -> AsyncIterator[bytes]:
    for _ in range(1000):
        yield b" " * 100_000


BAD: dict[str, Callable[[], httpx.Response]] = {
    "a redirect": lambda: httpx.Response(302, headers={"location": "https://evil.example/jwks"}),
    "an error": lambda: httpx.Response(500, content=jwks()),
    "not JSON": lambda: httpx.Response(200, content=b"<html>"),
    "no keys": lambda: httpx.Response(200, content=jwks()),
    "only a symmetric key": lambda: httpx.Response(200, content=jwks({"kty": "oct", "k": "AAAA"})),
    "a key too many": lambda: httpx.Response(200, content=jwks(*[jwk(private_key("ES256"))] * 33)),
    "too much": lambda: httpx.Response(200, content=b" " * (MAX_BYTES + 1)),
    "more and more": lambda: httpx.Response(200, content=long()),
    "compressed": lambda: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"\x1f")),
}


@pytest.mark.parametrize("what", BAD)
async def test_an_answer_that_holds_no_keys_is_an_outage(what: str) -> None:
    """[T13] Of a bounded size, from the configured address alone."""
    web = Web(lambda request: BAD[what]())
    of = keys(web, Clock())
    with pytest.raises(Unavailable):
        await of.matching("ES256", "a")
    assert of.failing_since is not None
    assert len(web.asked) == 1


async def test_our_own_keys_are_tried_before_anybody_is_asked() -> None:
    """[T13] A key of the file without an id does not hide those at the address."""
    issuer = Issuer("a")
    ours = keys_of_jwks(jwks(jwk(private_key("ES256", "ours"))), ANY)
    access = TokenAccess(ours, keys(issuer, Clock()), built_in(), Clock())
    await access.grant(shown(token_by(private_key("ES256", "ours"), "ES256")), ROOM)
    assert not issuer.asked
    await access.grant(shown(token_by(private_key("ES256", "a"), "ES256", "a")), ROOM)
    assert len(issuer.asked) == 1


async def test_closing_ends_a_fetch() -> None:
    """[T13] A stop does not wait for an issuer."""
    web = Web(lambda request: asyncio.sleep(3600, httpx.Response(200)))
    of = keys(web, Clock())
    waiting = asyncio.create_task(of.matching("ES256", "a"))
    await eventually(lambda: bool(web.asked), "the fetch")
    await of.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
