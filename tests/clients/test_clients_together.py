"""All six npm clients and pycrdt's in one room, whichever dialect each speaks."""

from __future__ import annotations

import asyncio

import pytest

from support.node import KINDS, NodeClients
from support.people import MAKES, converged, join, see_each_other
from support.pycrdt_client import PycrdtClient
from support.server import MotetServer, StartMotet

pytestmark = pytest.mark.node


async def test_all_clients_edit_at_once_and_converge(
    shared_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[R16] Both dialects are doors to the same room."""
    people = [await join(node_clients, make, shared_server.ws_url, room) for make in MAKES]
    for turn in range(5):
        await asyncio.gather(
            *(
                person.edit(append=f"{person.name}:{turn}😀 ", set=[f"{person.name}/{turn}", turn], push=[turn])
                for person in people
            )
        )
    content = await converged(people)
    assert content.text.count("😀") == 5 * len(people)
    assert len(content.map) == len(content.array) == 5 * len(people)
    newcomer = await join(node_clients, "y-websocket-3", shared_server.ws_url, room)
    assert await converged([*people, newcomer]) == content


async def test_one_map_key_set_by_all_at_once_has_one_winner(
    shared_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[R1] Losers of concurrent sets are deleted implicitly, and everybody agrees on the winner."""
    people = [await join(node_clients, make, shared_server.ws_url, room) for make in MAKES]
    for turn in range(10):
        await asyncio.gather(*(person.edit(set=["title", f"{person.name}:{turn}"]) for person in people))
    content = await converged(people)
    assert str(content.map["title"]).endswith(":9")


async def test_everybody_sees_every_cursor_until_its_owner_leaves(
    shared_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[A8] A cursor is seen by all, and goes with its owner, whoever it is and whoever watches."""
    people = [await join(node_clients, make, shared_server.ws_url, room) for make in MAKES]
    await see_each_other(people)
    while len(people) > 1:
        await people.pop(0).destroy()
        await see_each_other(people)


async def test_a_newcomer_gets_every_cursor_without_waiting_for_a_renewal(
    shared_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[A10] The roster is part of the join: clients renew their own state only every 15 seconds."""
    people = [await join(node_clients, make, shared_server.ws_url, room) for make in MAKES]
    await see_each_other(people)
    for make in MAKES:
        people.append(await join(node_clients, make, shared_server.ws_url, room))
        if make == "pycrdt":
            people[-1].name = "pycrdt, the second"
            await people[-1].set_awareness({"name": people[-1].name})
        await see_each_other(people)


@pytest.mark.parametrize("kind", KINDS)
async def test_offline_edits_come_back(
    shared_server: MotetServer, node_clients: NodeClients, room: str, kind: str
) -> None:
    """[R2] What is written while disconnected arrives at the reconnect, in both directions."""
    other = await PycrdtClient.join(shared_server.ws_url, room)
    client = await node_clients.create(kind, shared_server.ws_url, room)
    await client.edit(append="together ")
    await converged([client, other])
    await client.disconnect()
    await client.wait_until(lambda r: not r.connected, "disconnected")
    await client.edit(append="offline ", push=["offline"])
    await other.edit(append="meanwhile ", push=["meanwhile"])
    await client.connect()
    content = await converged([client, other])
    assert sorted(content.text.split()) == ["meanwhile", "offline", "together"]
    assert sorted(content.array) == ["meanwhile", "offline"]


async def comes_back(server: MotetServer, node: NodeClients, room: str, gently: bool) -> None:
    """All npm clients write before, during and after a restart; pycrdt's joins after it."""
    people = [await join(node, kind, server.ws_url, room) for kind in KINDS]
    await asyncio.gather(*(person.edit(append=f"{person.name} before;") for person in people))
    for place in range(5):  # they have been here for a while, and so are asked to be seen again at once
        for person in people:
            await person.set_awareness({"name": person.name, "cursor": {"anchor": place, "head": place}})
    await converged(people)
    await asyncio.to_thread(server.stop if gently else server.kill)
    await asyncio.gather(*(person.edit(append=f"{person.name} meanwhile;") for person in people))
    await asyncio.to_thread(server.start)
    people.append(await join(node, "pycrdt", server.ws_url, room))
    content = await converged(people)
    for person in people[:-1]:
        assert f"{person.name} before;" in content.text
        assert f"{person.name} meanwhile;" in content.text
    await see_each_other(people)


async def test_everybody_comes_back_after_a_restart_with_the_edits_made_meanwhile(
    start_motet: StartMotet, node_clients: NodeClients, room: str
) -> None:
    """[R2] [A9] A restart, announced (SIGTERM) or not (kill -9), costs nobody an edit."""
    await asyncio.gather(
        comes_back(start_motet(), node_clients, f"{room}/drained", gently=True),
        comes_back(start_motet(), node_clients, f"{room}/killed", gently=False),
    )
