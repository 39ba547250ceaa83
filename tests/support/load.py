"""Authors under load: raw Hocuspocus clients that write numbered things and count what they were promised."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from pycrdt import Doc, Map

from support.sockets import RawClient
from support.waiting import eventually
from support.wire import Typist

WINDOW = 8
"""Edits that an author sends ahead of their acknowledgements."""

VALUE = 64 * 1024
"""Bytes of each value that is written over the last one."""


class Author:
    """Types `name:0;name:1;…` into the text of its room, as fast as it is acknowledged; or with a pause of so many
    seconds after each."""

    def __init__(self, client: RawClient, room: str, number: int, pause: float) -> None:
        self.client = client
        self.room = room
        self._pause = pause
        self._is_done = False
        self.name = f"author{number}"
        self.sent = 0
        self.typist = Typist(client=1000 + number)
        self._task = asyncio.create_task(self._type())

    @classmethod
    async def join(cls, ws_url: str, room: str, number: int, token: str = "", pause: float = 0.0) -> Author:
        """Joins the room and begins to type; `number` is unique in the room."""
        client = await RawClient.hocuspocus(ws_url, room, apply=False, token=token)
        await client.synced()
        return cls(client, room, number, pause)

    async def _type(self) -> None:
        while self.client.closed is None and not self._is_done:
            if self.sent - self.client.saved < WINDOW:
                await self.client.update(self.typist.type(f"{self.name}:{self.sent};"))
                self.client.answer = self.typist.everything()
                self.sent += 1
                await asyncio.sleep(self._pause)
            else:
                await asyncio.sleep(0.001)

    async def finish(self) -> None:
        """Types no more, and waits until all is saved."""
        self._is_done = True
        await self._task
        await eventually(lambda: self.client.saved >= self.sent, "all that was typed is saved")

    async def hear_the_rest(self) -> None:
        """After the end of its connection: reads what was still on its way, promises too."""
        await self._task
        await eventually(lambda: self.client.has_ended, "the last byte is read")

    @property
    def promises(self) -> set[str]:
        """The tokens that were acknowledged."""
        return {f"{self.name}:{number}" for number in range(self.client.saved)}


async def broken_promises(ws_url: str, authors: Iterable[Author], token: str = "") -> dict[str, set[str]]:
    """By room: acknowledged tokens that a fresh client does not find there."""
    promised: dict[str, set[str]] = {}
    for author in authors:
        promised.setdefault(author.room, set()).update(author.promises)
    broken = {}
    for room, tokens in promised.items():
        stranger = await RawClient.yjs(ws_url, room, token=token)
        await stranger.synced()
        lost = tokens - set(stranger.text().split(";"))
        if lost:
            broken[room] = lost
        await stranger.close()
    return broken


class Overwriter:
    """Sets one key of the map "board" again and again, to a large value: updates pass, the document stays small."""

    def __init__(self, client: RawClient) -> None:
        self.client = client
        self.sent = 0
        self._updates: list[bytes] = []
        self._doc: Doc[Any] = Doc()
        self._board: Map[str] = Map()
        self._doc["board"] = self._board
        self._doc.observe(lambda event: self._updates.append(event.update))

    async def write(self, size: int) -> None:
        """So many bytes, each update acknowledged at most eight updates later."""
        for _ in range(size // VALUE):
            self._board["note"] = f"{self.sent:08}" + "x" * (VALUE - 8)
            for update in self._updates:
                await self.client.update(update)
            self._updates.clear()
            self.sent += 1
            await eventually(lambda: self.sent - self.client.saved <= 8, "the writes are acknowledged")


def newest(client: RawClient) -> int:
    """The number of the newest write that the client has seen."""
    assert client.doc is not None
    board = client.doc.get("board", type=Map)
    assert isinstance(board, Map)
    return int(str(board["note"])[:8]) if "note" in board else -1
