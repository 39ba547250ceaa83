"""Raw clients of both dialects: they do what a test says and nothing else (no renewal, no reconnect)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import websockets
from pycrdt import Doc, Map, Text
from websockets.asyncio.client import ClientConnection, connect

from support import wire
from support.waiting import eventually


class RawClient:
    """One socket in one room, with everything that the server said to it.

    Unless `apply` is false it keeps a pycrdt document of what it received. It answers a sync step 1 like every Yjs
    client, with what `answer` holds (nothing, at first).
    """

    def __init__(self, connection: ClientConnection, document: str | None, apply: bool) -> None:
        self.connection = connection
        self.document = document
        self.messages: list[wire.Message] = []
        self.counts: Counter[tuple[int, int]] = Counter()
        """Messages by (type, kind)."""
        self.saved = 0
        """SyncStatus true, so far; `synced` sets it to 0, so that it counts the edits after that."""
        self.refused = 0
        """SyncStatus false, so far."""
        self.awareness: dict[int, wire.AwarenessEntry] = {}
        """The newest entry of each client id, gone ones too."""
        self.answer = wire.EMPTY_UPDATE
        self.doc: Doc[Text | Map[Any]] | None = Doc() if apply else None
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def yjs(
        cls, ws_url: str, room: str, *, apply: bool = True, sync: bool = True, read: bool = True, token: str = ""
    ) -> RawClient:
        """A client at /ws/{room}. `sync`: it sends its (empty) sync step 1; `read`: it reads what comes."""
        url = f"{ws_url}/ws/{quote(room)}" + (f"?token={token}" if token else "")
        return await cls._open(url, None, apply, sync, read)

    @classmethod
    async def hocuspocus(
        cls, ws_url: str, room: str, *, apply: bool = True, sync: bool = True, read: bool = True, token: str = ""
    ) -> RawClient:
        """A client at /hocuspocus with one document; in open mode no token is needed."""
        client = await cls._open(f"{ws_url}/hocuspocus", room, apply, sync and not token, read)
        if token:
            await client.send(wire.auth(room, token))
            if sync:
                await client.sync_step1()
        return client

    @classmethod
    async def _open(cls, url: str, document: str | None, apply: bool, sync: bool, read: bool) -> RawClient:
        # max_queue: what is not read stays in the kernel's buffers, as with a client that has stalled.
        connection = await connect(url, max_size=None, max_queue=4, ping_interval=None, compression=None, proxy=None)
        client = cls(connection, document, apply)
        if read:
            client.read()
        if sync:
            await client.sync_step1()
        return client

    def read(self) -> None:
        """Starts to read what comes."""
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for payload in self.connection:
                assert isinstance(payload, bytes), "the server sent a text message"
                await self._receive(wire.read_message(payload, hocuspocus=self.document is not None))
        except websockets.ConnectionClosed:
            return  # .closed tells the code

    async def _receive(self, message: wire.Message) -> None:
        self.messages.append(message)
        self.counts[message.type, message.kind] += 1
        if message.type in (wire.SYNC, wire.SYNC_REPLY):
            if message.kind == wire.STEP1:
                await self.send(wire.sync(self.document, wire.STEP2, self.answer))
            elif self.doc is not None:
                self.doc.apply_update(message.data)
        elif message.type == wire.SYNC_STATUS:
            if message.ok:
                self.saved += 1
            else:
                self.refused += 1
        elif message.type == wire.AWARENESS:
            self.awareness |= {entry.client: entry for entry in wire.read_awareness(message.data)}

    async def send(self, payload: bytes) -> None:
        """One binary message; nothing when the connection has ended."""
        try:
            await self.connection.send(payload)
        except websockets.ConnectionClosed:
            return  # .closed tells the code

    async def sync_step1(self, vector: bytes = wire.EMPTY_VECTOR) -> None:
        """Asks for what the server has beyond `vector`."""
        await self.send(wire.sync(self.document, wire.STEP1, vector))

    async def update(self, data: bytes) -> None:
        """Sends an update."""
        await self.send(wire.sync(self.document, wire.UPDATE, data))

    async def set_awareness(self, *entries: wire.AwarenessEntry) -> None:
        """Sends these awareness entries."""
        await self.send(wire.awareness(self.document, wire.awareness_update(*entries)))

    async def synced(self) -> RawClient:
        """Waits for the first sync step 2 and, in the hocuspocus dialect, for its own status; returns itself."""
        await eventually(lambda: self.counts[wire.SYNC, wire.STEP2], "the first sync step 2")
        if self.document is not None:
            await eventually(lambda: self.saved, "the status of the sync step 2")
            self.saved = 0
        return self

    def of(self, type_: int, kind: int = 0) -> list[wire.Message]:
        """Everything of this type (and kind) that came."""
        return [message for message in self.messages if (message.type, message.kind) == (type_, kind)]

    @property
    def denials(self) -> list[str]:
        """Why it was refused, in the server's words: permission denied of both dialects."""
        kind = wire.TOKEN if self.document is None else wire.DENIED
        return [message.data.decode() for message in self.of(wire.AUTH, kind)]

    @property
    def closed(self) -> tuple[int, str] | None:
        """Code and reason with which the server closed; None while it is open; 1006 when it ended without a word."""
        code = self.connection.close_code
        return None if code is None else (code, self.connection.close_reason or "")

    @property
    def has_ended(self) -> bool:
        """The connection is over and everything that came was read."""
        return self._reader is not None and self._reader.done()

    async def ended(self) -> tuple[int, str]:
        """Waits for the server to close; code and reason."""
        return await eventually(lambda: self.closed, "the server closes the connection", deadline=60)

    def text(self, root: str = "text") -> str:
        """The text `root` of what it received."""
        assert self.doc is not None
        return str(self.doc.get(root, type=Text))

    def state(self) -> dict[int, int]:
        """The state vector of what it received."""
        assert self.doc is not None
        reader = wire.Reader(self.doc.get_state())
        return {reader.varint(): reader.varint() for _ in range(reader.varint())}

    async def close(self) -> None:
        """A clean end."""
        await self.connection.close()
        if self._reader is not None:
            await self._reader

    def abort(self) -> None:
        """An end without a word, as when a cable is pulled from the machine's own side."""
        self.connection.transport.abort()


async def close_all(clients: Iterable[RawClient]) -> None:
    """A clean end of all of them, at once."""
    await asyncio.gather(*(client.close() for client in clients))
