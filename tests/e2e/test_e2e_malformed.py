"""Bytes that are wrong: their sender is dealt with, nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from support import wire
from support.server import MotetServer
from support.sockets import RawClient
from support.waiting import eventually
from support.wire import Typist

DEEP = b"\x01\x01\x05\x00\x08\x01\x01m" + b"\x01" + b"\x75\x01" * 15_000 + b"\x7e" + b"\x00"
"""An array in an array, 15,000 deep."""
HOSTILE = {
    "clock 2^32-1 (segfaults yrs)": "010107ffffffff0f040107636f6e74656e740b68656c6c6f20776f726c6400",
    "clock 2^53-1 (poisons yrs)": "010109ffffffffffffff0f48071e0177017a00",
    "no structs and a strange delete set (panics yrs)": "0100071e0177017a00",
    "nested 15,000 deep (overflows yrs)": DEEP.hex(),
    "nothing": "",
    "a count without its structs": "01ff01",
    "a content type that does not exist": "0101050001fe0100",
    "a length past the end": "0101050004010474657874ff7f6100",
    "text that is no UTF-8": "0101050004010474657874" + "02fffe" + "00",
}
Open = Callable[..., Coroutine[Any, Any, RawClient]]
DIALECTS = pytest.mark.parametrize("open_client", [RawClient.yjs, RawClient.hocuspocus], ids=["yjs", "hocuspocus"])


async def bystanders(server: MotetServer, room: str) -> tuple[RawClient, RawClient, Typist]:
    """An author whose client id is 7 and a reader, who have begun."""
    author = await (await RawClient.hocuspocus(server.ws_url, room)).synced()
    reader = await (await RawClient.yjs(server.ws_url, room)).synced()
    typist = Typist(client=7)
    await author.update(typist.type("begun; "))
    await eventually(lambda: reader.text() == "begun; " and author.saved == 1, "the bystanders have begun")
    return author, reader, typist


async def are_unharmed(author: RawClient, reader: RawClient, typist: Typist) -> None:
    """They go on, and have what they should have and nothing else."""
    await author.update(typist.type("go on"))
    await eventually(lambda: reader.text() == "begun; go on" and author.saved == 2, "the bystanders go on")
    assert author.closed is None and reader.closed is None


async def is_answered(client: RawClient) -> None:
    """What it sent so far was dealt with: it gets an answer to a new question, unless it was sent away."""
    answers = client.counts[wire.SYNC, wire.STEP2]
    await client.sync_step1()
    await eventually(
        lambda: client.counts[wire.SYNC, wire.STEP2] > answers or client.closed or client.denials,
        "it is answered, or sent away",
    )


@DIALECTS
@pytest.mark.parametrize("data", [bytes.fromhex(data) for data in HOSTILE.values()], ids=list(HOSTILE))
async def test_hostile_updates_harm_nobody(
    shared_server: MotetServer, room: str, open_client: Open, data: bytes
) -> None:
    """[R4] As an update and as a sync step 2: refused, parked or nothing, never more."""
    author, reader, typist = await bystanders(shared_server, room)
    for kind in (wire.UPDATE, wire.STEP2):
        hostile = await (await open_client(shared_server.ws_url, room, apply=False)).synced()
        await hostile.send(wire.sync(hostile.document, kind, data))
        await is_answered(hostile)
        await hostile.close()
    await are_unharmed(author, reader, typist)
    stranger = await (await RawClient.yjs(shared_server.ws_url, room)).synced()
    assert stranger.text() == "begun; go on"


@DIALECTS
async def test_the_first_malformed_update_is_asked_about_and_the_second_is_the_last(
    shared_server: MotetServer, room: str, open_client: Open
) -> None:
    """[R4] Sync step 1 once, since it may have been an accident; then 4400, or permission denied for Hocuspocus."""
    author, reader, typist = await bystanders(shared_server, room)
    client = await (await open_client(shared_server.ws_url, room)).synced()
    questions = client.counts[wire.SYNC, wire.STEP1]
    await client.update(b"\x01\x02\x03")
    await eventually(lambda: client.counts[wire.SYNC, wire.STEP1] == questions + 1, "it is asked what we lack")
    own = Typist(client=9)
    client.answer = own.type("")
    assert client.closed is None and client.denials == []
    if client.document is not None:
        assert client.refused == 1
    await client.update(b"\x01\x02\x03")
    if client.document is None:
        code, _ = await client.ended()
        assert code == 4400
    await eventually(lambda: len(client.denials) == 1, "it is told why")
    assert client.counts[wire.SYNC, wire.STEP1] == questions + 1
    await are_unharmed(author, reader, typist)


@DIALECTS
@pytest.mark.parametrize("payload", [b"", b"\x00", b"\xff" * 20, b"\x00\x07\x00", b"\x01\x05ab"], ids=bytes.hex)
async def test_bytes_that_are_no_message_end_that_connection_only(
    shared_server: MotetServer, room: str, open_client: Open, payload: bytes
) -> None:
    """[S4] 4400 for the connection; messages of an unknown type are passed over."""
    author, reader, typist = await bystanders(shared_server, room)
    client = await (await open_client(shared_server.ws_url, room)).synced()
    await client.send(payload)
    await client.send(b"\x00\x00\xff")
    assert (await client.ended())[0] == 4400
    await are_unharmed(author, reader, typist)


@DIALECTS
async def test_a_client_id_that_is_used_twice_is_a_conflict_and_is_never_acknowledged(
    shared_server: MotetServer, room: str, open_client: Open
) -> None:
    """[R4] Known ids with other content: two replicas share a client id. The reason says so; the first one stays."""
    author, reader, typist = await bystanders(shared_server, room)
    twin = await (await open_client(shared_server.ws_url, room)).synced()
    await twin.update(Typist(client=7).type("other, "))
    await eventually(lambda: twin.denials, "it is told why")
    assert "id_conflict" in twin.denials[0]
    assert twin.saved == 0
    await are_unharmed(author, reader, typist)


async def brings_the_cause(server: MotetServer, room: str, open_client: Open, reader: RawClient, number: int) -> None:
    """An update of which the one before was lost; when asked, its author has everything."""
    client = await (await open_client(server.ws_url, room)).synced()
    own = Typist(client=number)
    own.type(f"lost {number} ")
    early = own.type("early ")
    client.answer = own.everything()
    await client.update(early)
    await eventually(lambda: f"lost {number} early " in reader.text(), "asked for what we lack, it brings it")
    if client.document is not None:
        await eventually(lambda: client.saved >= 1, "it is saved")
    await client.update(own.type("later "))
    await eventually(lambda: f"lost {number} early later " in reader.text(), "the author goes on")
    assert client.closed is None and client.denials == []


async def test_an_update_whose_cause_was_dropped_is_asked_for_and_then_integrated(
    shared_server: MotetServer, room: str
) -> None:
    """[R5] Early for more than 5 s: the author is asked what we lack, and its answer brings everything."""
    author, reader, typist = await bystanders(shared_server, room)
    await asyncio.gather(
        brings_the_cause(shared_server, room, RawClient.yjs, reader, 9),
        brings_the_cause(shared_server, room, RawClient.hocuspocus, reader, 10),
    )
    await author.update(typist.type("go on"))
    await eventually(lambda: "go on" in reader.text(), "the bystanders go on")


async def never_brings_the_cause(server: MotetServer, room: str, open_client: Open, number: int) -> None:
    """The same, but its author has lost it for good."""
    client = await (await open_client(server.ws_url, room)).synced()
    questions = client.counts[wire.SYNC, wire.STEP1]
    own = Typist(client=number)
    own.type("lost ")
    await client.update(own.type("early "))
    await eventually(lambda: client.denials, "it is told why", deadline=60)
    assert client.counts[wire.SYNC, wire.STEP1] == questions + 1
    assert client.saved == 0
    if client.document is None:
        assert (await client.ended())[0] == 4400


async def test_an_author_who_never_brings_the_cause_is_sent_away(shared_server: MotetServer, room: str) -> None:
    """[R5] Asked once, and 5 s later still waiting: the connection (or the document) ends, nothing is acknowledged."""
    author, reader, typist = await bystanders(shared_server, room)
    await asyncio.gather(
        never_brings_the_cause(shared_server, room, RawClient.yjs, 9),
        never_brings_the_cause(shared_server, room, RawClient.hocuspocus, 10),
    )
    await are_unharmed(author, reader, typist)


async def test_text_messages_end_the_connection(shared_server: MotetServer, room: str) -> None:
    """[G5] Both dialects are binary."""
    author, reader, typist = await bystanders(shared_server, room)
    client = await RawClient.yjs(shared_server.ws_url, room)
    await client.connection.send("hello")
    assert (await client.ended())[0] in (1003, 4400)
    await are_unharmed(author, reader, typist)
