"""Rooms by name, as the real clients ask for them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support import wire
from support.node import HOCUSPOCUS, KINDS, NodeClients
from support.people import MAKES, converged, join
from support.server import MotetServer
from support.sockets import RawClient
from support.waiting import eventually
from support.wire import Typist

pytestmark = pytest.mark.node


def stored_rooms(server: MotetServer) -> str:
    """What `motet rooms` prints about the data directory of a running server."""
    command = [sys.executable, "-m", "motet", "rooms", "--data", str(server.data)]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "400"}
    ).stdout


async def test_reading_a_missing_room_is_empty_and_creates_nothing(
    motet_server: MotetServer, node_clients: NodeClients
) -> None:
    """[R3] Joining, being present and leaving write nothing; the first edit creates the room."""
    people = [await join(node_clients, make, motet_server.ws_url, "never-written") for make in MAKES]
    content = await converged(people)
    assert (content.text, content.map, content.array, content.state_vector) == ("", {}, [], ())
    for person in people:
        await person.destroy()
    assert "never-written" not in stored_rooms(motet_server)
    author = await (await RawClient.hocuspocus(motet_server.ws_url, "written")).synced()
    await author.update(Typist(client=1).type("x"))
    await eventually(lambda: author.saved == 1, "the edit is saved")
    rooms = stored_rooms(motet_server)
    assert "written" in rooms and "never-written" not in rooms


@pytest.mark.parametrize(
    "name", ["a/b/c", "ünïcode 漢字 😀", "per%cent?and#hash", "x" * 256], ids=lambda name: name[:8]
)
async def test_both_dialects_mean_the_same_room_by_the_same_name(
    shared_server: MotetServer, node_clients: NodeClients, name: str
) -> None:
    """[G13] A room's name in the path is percent-decoded once; in a Hocuspocus message it is as written."""
    encoded = "".join(c if (c.isalnum() and c.isascii()) or c == "/" else percent(c) for c in name)
    people = [
        await join(node_clients, kind, shared_server.ws_url, encoded if kind.startswith("y-websocket") else name)
        for kind in KINDS
    ]
    people.append(await join(node_clients, "pycrdt", shared_server.ws_url, name))
    for person in people:
        await person.edit(push=[person.name])
    assert len((await converged(people)).array) == len(people)


def percent(character: str) -> str:
    """The character in a URL's path, as encodeURIComponent writes it."""
    return "".join(f"%{byte:02X}" for byte in character.encode())


async def test_a_stateless_broadcast_reaches_every_hocuspocus_member_word_for_word(
    shared_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[H1] And no y-websocket client, which would not understand it."""
    people = [await node_clients.create(kind, shared_server.ws_url, room) for kind in KINDS]
    for person in people:
        await person.synced()
    sender = await (await RawClient.hocuspocus(shared_server.ws_url, room)).synced()
    payload = '{"saved": "for all, 漢字"}'
    await sender.send(wire.message(room, bytes((wire.BROADCAST_STATELESS,)), wire.var_bytes(payload.encode())))
    for person in people:
        if person.kind in HOCUSPOCUS:
            await person.wait_until(lambda r: r.stateless == (payload,), "it has the payload")
