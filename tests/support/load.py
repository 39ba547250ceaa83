"""Authors under load: raw Hocuspocus clients that type numbered tokens and count what they were promised."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from support.sockets import RawClient
from support.waiting import eventually
from support.wire import Typist

WINDOW = 8
"""Edits that an author sends ahead of their acknowledgements."""


class Author:
    """Types `name:0;name:1;…` into the text of its room, as fast as it is acknowledged."""

    def __init__(self, client: RawClient, room: str, number: int) -> None:
        self.client = client
        self.room = room
        self.name = f"author{number}"
        self.sent = 0
        self.typist = Typist(client=1000 + number)
        self._task = asyncio.create_task(self._type())

    @classmethod
    async def join(cls, ws_url: str, room: str, number: int) -> Author:
        """Joins the room and begins to type; `number` is unique in the room."""
        client = await RawClient.hocuspocus(ws_url, room, apply=False)
        await client.synced()
        return cls(client, room, number)

    async def _type(self) -> None:
        while self.client.closed is None:
            if self.sent - self.client.saved < WINDOW:
                await self.client.update(self.typist.type(f"{self.name}:{self.sent};"))
                self.client.answer = self.typist.everything()
                self.sent += 1
            else:
                await asyncio.sleep(0.001)

    async def hear_the_rest(self) -> None:
        """After the end of its connection: reads what was still on its way, promises too."""
        await self._task
        await eventually(lambda: self.client.has_ended, "the last byte is read")

    @property
    def promises(self) -> set[str]:
        """The tokens that were acknowledged."""
        return {f"{self.name}:{number}" for number in range(self.client.saved)}


async def broken_promises(ws_url: str, authors: Iterable[Author]) -> dict[str, set[str]]:
    """By room: acknowledged tokens that a fresh client does not find there."""
    promised: dict[str, set[str]] = {}
    for author in authors:
        promised.setdefault(author.room, set()).update(author.promises)
    broken = {}
    for room, tokens in promised.items():
        stranger = await RawClient.yjs(ws_url, room)
        await stranger.synced()
        lost = tokens - set(stranger.text().split(";"))
        if lost:
            broken[room] = lost
        await stranger.close()
    return broken
