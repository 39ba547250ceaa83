"""The operators' API of a real server, over real sockets: streams, downloads, health while the disk hangs."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from pycrdt import Doc, Map

from support.administrator import AdministratorClient
from support.pycrdt_client import PycrdtClient
from support.server import MotetServer, StartMotet
from support.sockets import RawClient
from support.tokens import SECURED, token
from support.waiting import eventually

ROOM = "notes/a"
STREAMS = 16


@pytest.fixture
def server(start_motet: StartMotet) -> MotetServer:
    return start_motet(SECURED)


@pytest.fixture
def admin(server: MotetServer) -> AdministratorClient:
    return AdministratorClient(server)


class EventStream:
    """A stream of events, as a browser reads it, or does not."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, server: MotetServer, path: str = "/events", shown: str = "") -> EventStream:
        """Asks, and reads nothing yet."""
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1 << 20)
        bearer = shown or token("root", "admin")
        writer.write(f"GET /api/v1{path} HTTP/1.1\r\nHost: motet\r\nAuthorization: Bearer {bearer}\r\n\r\n".encode())
        return cls(reader, writer)

    async def head(self) -> str:
        """The status line and the headers."""
        return (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 30)).decode()

    async def next(self) -> tuple[str, Any]:
        """The next event, and what it says."""
        size = int(await asyncio.wait_for(self.reader.readline(), 30), 16)
        if not size:
            raise EOFError
        event = (await self.reader.readexactly(size + 2)).decode().strip()
        name, data = event.split("\n")
        return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    async def until(self, name: str, is_it: Any = lambda said: True) -> Any:
        """The first event of this name of which it is true."""
        while True:
            found, said = await self.next()
            if found == name and is_it(said):
                return said

    async def ends(self) -> None:
        """Reads to the server's end of the answer."""
        with contextlib.suppress(EOFError):
            while True:
                await self.next()

    def leave(self) -> None:
        self.writer.transport.abort()


@pytest.fixture
async def ada(server: MotetServer) -> AsyncIterator[PycrdtClient]:
    client = await PycrdtClient.join(server.ws_url, ROOM, token("ada", name="Ada"))
    yield client
    await client.destroy()


async def test_a_stream_shows_what_people_do_as_they_do_it(server: MotetServer, ada: PycrdtClient) -> None:
    """[W8] Members, presence, edits and their log, refusals, round trips."""
    stream = await EventStream.open(server, f"/events?room={quote(ROOM, safe='')}")
    head = await stream.head()
    assert " 200 " in head
    assert "text/event-stream" in head
    room = await stream.until("room")
    assert [member["user"] for member in room["members"]] == ["ada"]
    await ada.edit(append="hello")
    await ada.set_awareness({"cursor": {"anchor": 3}})
    room = await stream.until("room", lambda room: room["presence"] and room["log"] and room["lag"])
    assert room["presence"][0]["state"]["cursor"] == {"anchor": 3}
    assert room["log"][0]["author"] == "ada"
    status = await stream.until("status", lambda status: status["totals"]["updates_per_second"] > 0)
    assert (status["rooms"][0]["room"], status["totals"]["people"]) == (ROOM, 1)
    bo = await PycrdtClient.join(server.ws_url, ROOM, token("bo"))
    await stream.until("room", lambda room: room["people"] == 2)
    refused = await RawClient.yjs(server.ws_url, ROOM, token=token("eve", {"other": "editor"}))
    room = await stream.until("room", lambda room: room["refusals"])
    assert room["refusals"][0]["user"] == "eve"
    await refused.close()
    await bo.destroy()
    await stream.until("room", lambda room: room["people"] == 1)
    stream.leave()


async def test_a_stream_ends_with_its_grant_or_with_the_server(server: MotetServer, admin: AdministratorClient) -> None:
    """[W8]"""
    short = await EventStream.open(server, shown=token("ops", "admin", 3))
    revoked = await EventStream.open(server, shown=token("eve", "admin"))
    whole = await EventStream.open(server)
    for stream in (short, revoked, whole):
        await stream.head()
        await stream.until("status")
    await asyncio.to_thread(admin.done, "POST", "/revocations", {"user": "eve"})
    await revoked.ends()
    await short.ends()
    stopping = asyncio.create_task(asyncio.to_thread(server.stop))
    await whole.ends()
    await stopping


async def test_readers_that_leave_or_do_not_read_give_their_places_back(
    server: MotetServer, admin: AdministratorClient
) -> None:
    """[W8] More leave at once than there are places, before the first byte and after; the stream still works."""
    for _ in range(3):
        streams = [await EventStream.open(server) for _ in range(STREAMS)]
        for number, stream in enumerate(streams):
            if number % 2:
                await stream.head()
            stream.leave()
    streams = []
    for _ in range(STREAMS):

        async def opened() -> EventStream | None:
            stream = await EventStream.open(server)
            return stream if " 200 " in await stream.head() else None

        streams.append(await eventually(opened, "a place is free"))
    one_more = await EventStream.open(server)
    assert " 503 " in await one_more.head()
    assert (await asyncio.to_thread(admin.ask, "GET", "/status")).status == 200
    for stream in streams:
        stream.leave()


async def test_a_large_document_is_had_while_others_are_served(server: MotetServer, admin: AdministratorClient) -> None:
    """[W6] [W7] Slow readers of it too."""
    size = 20 << 20
    author = await PycrdtClient.join(server.ws_url, ROOM, token("ada"))
    for n in range(20):
        await author.edit(set=[str(n), chr(97 + n) * (size // 20)])
    slow = [await EventStream.open(server, f"/rooms/{ROOM}/update") for _ in range(3)]  # they never read on
    for stream in slow:
        assert " 200 " in await stream.head()

    def whole() -> bytes | None:
        answer = admin.ask("GET", f"/rooms/{ROOM}/update")
        assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''notes_a.yjs"
        return answer.body if len(answer.body) > size else None

    update = await eventually(lambda: asyncio.to_thread(whole), "all of it has arrived")
    doc: Doc[Any] = Doc()
    doc.apply_update(update)
    assert doc.get("map", type=Map).to_py().keys() == {str(n) for n in range(20)}
    hashed = (await asyncio.to_thread(admin.ask, "GET", f"/rooms/{ROOM}/hash")).json
    assert len(hashed["hash"]) == 64
    shown = await asyncio.to_thread(admin.ask, "GET", f"/rooms/{ROOM}/document")
    assert (shown.status, shown.json["code"]) == (413, 4413)
    for stream in slow:
        stream.leave()
    await author.destroy()


async def test_a_kicked_member_comes_back(server: MotetServer, admin: AdministratorClient, ada: PycrdtClient) -> None:
    """[W9] Its connection is closed with a code on which clients try again."""
    (member,) = admin.ask("GET", f"/rooms/{ROOM}/members").json["members"]
    admin.done("DELETE", f"/rooms/{ROOM}/members/{member['member']}")
    await asyncio.wait_for(ada.connection.wait_closed(), 30)
    assert ada.connection.close_code == 1013
    again = await PycrdtClient.join(server.ws_url, ROOM, token("ada"))
    assert len(admin.ask("GET", f"/rooms/{ROOM}/members").json["members"]) == 1
    await again.destroy()


async def test_the_level_of_the_log_changes_while_it_runs(
    server: MotetServer, admin: AdministratorClient, ada: PycrdtClient
) -> None:
    """[W11]"""
    admin.done("PUT", "/log-level", {"level": "debug", "minutes": 5})
    await ada.edit(append="hello")
    await eventually(lambda: "update_applied" in server.log(), "a line of that level")
