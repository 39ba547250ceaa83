"""Attacks on memory and logs, by those who are in and those who are not: they are slowed down, and nobody else is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from access_clients import HOCUSPOCUS, Member, Witness

from support import wire
from support.server import MotetServer, StartMotet
from support.tokens import SECURED, token
from support.waiting import eventually
from support.wire import AwarenessEntry, var_bytes

MIB = 1 << 20
UNLIMITED = SECURED | {"MOTET_CONNECTION_BYTES_PER_SECOND": "0", "MOTET_CONNECTION_FRAMES_PER_SECOND": "0"}
"""Rates would slow these down: what is shown is what bounds them without."""


async def flood(client: Member, messages: int, made: Callable[[int], bytes]) -> None:
    """Sends them and reads nothing, until all are sent or the server does not read any more for a second."""
    sent = 0

    async def send() -> None:
        nonlocal sent
        for number in range(messages):
            await client.send(made(number))
            sent += 1

    sending, before = asyncio.create_task(send()), -1
    while not sending.done() and sent > before:
        before = sent
        await asyncio.wait([sending], timeout=1)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


async def costs_little(server: MotetServer, witness: Witness, before: int, what: str) -> None:
    """The server has not grown by more than a few write buffers, and serves the others."""
    await witness.look()
    grown = server.rss() - before
    assert grown < 24 * MIB, f"{what}: the server has grown by {grown / MIB:.0f} MiB"


@pytest.mark.parametrize("signed_in", [False, True], ids=["a stranger", "a member"])
async def test_who_does_not_read_refusals_is_not_read(start_motet: StartMotet, room: str, signed_in: bool) -> None:
    """[X78] 100 MiB of answers that nobody takes are not kept for them."""
    server = start_motet(UNLIMITED)
    witness = await Witness.watch(server, room)
    if signed_in:
        client = await Member.come(server, HOCUSPOCUS, room, token("mallory", {room: "viewer"}))
        client.stop_reading()
    else:
        client = await Member._open(f"{server.ws_url}/hocuspocus", "x", apply=False, sync=False, read=False)
    before = server.rss()
    await flood(client, 100_000, lambda number: wire.auth(f"{number:0>1000}", "bad"))
    await costs_little(server, witness, before, "refusals")
    client.abort()


async def test_a_socket_in_no_room_whose_peer_does_not_read_is_given_up(start_motet: StartMotet, room: str) -> None:
    """[X78] [G3] It is not read either, so that no ping could find that its peer is gone: it stayed for ever."""
    impatient = {"MOTET_PING_SECONDS": "1", "MOTET_PONG_SECONDS": "1", "MOTET_BEHIND_SECONDS": "1"}
    server = start_motet(UNLIMITED | impatient)
    client = await Member.come(server, HOCUSPOCUS, room, token("mallory", {room: "viewer"}))
    client.stop_reading()
    await client.send(wire.message(room, bytes((wire.CLOSE,)), var_bytes(b"bye")))
    await flood(client, 100_000, lambda number: wire.auth(f"{number:0>1000}", "bad"))
    await eventually(lambda: server.metric("motet_open_connections") == 0, "the socket is given up")


async def test_who_does_not_read_the_roster_is_not_told_it_again(start_motet: StartMotet, room: str) -> None:
    """[R9] A question of three bytes has an answer of 300 KiB, and none while the last was not read."""
    server = start_motet(UNLIMITED | {"MOTET_CONNECTION_PRESENCE_PER_SECOND": "0"})
    witness = await Witness.watch(server, room)
    crowd = [await Member.come(server, HOCUSPOCUS, room, token("ada", {room: "editor"})) for _ in range(10)]
    for number, client in enumerate(crowd):
        await client.set_awareness(AwarenessEntry(number + 1, 1, {"much": "x" * 30_000}))
        await client.heard()
    viewer = await Member.come(server, HOCUSPOCUS, room, token("mallory", {room: "viewer"}))
    viewer.stop_reading()
    before = server.rss()
    await flood(viewer, 1000, lambda number: wire.message(room, bytes((wire.QUERY_AWARENESS,))))
    await costs_little(server, witness, before, "rosters")
    viewer.abort()


@pytest.mark.parametrize("where", ["address", "token"])
async def test_long_names_and_tokens_are_neither_kept_nor_logged(
    start_motet: StartMotet, room: str, where: str
) -> None:
    """[X78] [X77] A member may send large messages; a name or a token is none of those."""
    server = start_motet(UNLIMITED)
    witness = await Witness.watch(server, room)
    client = await Member.come(server, HOCUSPOCUS, room, token("mallory", {room: "viewer"}))
    before, logged = server.rss(), len(server.log())
    for number in range(16):
        long = f"{number} {'x' * 8 * MIB}"
        sent = wire.auth(long, "bad") if where == "address" else wire.auth(f"{number}", long)
        await client.send(sent)
        await client.heard()
    await costs_little(server, witness, before + 24 * MIB, where)  # two messages under way
    assert len(server.log()) - logged < 64 * 1024


async def test_a_megabyte_of_token_from_a_stranger_is_dropped(start_motet: StartMotet, room: str) -> None:
    """[X78] Nobody who has not signed in may send so much; the socket learns why, and the others notice nothing."""
    server = start_motet(SECURED)
    witness = await Witness.watch(server, room)
    client = await Member._open(f"{server.ws_url}/hocuspocus", room, apply=False, sync=False, read=True)
    for message in (wire.auth(room, "t" * MIB), wire.message(room, bytes((wire.STATELESS,)), var_bytes(b"x" * MIB))):
        await client.send(message)
        await client.heard()
    assert not client.is_in
    await witness.look()
    assert server.metric("motet_members") == 1


async def test_hundreds_of_bad_tokens_cost_only_their_sender(start_motet: StartMotet, room: str) -> None:
    """[X78] Each is answered by a refusal of that document; a good one still gets in after them."""
    server = start_motet(SECURED)
    witness = await Witness.watch(server, room)
    client = await Member.come(server, HOCUSPOCUS, room, token("mallory", {"other": "admin"}))
    for number in range(300):
        await client.send(wire.auth(room, f"guess {number}"))
        await client.update(wire.Typist(7).type("smuggled"))
    await client.heard()
    await witness.look()
    assert witness.updates == []
    assert not client.is_in
