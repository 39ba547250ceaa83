"""One HTTP exchange with whoever must be asked: bounded in time and bytes; no redirects, cookies or compression."""

from __future__ import annotations

import asyncio
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final, NamedTuple

import httpx

from motet.errors import ConfigError

CONNECTIONS: Final = 64
"""To one server; the next exchange waits for a place, within its time."""


class NoAnswer(Exception):
    """Nothing that could be used came in time. For the operator; it does not leave the component."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes


def checked(name: str, url: str) -> str:
    """The address in the setting of this name. Raises ConfigError for one that cannot be asked, or shows a password."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as e:
        raise ConfigError(f"{name} is no address: {e}") from None
    if parts.scheme not in ("http", "https") or not parts.host:
        raise ConfigError(f"{name} must be an address that begins with https:// or http://")
    if parts.userinfo:
        raise ConfigError(f"{name} must not hold a user or password: settings are shown in `motet doctor`")
    return url


def http_client() -> httpx.AsyncClient:
    """A client that keeps no cookies: those of one user's answer would travel with the next user's question."""
    return httpx.AsyncClient(
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "motet"},
        timeout=None,  # `ask` has one for the whole exchange
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
    )


async def ask(client: httpx.AsyncClient, request: httpx.Request, max_bytes: int, seconds: float) -> Answer:
    """Sends a request and reads the answer whole. Raises NoAnswer."""
    try:
        async with asyncio.timeout(seconds):
            response = await client.send(request, stream=True, follow_redirects=False)
            try:
                return Answer(response.status_code, await _body(response, max_bytes))
            finally:
                await response.aclose()
    except TimeoutError:
        raise NoAnswer(f"no answer in {seconds:g} s") from None
    except httpx.HTTPError as e:
        raise NoAnswer(f"{type(e).__name__}: {e}") from e


async def _body(response: httpx.Response, max_bytes: int) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise NoAnswer("a compressed answer, which was not asked for")  # a few bytes of it may be a gigabyte
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > max_bytes:
            raise NoAnswer(f"an answer of more than {max_bytes} bytes")
    return bytes(body)
