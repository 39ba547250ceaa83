"""Grants that end while their real clients are connected."""

from __future__ import annotations

import asyncio

import pytest

from support.node import Y_WEBSOCKET, NodeClient, NodeClients
from support.refusals import judge
from support.server import MotetServer, StartMotet
from support.sockets import RawClient
from support.tokens import SECURED, shown_by, token
from support.waiting import eventually

pytestmark = pytest.mark.node

SOON = 4.0
"""Seconds until the tokens of these tests end."""
IN_BAND = ("hocuspocus-provider-3", "hocuspocus-provider-4")
"""They answer a token request; 2.15 passes over it."""


async def watcher(server: MotetServer, room: str) -> RawClient:
    """Somebody in the room whose own grant goes on."""
    return await (await RawClient.yjs(server.ws_url, room, token=token("watcher"))).synced()


async def yjs_ends(server: MotetServer, node: NodeClients, room: str) -> None:
    """Closed at the end of the grant; then the old token is refused like any that has expired."""
    clients: dict[str, NodeClient] = {}
    for kind in Y_WEBSOCKET:
        clients[kind] = await node.create(kind, server.ws_url, room, **shown_by(kind, token("ada", seconds=SOON)))
    for client in clients.values():
        await client.synced()
    for client in clients.values():
        report = await client.wait_until(lambda r: r.closes != (), "closed")
        code, reason = report.closes[0]
        assert code == 4401 and "expired" in reason
    await judge(clients, 21)


async def keeps_typing(server: MotetServer, node: NodeClients, kind: str, room: str) -> None:
    """Asked for a token, it gives a fresh one: no reconnect, and what it types all the while is saved."""
    seen = await watcher(server, room)
    client = await node.create(
        kind, server.ws_url, room, **shown_by(kind, token("ada", seconds=SOON, name="Ada"), by_function=True)
    )
    await client.saved()
    await client.set_awareness({"cursor": 1})
    await eventually(lambda: _names(seen) == {"Ada"}, "it is seen")
    await client.set_token(token("ada", name="Ada L."))
    typed = ""
    after = 0
    while after < 20:
        await client.edit(append=".")
        typed += "."
        await asyncio.sleep(0.02)
        after += (await client.report()).tokens_asked == 2
    await client.saved()
    await eventually(lambda: seen.text() == typed, "all that it typed arrives")
    await eventually(lambda: _names(seen) == {"Ada L."}, "the name in the fresh token is seen")
    report = await client.report()
    assert (len(report.attempts), report.closes, report.denied) == (1, (), ()), report
    assert report.scopes == ("read-write", "read-write")
    await seen.close()


def _names(client: RawClient) -> set[str]:
    return {entry.state["user"]["name"] for entry in client.awareness.values() if entry.state}


async def is_denied_alone(server: MotetServer, node: NodeClients, kind: str, room: str) -> None:
    """With no fresh token its document is denied after a while; another on the socket goes on."""
    shown = shown_by(kind, token("ada", seconds=SOON), by_function=True)
    ends = await node.create(kind, server.ws_url, f"{room}/ends", **shown)
    sibling = await node.create(kind, server.ws_url, f"{room}/goes on", socketOf=ends.name, token=token("ada"))
    await asyncio.gather(ends.saved(), sibling.saved())
    if kind in IN_BAND:
        report = await ends.wait_until(lambda r: r.tokens_asked == 2, "asked for a token")
        await asyncio.sleep(3)
        assert (await ends.report()).denied == (), "it has ten seconds to show a fresh one"
        await ends.edit(append="in the meantime")
        await ends.saved()
    report = await ends.wait_until(lambda r: r.denied != (), "denied")
    assert len(report.denied) == 1 and "expired" in report.denied[0]
    await sibling.edit(append="still here")
    await sibling.saved()
    report = await sibling.report()
    assert (len(report.attempts), report.connected, report.denied) == (1, True, ()), report


async def test_grants_end_on_open_sockets(start_motet: StartMotet, node_clients: NodeClients) -> None:
    """[X6] [X7] [G1] yjs: 4401. Hocuspocus is asked, and goes on or is denied after ten seconds, alone."""
    server = start_motet(SECURED)
    async with asyncio.TaskGroup() as plays:
        plays.create_task(yjs_ends(server, node_clients, "yjs"))
        for kind in IN_BAND:
            plays.create_task(keeps_typing(server, node_clients, kind, f"typing/{kind}"))
        for kind in ("hocuspocus-provider-2", *IN_BAND):
            plays.create_task(is_denied_alone(server, node_clients, kind, f"denied/{kind}"))
