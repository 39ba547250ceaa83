"""Real clients that are in order are left in peace, and one that lost something gets it back."""

from __future__ import annotations

import pytest

from support.lossy import LossyProxy, is_update
from support.node import HOCUSPOCUS, KINDS, NodeClient, NodeClients
from support.people import converged
from support.server import MotetServer, StartMotet
from support.waiting import eventually

pytestmark = pytest.mark.node

OFTEN = {"MOTET_CONVERGENCE_SECONDS": "0.5"}


def told(server: MotetServer, event: str) -> int:
    """How often the log says so."""
    return server.log().count(event)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["update", "delete"])
async def test_a_client_that_lost_something_is_found_and_healed(
    start_motet: StartMotet, node_clients: NodeClients, kind: str, what: str
) -> None:
    """[V5] [V6] It need not reconnect, and may not notice."""
    server = start_motet(env=OFTEN)
    async with LossyProxy(server.port) as proxy:
        victim = await node_clients.create(kind, proxy.ws_url, "r")
        author = await node_clients.create("y-websocket-3", server.ws_url, "r")
        await victim.synced()
        await author.synced()
        await victim.edit(append="it has written too; ")
        await author.edit(append="and so have I")
        await converged([author, victim])
        proxy.loses = is_update
        await author.edit(**({"delete": [0, 3]} if what == "delete" else {"append": ": lost"}))
        await eventually(lambda: proxy.lost, "it is lost")
        proxy.loses = lambda payload: False
        await eventually(lambda: told(server, "divergence_healed"), "it is found and healed")
        await converged([author, victim])
        assert told(server, "divergence_found") == 1
        assert len((await victim.report()).attempts) == 1


async def test_clients_in_order_are_asked_again_and_again_without_a_trace(
    start_motet: StartMotet, node_clients: NodeClients
) -> None:
    """[V3] No status that they did not count, no reconnect, no row: six makes in one room, probed ten times."""
    server = start_motet(env={"MOTET_CONVERGENCE_SECONDS": "0.2"})
    clients: list[NodeClient] = [await node_clients.create(kind, server.ws_url, "r") for kind in KINDS]
    for client in clients:
        await client.synced()
        await client.edit(append="x\U0001f600", set=["key", client.name], push=[1])
    await clients[0].edit(delete=[0, 1])
    content = await converged(clients)
    before = server.metric("motet_messages_in_total")
    await eventually(lambda: server.metric("motet_messages_in_total") > before + 60, "they were asked", 60)
    assert await converged(clients) == content
    for client in clients:
        report = await client.report()
        assert len(report.attempts) == 1
        if client.kind in HOCUSPOCUS:
            assert report.unsynced_changes == 0
            assert min(report.unsynced, default=0) == 0
    assert told(server, "divergence") == 0
