"""A refusal must not become a reconnect loop: at most four attempts a minute from clients that ignore close codes."""

from __future__ import annotations

import asyncio

import pytest

from support.node import HOCUSPOCUS, KINDS, Y_WEBSOCKET, NodeClient, NodeClients, Report
from support.people import converged, join
from support.refusals import judge
from support.server import StartMotet
from support.waiting import eventually

pytestmark = pytest.mark.node

LIMITS = {
    "MOTET_MAX_ROOM_BYTES": "100000",
    "MOTET_MAX_UPDATE_BYTES": "50000",
    "MOTET_MAX_MEMBERS_PER_ROOM": "1",
    "MOTET_MAX_ROOMS_PER_CONNECTION": "2",
}
INVALID = {"a control character": "bad\x01name", "too long": "x" * 257}


async def overfill(client: NodeClient) -> Report:
    """Writes until it is refused: 160 kB, and more, since the update that goes over the limit is still taken."""
    await client.edit_often([("append", "0123456789" * 4000)] * 4)

    async def is_refused() -> Report:
        report = await client.report()
        if not (report.closes or report.denied):
            await client.edit(append="more")
        assert report.closes or report.denied
        return report

    return await eventually(is_refused, "it is refused")


async def refused_clients(node: NodeClients, ws_url: str) -> dict[str, NodeClient]:
    """Every kind of client, refused for every reason that open mode has, each in a room of its own."""
    clients: dict[str, NodeClient] = {}
    for kind in KINDS:
        for why, name in INVALID.items():
            unique = f"{name}{kind}" if why == "too long" else f"{kind}{name}"
            clients[f"{kind}: {why}"] = await node.create(kind, ws_url, unique)
        await join(node, kind, ws_url, f"full/{kind}")
        clients[f"{kind}: room full"] = await node.create(kind, ws_url, f"full/{kind}")
        clients[f"{kind}: big room"] = big = await node.create(kind, ws_url, f"big/{kind}")
        await overfill(big)
        clients[f"{kind}: big update"] = big = await node.create(kind, ws_url, f"big-update/{kind}")
        await big.synced()
        await big.edit(append="0123456789" * 6000)  # 60 kB in one update
    return clients


def is_full(name: str) -> bool:
    """A full room may have a place later."""
    return "full" in name


async def test_refusals_do_not_loop(start_motet: StartMotet, node_clients: NodeClients) -> None:
    """[G1] Invalid names, full rooms, too much content: held, then refused; Hocuspocus is told and keeps its socket."""
    server = start_motet(LIMITS)
    await judge(await refused_clients(node_clients, server.ws_url), 27, is_full)


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_refusals_do_not_loop_for_longer(start_motet: StartMotet, node_clients: NodeClients) -> None:
    """[G1] The same over several holds."""
    server = start_motet(LIMITS)
    await judge(await refused_clients(node_clients, server.ws_url), 90, is_full)


async def test_y_websocket_is_told_why(start_motet: StartMotet, node_clients: NodeClients) -> None:
    """[G1] The auth message is the one thing that y-websocket tells its application about a refusal; 3.1 obeys 44xx."""
    server = start_motet(LIMITS)
    for kind in Y_WEBSOCKET:
        client = await node_clients.create(kind, server.ws_url, f"told/{kind}")
        code, reason = (await overfill(client)).closes[0]
        assert code == 4413 and "max_room_bytes" in reason
    warnings = await node_clients.warnings()
    for kind in Y_WEBSOCKET:
        assert any(f"told/{kind}" in warning and "max_room_bytes" in warning for warning in warnings), warnings


async def test_a_denied_document_leaves_its_siblings_on_the_socket(
    start_motet: StartMotet, node_clients: NodeClients
) -> None:
    """[H9] Three documents on a socket that may carry two: the third is denied by name, the two go on."""
    server = start_motet(LIMITS)
    for kind in HOCUSPOCUS:
        one = await node_clients.create(kind, server.ws_url, f"{kind}/1")
        two = await node_clients.create(kind, server.ws_url, f"{kind}/2", socketOf=one.name)
        three = await node_clients.create(kind, server.ws_url, f"{kind}/3", socketOf=one.name)
        report = await three.wait_until(lambda r: r.denied != (), "denied")
        assert "max_rooms_per_connection" in report.denied[0]
        for client in (one, two):
            await client.edit(append="still here")
            await client.saved()
        assert len((await one.report()).attempts) == 1


async def test_those_who_come_back_to_a_room_over_its_limit_can_read_it(
    start_motet: StartMotet, node_clients: NodeClients
) -> None:
    """[R8] Every answer to a sync step 1 repeats all deletes that its client knows: that alone adds nothing."""
    server = start_motet({"MOTET_MAX_ROOM_BYTES": "100000"})
    people = [await node_clients.create(kind, server.ws_url, "over") for kind in KINDS]
    await asyncio.gather(*(person.synced() for person in people))
    await people[0].edit(append="to be deleted")
    await converged(people)
    await people[0].edit(delete=[0, len("to be deleted")])
    await converged(people)
    author = await node_clients.create("hocuspocus-provider-4", server.ws_url, "over")
    await author.saved()
    await author.edit(append="0123456789" * 9_000)
    await author.edit(append="0123456789" * 2_000)
    await author.saved()
    whole = await converged(people)
    await author.destroy()
    for person in people:
        await person.cut()
    for person in people:
        await person.wait_until(lambda r: len(r.attempts) == 2 and r.synced, "comes back")
    await asyncio.sleep(1)  # in which a refusal would arrive
    for person in people:
        report = await person.report()
        assert (len(report.attempts), report.connected, report.denied) == (2, True, ()), report
    assert await converged(people) == whole
