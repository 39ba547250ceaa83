"""pycrdt's own client: its Provider and Awareness, as Jupyter uses them, over `websockets`."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import anyio
import websockets
from pycrdt import (
    Array,
    Awareness,
    Channel,
    Doc,
    Map,
    Provider,
    Text,
    YMessageType,
    create_awareness_message,
    read_message,
)
from websockets.asyncio.client import ClientConnection, connect

from support import wire
from support.node import Content


class WebsocketChannel(Channel):
    """What a Provider reads and writes. Awareness messages are the application's: they go to `awareness`."""

    def __init__(self, connection: ClientConnection, awareness: Awareness) -> None:
        self._connection = connection
        self._awareness = awareness
        self.received = 0
        """Messages so far."""

    @property
    def path(self) -> str:
        return "room"

    async def __anext__(self) -> bytes:
        try:
            return await self.recv()
        except websockets.ConnectionClosed:
            raise StopAsyncIteration from None

    async def send(self, message: bytes) -> None:
        await self._connection.send(message)

    async def recv(self) -> bytes:
        message = await self._connection.recv(decode=False)
        self.received += 1
        if message[0] == YMessageType.AWARENESS:
            self._awareness.apply_awareness_update(read_message(message[1:]), self)
        return message


class PycrdtClient:
    """A document in a room, kept in sync by pycrdt's Provider, present by its Awareness."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.doc: Doc[Any] = Doc()
        self.text = self.doc.get("text", type=Text)
        self.map = self.doc.get("map", type=Map)
        self.array = self.doc.get("array", type=Array)
        self.comments = self.doc.get("comments", type=Array)
        self.awareness = Awareness(self.doc)
        self.channel = WebsocketChannel(connection, self.awareness)
        self.provider = Provider(self.doc, self.channel)
        self.name = "pycrdt"
        self._task = asyncio.create_task(self._run())
        self._sends: set[asyncio.Task[None]] = set()
        self.awareness.observe(self._on_awareness)

    @classmethod
    async def join(cls, ws_url: str, room: str, token: str = "") -> PycrdtClient:
        """Connects, with the token in a header, and waits until the Provider says that it is synced."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        url = f"{ws_url}/ws/{quote(room)}"
        connection = await connect(url, additional_headers=headers, max_size=None, ping_interval=None, proxy=None)
        client = cls(connection)
        await client.provider.started.wait()
        await client.provider.synced.wait()
        return client

    async def _run(self) -> None:
        async with anyio.create_task_group() as group:
            await group.start(self.awareness.start)
            await group.start(self.provider.start)

    def _on_awareness(self, topic: str, change: tuple[dict[str, Any], Any]) -> None:
        changed, origin = change
        if topic != "update" or origin is self.channel:
            return
        clients = [client for group in changed.values() for client in group]
        update = create_awareness_message(self.awareness.encode_awareness_update(clients))
        task = asyncio.get_running_loop().create_task(self._send(update))
        self._sends.add(task)
        task.add_done_callback(self._sends.discard)

    async def _send(self, message: bytes) -> None:
        if self.connection.close_code is None:
            await self.channel.send(message)

    async def edit(self, **edits: Any) -> None:
        """As NodeClient.edit, for `append`, `set`, `push` and `comment`."""
        for name, argument in edits.items():
            match name:
                case "append":
                    self.text += argument
                case "set":
                    self.map[argument[0]] = argument[1]
                case "push":
                    self.array.extend(argument)
                case "comment":
                    self.comments.extend(argument)
                case _:
                    raise ValueError(name)

    async def set_awareness(self, state: dict[str, Any] | None) -> None:
        """Replaces its own awareness state."""
        self.awareness.set_local_state(state)

    async def names(self) -> set[str]:
        """The names in everybody's awareness state, one's own included."""
        return {state["name"] for state in self.awareness.states.values() if state and "name" in state}

    async def content(self) -> Content:
        """What its document holds."""
        reader = wire.Reader(self.doc.get_state())
        vector = sorted((reader.varint(), reader.varint()) for _ in range(reader.varint()))
        lists = [root.to_py() or [] for root in (self.array, self.comments)]
        return Content(str(self.text), self.map.to_py() or {}, *lists, tuple(vector), False)

    async def destroy(self) -> None:
        """Its application's goodbye: the state is cleared, the socket closed."""
        self.awareness.set_local_state(None)
        await asyncio.gather(*self._sends)
        await self.connection.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
