"""Public keys that an issuer publishes at an address (JWKS, RFC 7517): fetched when needed, kept, and rotated."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Final

import httpx

from motet.access.asking import NoAnswer, ask
from motet.access.keys import PUBLIC, Key, keys_of_jwks
from motet.errors import Unavailable

MAX_BYTES: Final = 256 * 1024
"""Of the set of keys."""
SECONDS: Final = 5.0
"""For a fetch."""
PAUSE: Final = 30.0
"""Seconds between two fetches, however many tokens name keys that are not known: a flood of forged `kid`s is none of
requests."""
RETRY: Final = 2.0
"""Seconds between two fetches while no key is held at all."""
REFRESH: Final = 3600.0
"""Seconds after which keys are fetched anew."""
KEPT: Final = 24 * 3600.0
"""Seconds for which keys are good while the address does not answer."""


class JwksKeys:
    """The keys at an address. `accepted` are the algorithms of the settings (none: each key's own); `clock` gives
    seconds that never go back."""

    def __init__(
        self, url: str, accepted: frozenset[str], client: httpx.AsyncClient, clock: Callable[[], float]
    ) -> None:
        self.algorithms: Final = accepted & PUBLIC if accepted else PUBLIC
        """Those that keys may come for."""
        self.failing_since: float | None = None
        """On the clock; None while the last fetch went well."""
        self.last_error = ""
        """Why the last fetch failed, for the operator."""
        self._url = url
        self._accepted = accepted
        self._client = client
        self._clock = clock
        self._keys: tuple[Key, ...] = ()
        self._fetched = self._tried = -inf
        self._fetching: asyncio.Task[None] | None = None

    async def matching(self, algorithm: str, key_id: str | None) -> list[Key]:
        """The keys that a token of such a header may be signed with.

        Raises Unavailable when there is none and the address does not answer: it may have a new one.
        """
        found = self._held(algorithm, key_id)
        now = self._clock()
        if not found:
            if self._fetching is not None or now - self._tried >= self._pause():
                await asyncio.shield(self._refresh())
            found = self._held(algorithm, key_id)
            if not found and self.failing_since is not None:
                raise Unavailable("the keys that tokens are signed with cannot be fetched now")
        elif now - self._fetched >= REFRESH and now - self._tried >= PAUSE:
            self._refresh()  # nobody waits: those that are held are good
        return found

    def retry(self) -> None:
        """[T13] While the last fetch failed, another is begun after the same pauses. To be called every second or so:
        of a server that is not ready nobody asks anything, so no token would bring the next."""
        if self.failing_since is not None and self._clock() - self._tried >= self._pause():
            self._refresh()

    @property
    def usable(self) -> bool:
        """Whether any key is held that is not older than it may be."""
        return bool(self._keys) and self._clock() - self._fetched < KEPT

    def _pause(self) -> float:
        return PAUSE if self._clock() - self._fetched < KEPT else RETRY

    def _held(self, algorithm: str, key_id: str | None) -> list[Key]:
        if self._clock() - self._fetched >= KEPT:
            return []
        return [key for key in self._keys if key.fits(algorithm, key_id)]

    def _refresh(self) -> asyncio.Task[None]:
        """One fetch at a time, shared by all who want one."""
        if self._fetching is None:
            self._tried = self._clock()
            self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        try:
            answer = await ask(self._client, self._client.build_request("GET", self._url), MAX_BYTES, SECONDS)
            if answer.status != 200:
                raise NoAnswer(f"status {answer.status}")
            keys = keys_of_jwks(answer.body, self._accepted)
            if not keys:
                raise NoAnswer("a set without a key that may be used")
        except (NoAnswer, ValueError) as e:
            self.last_error = f"{self._url}: {e}"
            if self.failing_since is None:
                self.failing_since = self._clock()
        else:
            self._keys, self._fetched = keys, self._clock()
            self.failing_since, self.last_error = None, ""
        finally:
            self._fetching = None

    async def close(self) -> None:
        """Ends what is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
        await self._client.aclose()
