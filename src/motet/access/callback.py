"""Grants from the application, over HTTP: it is asked who shows these credentials, and what they may do in the room.

POST {"room": …, "token": …, "headers": {…}}, answered by 200 with a grant, 401 (not known), 403 or 404 (not in there).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from math import inf
from typing import Final, NamedTuple

import httpx
from pydantic import Field

from motet.access.asking import CONNECTIONS, NoAnswer, ask
from motet.access.grant import Credentials, Grant
from motet.access.roles import Roles
from motet.access.strict import Attributes, Color, PatternText, Strict, Text, Time, parse
from motet.access.tokens import MAX_TOKEN
from motet.errors import Forbidden, NotAuthenticated, Unavailable
from motet.ids import RoomName, UserId

MAX_ANSWER: Final = 64 * 1024
"""Bytes of a grant."""
MAX_HELD: Final = 4096
"""Grants held; beyond it the oldest goes, and is asked for again."""
TRIES: Final = 2


@dataclass(frozen=True, slots=True)
class Callback:
    """Whom to ask, and how."""

    url: str
    headers: tuple[str, ...]
    """Request headers that are passed on, by name."""
    seconds: float
    """For an answer, with both tries and the wait for a place."""
    held_seconds: float
    """A grant is used again for so long; 0 asks every time."""


class _Answer(Strict, extra="forbid"):
    user: Text
    name: Text | None = None
    color: Color | None = None
    role: str | None = None
    rooms: dict[PatternText, str] = Field(default_factory=dict)
    expires: Time | None = None
    attributes: Attributes = Field(default_factory=dict)


class _Held(NamedTuple):
    grant: Grant
    until: float
    """On the clock."""


class CallbackAccess:
    """Grants that the application answers. `now` gives seconds since the epoch; `clock` seconds that never go back."""

    def __init__(
        self,
        callback: Callback,
        roles: Roles,
        client: httpx.AsyncClient,
        now: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._callback = callback
        self._roles = roles
        self._client = client
        self._now = now
        self._clock = clock
        self._names = sorted({name.lower() for name in callback.headers})
        self._held: dict[bytes, _Held] = {}
        # One question at a time for the same credentials and room, for as many as wait. Bounded by who may wait: the
        # connections that are signing in.
        self._asking: dict[bytes, asyncio.Task[Grant]] = {}
        self._places = asyncio.Semaphore(CONNECTIONS)

    async def grant(self, credentials: Credentials, room: RoomName) -> Grant:
        """The application's answer, or the one of a moment ago. Raises NotAuthenticated, Forbidden, Unavailable."""
        if len(credentials.token) > MAX_TOKEN:
            raise NotAuthenticated(f"a token has at most {MAX_TOKEN} characters")
        headers = {name: credentials.headers[name] for name in self._names if name in credentials.headers}
        # ASCII, in one order: equal questions are equal bytes, others are not.
        question = json.dumps({"room": room or None, "token": credentials.token, "headers": headers}).encode()
        if not credentials.token and not headers:
            return await self._ask(question)  # by two who show nothing: nothing says that they are one
        key = sha256(question).digest()
        held = self._held.get(key)
        if held is not None and self._clock() < held.until and self._now() < held.grant.expires:
            return held.grant
        return await asyncio.shield(self._asked(key, question))

    def _asked(self, key: bytes, question: bytes) -> asyncio.Task[Grant]:
        if key not in self._asking:
            asking = self._asking[key] = asyncio.create_task(self._ask(question))
            asking.add_done_callback(lambda done: self._answered(key, done))
        return self._asking[key]

    def _answered(self, key: bytes, asking: asyncio.Task[Grant]) -> None:
        failed = asking.cancelled() or asking.exception() is not None  # told to those who wait, if they still do
        if self._asking.get(key) is not asking:
            return  # forgotten meanwhile
        del self._asking[key]
        if failed or not self._callback.held_seconds:
            return
        self._held.pop(key, None)
        if len(self._held) >= MAX_HELD:
            del self._held[next(iter(self._held))]
        self._held[key] = _Held(asking.result(), self._clock() + self._callback.held_seconds)

    def forget(self, user: UserId | None) -> None:
        """The next to show this user's credentials (None: anybody's) is asked about anew: something was revoked."""
        self._held = {key: held for key, held in self._held.items() if user is not None and held.grant.user != user}
        self._asking.clear()  # whose these are is not known yet

    async def _ask(self, question: bytes) -> Grant:
        try:
            async with asyncio.timeout(self._callback.seconds), self._places:
                for last in range(TRIES, 0, -1):
                    try:
                        return await self._once(question)
                    except NoAnswer:
                        if last == 1:
                            raise
        except (NoAnswer, TimeoutError) as e:
            raise Unavailable("the application cannot be asked now who you are") from e
        raise AssertionError("the last try returns or raises")

    async def _once(self, question: bytes) -> Grant:
        asked = self._now()
        request = self._client.build_request(
            "POST", self._callback.url, content=question, headers={"content-type": "application/json"}
        )
        answer = await ask(self._client, request, MAX_ANSWER, self._callback.seconds / TRIES)
        match answer.status:
            case 200:
                return self._grant(answer.body, asked)
            case 401:
                raise NotAuthenticated("the application does not know these credentials")
            case 403 | 404:
                raise Forbidden("this grant is not for that room")
            case status:
                raise NoAnswer(f"status {status}")

    def _grant(self, body: bytes, asked: float) -> Grant:
        try:
            answer = parse(_Answer, body)
        except ValueError as e:
            raise NoAnswer(f"an answer that is no grant: {e}") from None
        named = [*answer.rooms.values()] + ([] if answer.role is None else [answer.role])
        if (unknown := self._roles.unknown(named)) is not None:
            raise NoAnswer(f"an answer with the role {unknown[:40]!r}, and there is no such role")
        attributes = dict(answer.attributes)
        if answer.color is not None:
            attributes["color"] = answer.color
        return Grant(
            user=UserId(answer.user),
            name=answer.name or answer.user,
            role=answer.role,
            rooms=answer.rooms,
            expires=inf if answer.expires is None else answer.expires,
            attributes=attributes,
            issued=asked,
        )

    async def close(self) -> None:
        """Ends what is under way."""
        for asking in self._asking.values():
            asking.cancel()
        await self._client.aclose()
