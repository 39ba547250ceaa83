"""Limits, each by its name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import websockets

from support import wire
from support.server import MotetServer, StartMotet, serving
from support.sockets import RawClient
from support.waiting import eventually
from support.wire import Typist

KB = 1000
LIMITS = {
    "MOTET_MAX_UPDATE_BYTES": "150000",
    "MOTET_MAX_ROOM_BYTES": "200000",
    "MOTET_MAX_MEMBERS_PER_ROOM": "2",
    "MOTET_MAX_ROOMS_PER_CONNECTION": "3",
    "MOTET_MAX_PENDING_BYTES": "100000",
}
DIALECTS = pytest.mark.parametrize("dialect", ["yjs", "hocuspocus"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotetServer]:
    """A server with small limits."""
    with serving(tmp_path_factory.mktemp("limited"), LIMITS) as limited:
        yield limited


async def join(dialect: str, ws_url: str, room: str) -> RawClient:
    """A client that is not synced yet."""
    return await (RawClient.yjs if dialect == "yjs" else RawClient.hocuspocus)(ws_url, room)


async def is_refused(client: RawClient, limit: str, code: int) -> None:
    """It is told which limit it is over; a yjs socket ends with the code, a hocuspocus socket stays."""
    await eventually(lambda: client.denials, f"it is told {limit}")
    assert limit in client.denials[0]
    if client.document is None:
        ended = await client.ended()
        assert ended[0] == code and limit in ended[1]
    else:
        assert client.closed is None and len(client.denials) == 1


async def content(server: MotetServer, room: str) -> str:
    """The text of the room, for a stranger."""
    stranger = await (await RawClient.yjs(server.ws_url, room)).synced()
    await stranger.close()
    return stranger.text()


@DIALECTS
async def test_an_update_over_its_limit_is_refused_by_name(server: MotetServer, room: str, dialect: str) -> None:
    """[R8] 4413, never 1009, on which y-websocket reconnects and uploads again."""
    client = await (await join(dialect, server.ws_url, room)).synced()
    await client.update(Typist(client=9).type("x" * 160 * KB))
    await is_refused(client, "max_update_bytes", 4413)
    assert client.saved == 0
    assert await content(server, room) == ""


async def test_a_small_limit_of_updates_holds_too(start_motet: StartMotet) -> None:
    """[R8] Whatever an operator sets."""
    server = start_motet({"MOTET_MAX_UPDATE_BYTES": "1000"})
    for dialect in ("yjs", "hocuspocus"):
        client = await (await join(dialect, server.ws_url, "r")).synced()
        await client.update(Typist(client=9).type("x" * 1200))
        await is_refused(client, "max_update_bytes", 4413)


@DIALECTS
@pytest.mark.parametrize("size", [250 * KB, 3_000 * KB, 30_000 * KB], ids="{} bytes".format)
async def test_a_sync_step_2_over_the_rooms_limit_is_refused_by_name(
    server: MotetServer, room: str, dialect: str, size: int
) -> None:
    """[R8] [G8] However far over: also where the message is too large to be read at all."""
    client = await (await join(dialect, server.ws_url, room)).synced()
    await client.send(wire.sync(client.document, wire.STEP2, Typist(client=9).type("x" * size)))
    await is_refused(client, "max_room_bytes", 4413)
    assert await content(server, room) == ""
    assert server.readiness() == 200


@DIALECTS
async def test_a_room_that_has_grown_to_its_limit_refuses_more(server: MotetServer, room: str, dialect: str) -> None:
    """[R8] The update that goes over it is the last; what is in the room stays and can be read."""
    client = await (await join(dialect, server.ws_url, room)).synced()
    reader = await (await RawClient.yjs(server.ws_url, room)).synced()
    typist = Typist(client=9)
    while not client.denials:
        await client.update(typist.type("x" * 10 * KB))
        await eventually(lambda: len(reader.text()) == typist.clock or client.denials, "it is taken, or refused")
    await is_refused(client, "max_room_bytes", 4413)
    assert 190 * KB < len(reader.text()) <= 210 * KB
    assert reader.closed is None
    await client.close()
    assert await content(server, room) == reader.text()


@DIALECTS
async def test_a_full_room_takes_nobody_else(server: MotetServer, room: str, dialect: str) -> None:
    """[R8] 1013: another time there may be a place."""
    members = [await (await join(dialect, server.ws_url, room)).synced() for _ in range(2)]
    await is_refused(await join(dialect, server.ws_url, room), "max_members_per_room", 1013)
    await members[0].close()

    async def gets_in() -> bool:
        late = await join("hocuspocus", server.ws_url, room)
        await eventually(lambda: late.denials or late.counts[wire.SYNC, wire.STEP2], "an answer")
        return not late.denials

    await eventually(gets_in, "the free place is taken")


async def test_documents_on_one_socket_are_limited(server: MotetServer, room: str) -> None:
    """[R8] The next document is denied, the others stay."""
    client = await (await RawClient.hocuspocus(server.ws_url, room)).synced()
    for number in range(1, 4):
        await client.send(wire.sync(f"{room}/{number}", wire.STEP1, wire.EMPTY_VECTOR))
    await is_refused(client, "max_rooms_per_connection", 4413)
    assert [m.document for m in client.of(wire.AUTH, wire.DENIED)] == [f"{room}/3"]


@pytest.mark.parametrize("size", [250 * KB, 3_000 * KB], ids="{} bytes".format)
async def test_too_much_for_one_document_leaves_its_siblings_on_the_socket(
    server: MotetServer, room: str, size: int
) -> None:
    """[H9] Also where the message is too large to be read: its first bytes say whose it is."""
    client = await (await RawClient.hocuspocus(server.ws_url, room)).synced()
    big = f"{room}/big"
    await client.send(wire.sync(big, wire.STEP1, wire.EMPTY_VECTOR))
    await eventually(lambda: any(m.document == big for m in client.of(wire.SYNC, wire.STEP2)), "both are open")
    await client.send(wire.sync(big, wire.STEP2, Typist(client=9).type("x" * size)))
    await is_refused(client, "max_room_bytes", 4413)
    before = client.saved
    await client.update(Typist(client=9).type("still here"))
    await eventually(lambda: client.saved > before, "the sibling is saved")
    assert [m.document for m in client.of(wire.AUTH, wire.DENIED)] == [big]
    assert await content(server, room) == "still here"


async def test_what_comes_before_a_room_is_open_is_limited(server: MotetServer, room: str) -> None:
    """[R8] Messages are kept while a document opens, so many bytes and no more."""
    client = await RawClient.hocuspocus(server.ws_url, room, sync=False)
    await client.send(wire.auth(room, "t" * 120 * KB))
    await is_refused(client, "max_pending_bytes", 4413)


@DIALECTS
@pytest.mark.parametrize("name", ["bad\x01name", "x" * 257, "\x7f"], ids=["control", "long", "delete"])
async def test_names_that_are_no_room_names_are_refused(server: MotetServer, dialect: str, name: str) -> None:
    """[R14] 1-256 bytes of UTF-8 without control characters."""
    client = await join(dialect, server.ws_url, name)
    await eventually(lambda: client.denials, "it is told")
    assert "256 bytes" in client.denials[0]
    if dialect == "yjs":
        assert 4400 <= (await client.ended())[0] < 4500


@pytest.mark.parametrize(("setting", "status"), [("max_connections_per_address", 429), ("max_connections", 503)])
async def test_open_sockets_are_limited(start_motet: StartMotet, setting: str, status: int) -> None:
    """[G4] Refused over HTTP, by name; a place that becomes free is taken again."""
    server = start_motet({f"MOTET_{setting.upper()}": "3"})
    members = [await (await RawClient.yjs(server.ws_url, "r")).synced() for _ in range(3)]
    with pytest.raises(websockets.InvalidStatus) as refusal:
        await RawClient.yjs(server.ws_url, "r")
    assert refusal.value.response.status_code == status
    assert setting in refusal.value.response.body.decode()
    await members[0].close()

    async def gets_in() -> bool:
        try:
            return (await (await RawClient.yjs(server.ws_url, "r")).synced()).closed is None
        except websockets.InvalidStatus:
            return False

    await eventually(gets_in, "the free place is taken")
