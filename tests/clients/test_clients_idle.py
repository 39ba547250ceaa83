"""Every client, idle: the server must speak before the clients hang up (30 s) and before cursors expire (30 s)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from support.node import NodeClient, NodeClients
from support.people import MAKES, Person, join, see_each_other
from support.pycrdt_client import PycrdtClient
from support.server import MotetServer

pytestmark = pytest.mark.node


async def groups(node: NodeClients, ws_url: str, room: str) -> list[list[Person]]:
    """Each client alone, each with one of its kind, and all of them together."""
    together: list[list[Person]] = [[await join(node, make, ws_url, f"{room}/{make}")] for make in MAKES]
    for make in MAKES:
        pair = [await join(node, make, ws_url, f"{room}/{make}/pair") for _ in range(2)]
        for number, person in enumerate(pair):
            person.name = f"{make}, number {number}"
            await person.set_awareness({"name": person.name})
        together.append(pair)
    together.append([await join(node, make, ws_url, f"{room}/all") for make in MAKES])
    return together


async def absent(node: NodeClients, ws_url: str, room: str) -> list[Person]:
    """Each client alone, without an awareness state: nothing is renewed, so the server has nothing to pass on."""
    people = [await join(node, make, ws_url, f"{room}/{make}/absent") for make in MAKES]
    for person in people:
        await person.set_awareness(None)
    return people


async def stay(people: Sequence[Person], names: set[str], seconds: float) -> None:
    """For so long, looked at once a second: nobody has reconnected, and everybody sees exactly these names."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        for person in people:
            assert await person.names() == names, f"{person.name} after {seconds - (end - loop.time()):.0f} s"
            if isinstance(person, NodeClient):
                report = await person.report()
                assert len(report.attempts) == 1 and not report.closes and report.connected, report
            if isinstance(person, PycrdtClient):
                assert person.connection.close_code is None
        await asyncio.sleep(1)


async def idle(server: MotetServer, node: NodeClients, room: str, seconds: float) -> None:
    """All groups at once."""
    present = await groups(node, server.ws_url, room)
    await asyncio.gather(*(see_each_other(people) for people in present))
    stays = [stay(people, {person.name for person in people}, seconds) for people in present]
    await asyncio.gather(*stays, stay(await absent(node, server.ws_url, room), set(), seconds))


async def test_idle_clients_stay_connected_and_present_past_their_own_timeouts(
    shared_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[R7] Alone, in pairs and all together: no reconnect, no lost cursor."""
    await idle(shared_server, node_clients, room, 40)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_idle_clients_stay_connected_and_present_for_three_minutes(
    shared_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[R7] The same for long enough that every timer has come round several times."""
    await idle(shared_server, node_clients, room, 180)
