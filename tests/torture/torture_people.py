"""Who types through it all: npm clients, and raw authors that come back. What they type says who typed it."""

from __future__ import annotations

import asyncio
import itertools
import random
import time

import websockets

from support.load import Author
from support.node import HOCUSPOCUS, NodeClient, NodeClients
from support.tokens import shown_by, token
from support.waiting import eventually

DAYS = 86_400.0
LEAVES = "hocuspocus-provider-2"
"""It leaves its socket when it is refused something, and comes back by a word of its application."""
RETRY = 0.5
"""Seconds after which an author that was not let in tries again."""


def lasting(user: str, room: str, role: str = "editor") -> str:
    """A token that is good whatever the clock says, for this room alone."""
    return token(user, {room: role}, 90 * DAYS, iat=int(time.time() - 90 * DAYS))


class Writer:
    """An npm client that types marks, `user:number;`, at either end of the text of its room, and counts them in the
    map, until `finish`."""

    def __init__(self, client: NodeClient, room: str, user: str, pace: float) -> None:
        self.client = client
        self.room = room
        self.user = user
        self.typed = 0
        self.saved = 0
        """Marks of which its provider said that they are saved (Hocuspocus)."""
        self._pace = pace
        self._is_done = False
        self._chance = random.Random(user)
        self._task = asyncio.create_task(self._type()) if pace else None

    @classmethod
    async def join(
        cls, node: NodeClients, kind: str, ws_url: str, room: str, user: str, role: str = "editor", pace: float = 0.3
    ) -> Writer:
        """Joins with its name as its presence, and begins to type with about so many seconds in between; with a pace
        of 0 it types when it is told to."""
        client = await node.create(kind, ws_url, room, **shown_by(kind, lasting(user, room, role)))
        client.name = user
        await client.set_awareness({"name": user})
        return cls(client, room, user, pace)

    @property
    def promises(self) -> set[str]:
        """The marks that its provider called saved."""
        return self.marks(self.saved)

    def marks(self, upto: int, start: int = 0) -> set[str]:
        """The marks of these numbers."""
        return {f"{self.user}:{number}" for number in range(start, upto)}

    async def type(self) -> None:
        """One mark; and looks whether all is saved."""
        mark, number = f"{self.user}:{self.typed};", self.typed
        self.typed += 1
        if self._chance.random() < 0.5:
            await self.client.edit(append=mark, set=[self.user, number])
        else:
            await self.client.edit(insert=[0, mark], set=[self.user, number])
        await self.look()

    async def look(self) -> None:
        """Notes what is saved, in the words of a Hocuspocus provider."""
        if self.client.kind in HOCUSPOCUS:
            report = await self.client.report()
            if report.synced and report.unsynced_changes == 0:
                self.saved = self.typed

    async def _type(self) -> None:
        while not self._is_done:
            await self.type()
            await asyncio.sleep(self._pace * self._chance.uniform(0.5, 1.5))

    async def leave(self) -> None:
        """At the end of a test, whatever the state."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def go_on(self) -> None:
        """Types again."""
        self._is_done = False
        self._task = asyncio.create_task(self._type())

    async def finish(self) -> None:
        """Types no more."""
        self._is_done = True
        if self._task is not None:
            await self._task

    async def settle(self) -> None:
        """Waits until it is in the room, and, in its own words, has everything and nothing unsaved."""

        async def is_settled() -> bool:
            report = await self.client.report()
            assert report.connected and report.synced and report.unsynced_changes == 0, report
            return True

        await eventually(is_settled, f"{self.user} is in, and has everything saved", deadline=90)
        await self.look()


class Chair:
    """A place for a raw author in a room: whenever one has lost its connection, another sits down.

    Each has a number of its own, from 1000 on, since a client's clock never begins again.
    """

    numbers = itertools.count(1000)

    def __init__(self, ws_url: str, room: str, pause: float) -> None:
        self._ws_url = ws_url
        self.room = room
        self._pause = pause
        self._is_done = False
        self.authors: list[Author] = []
        self._task = asyncio.create_task(self._sit())

    async def _sit(self) -> None:
        while not self._is_done:
            number = next(self.numbers)
            shown = lasting(f"author{number}", self.room)
            try:
                author = await Author.join(self._ws_url, self.room, number, shown, self._pause)
            except (OSError, websockets.WebSocketException, AssertionError):
                await asyncio.sleep(RETRY)  # refused, or not answered: the server is down
                continue
            self.authors.append(author)
            while author.client.closed is None and not self._is_done:
                await asyncio.sleep(RETRY)
            if author.client.closed is not None:
                await author.hear_the_rest()

    async def empty(self) -> None:
        """The author types no more, has all of it saved, and goes."""
        self._is_done = True
        await self._task
        for author in self.authors[-1:]:
            if author.client.closed is None:
                await author.finish()
                await author.client.close()

    def go_on(self) -> None:
        """The next one sits down."""
        self._is_done = False
        self._task = asyncio.create_task(self._sit())

    async def leave(self) -> None:
        """At the end of a test, whatever the state."""
        self._task.cancel()
        await asyncio.wait([self._task])
        for author in self.authors[-1:]:
            author.client.abort()
            await author.hear_the_rest()

    @property
    def promises(self) -> set[str]:
        """All that was acknowledged to any of them."""
        return set().union(*(author.promises for author in self.authors))
