"""Members of an authenticated server over raw sockets, and updates that no editor would write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

from motet.ids import RoomName
from motet.persistence import SqliteReader, StoredRoom
from support import wire
from support.server import MotetServer
from support.sockets import RawClient
from support.tokens import token
from support.waiting import eventually
from support.wire import var_bytes, varint

YJS, HOCUSPOCUS = "yjs", "hocuspocus"
Id = tuple[int, int]


class Member(RawClient):
    """A raw client that has shown a token: whether or not it was let in, it can say anything."""

    @classmethod
    async def come(cls, server: MotetServer, dialect: str, room: str, shown: str, query: str = "") -> Member:
        """Connects, shows the token and sends sync step 1; waits until it is in or is told that it is not."""
        if dialect == YJS:
            url = f"{server.ws_url}/ws/{quote(room)}?token={shown}{query}"
            client = await cls._open(url, None, apply=True, sync=True, read=True)
        else:
            client = await cls._open(f"{server.ws_url}/hocuspocus", room, apply=True, sync=False, read=True)
            await client.send(wire.auth(room, shown))
            await client.sync_step1()
        assert isinstance(client, Member)
        await eventually(lambda: client.is_in or client.denials, "it is in, or told why not")
        if client.is_in and client.document is not None:
            await eventually(lambda: client.saved, "the status of its own sync")
            client.saved = 0
        return client

    @property
    def is_in(self) -> bool:
        """It was sent the document."""
        return bool(self.counts[wire.SYNC, wire.STEP2])

    def stop_reading(self) -> None:
        """From now on what comes stays in the kernel's buffers."""
        assert self._reader is not None
        self._reader.cancel()

    async def heard(self) -> None:
        """Everything that it sent so far was dealt with, or it was sent away."""
        kind = (wire.SYNC, wire.STEP2) if self.document is None else (wire.PONG, 0)
        answers = self.counts[kind]
        if self.document is None:
            await self.sync_step1()
        else:
            await self.send(bytes((wire.PING,)))  # it is about the socket, whatever became of the document
        await eventually(lambda: self.counts[kind] > answers or self.closed, "it is answered, or sent away")


class Witness(Member):
    """An editor by Hocuspocus. What it gets, the others get; and when something of its own is saved, all before is."""

    typist: wire.Typist

    @classmethod
    async def watch(cls, server: MotetServer, room: str, user: str = "witness") -> Witness:
        """In the room, as an editor."""
        found = await cls.come(server, HOCUSPOCUS, room, token(user, {room: "editor"}))
        assert isinstance(found, Witness) and found.is_in, found.denials
        found.typist = wire.Typist(client=99, root="marks")
        return found

    async def update(self, data: bytes) -> None:
        """What it sends it holds too."""
        assert self.doc is not None
        self.doc.apply_update(data)
        await super().update(data)

    async def look(self) -> None:
        """Everything that the server took before this moment has come here, and is in the log."""
        saved = self.saved
        await self.update(self.typist.type("."))
        await eventually(lambda: self.saved > saved, "the witness's mark is saved")

    @property
    def updates(self) -> list[bytes]:
        """Every update of others."""
        return [message.data for message in self.of(wire.SYNC, wire.UPDATE)]


@asynccontextmanager
async def stored(server: MotetServer) -> AsyncIterator[SqliteReader]:
    """The server's data directory, read beside it."""
    reader = SqliteReader(server.data)
    try:
        yield reader
    finally:
        await reader.close()


async def log_of(server: MotetServer, room: str) -> StoredRoom | None:
    """What is stored of a room. Raises RoomDeleted."""
    async with stored(server) as reader:
        return await reader.load(RoomName(room))


async def authors(server: MotetServer, room: str) -> set[str]:
    """Who wrote the rows of a room."""
    found = await log_of(server, room)
    return {row.author for row in found.tail} if found is not None else set()


async def ask(server: MotetServer, method: str, path: str, shown: str = "", body: object = None) -> tuple[int, str]:
    """A request to the API; status and body."""
    return await asyncio.to_thread(server.ask, method, f"/api/v1{path}", body, shown)


def path_of(room: str) -> str:
    """A room's path in the API."""
    return f"/rooms/{quote(room)}"


# Updates by hand, after Yjs's encoding 1


def item(
    ref: int, content: bytes, origin: Id | None = None, right: Id | None = None, parent: str | Id = "", key: str = ""
) -> bytes:
    """An item: its content's ref and bytes, and where it says that it is."""
    info = ref | (0x80 if origin else 0) | (0x40 if right else 0) | (0x20 if key else 0)
    out = bytes((info,)) + b"".join(varint(number) for id_ in (origin, right) if id_ for number in id_)
    if not origin and not right:
        out += b"\1" + var_bytes(parent.encode()) if isinstance(parent, str) else b"\0" + _id(parent)
        if key:
            out += var_bytes(key.encode())
    return out + content


def _id(id_: Id) -> bytes:
    return varint(id_[0]) + varint(id_[1])


def text(
    content: str, origin: Id | None = None, right: Id | None = None, parent: str | Id = "", key: str = ""
) -> bytes:
    """An item of text."""
    return item(4, var_bytes(content.encode()), origin, right, parent, key)


def block(client: int, clock: int, *structs: bytes) -> bytes:
    """A client's structs from a clock on."""
    return varint(len(structs)) + varint(client) + varint(clock) + b"".join(structs)


def update(*blocks: bytes, deletes: dict[int, list[Id]] | None = None) -> bytes:
    """An update of these blocks, and of deletes: (clock, length) by client."""
    out = varint(len(blocks)) + b"".join(blocks) + varint(len(deletes or {}))
    for client, ranges in (deletes or {}).items():
        out += varint(client) + varint(len(ranges)) + b"".join(_id(range_) for range_ in ranges)
    return out


async def watched(server: MotetServer, room: str) -> Witness:
    """A room with content and comments of its witness: client 100 wrote `seed` (0-3) into the text, `note` (4-7) into
    the comments, and has an array in each: 8 in the content, 9 in the comments."""
    witness = await Witness.watch(server, room)
    await witness.update(
        update(
            block(
                100,
                0,
                text("seed", parent="text"),
                text("note", parent="comments"),
                item(7, b"\0", parent="map", key="list"),
                item(7, b"\0", parent="threads", key="list"),
            )
        )
    )
    await witness.look()
    return witness
