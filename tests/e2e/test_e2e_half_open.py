"""Sockets whose other end is gone without a word."""

from __future__ import annotations

import pytest

from support.node import KINDS, NodeClients
from support.people import join, see_each_other
from support.proxy import Proxy
from support.server import MotetServer, StartMotet
from support.sockets import RawClient
from support.waiting import eventually
from support.wire import AwarenessEntry


def is_present(watcher: RawClient, client: int) -> bool:
    """Whether the client id has a state, as far as the watcher was told."""
    entry = watcher.awareness.get(client)
    return entry is not None and entry.state is not None


async def test_half_open_sockets_are_found_and_their_cursors_go(start_motet: StartMotet) -> None:
    """[G3] A ping after silence, and the end after more of it, in both dialects; nobody else is disturbed."""
    server = start_motet({"MOTET_PING_SECONDS": "1", "MOTET_PONG_SECONDS": "1"})
    watcher = await RawClient.yjs(server.ws_url, "half-open", apply=False)
    async with Proxy(server.port) as proxy:
        for client, open_client in enumerate((RawClient.yjs, RawClient.hocuspocus), 7):
            silent = await (await open_client(proxy.ws_url, "half-open", apply=False)).synced()
            await silent.set_awareness(AwarenessEntry(client, 1, {"name": "silent"}))
        await eventually(lambda: is_present(watcher, 7) and is_present(watcher, 8), "their cursors are seen")
        proxy.freeze()
        await eventually(lambda: not is_present(watcher, 7) and not is_present(watcher, 8), "their cursors are gone")
    assert watcher.closed is None


@pytest.mark.node
@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_that_comes_back_takes_its_entry_over_from_its_half_open_socket(
    shared_server: MotetServer, node_clients: NodeClients, room: str, kind: str
) -> None:
    """[A6] Its client id stays the same, and the dead socket owns the entry until it does not answer a ping."""
    watcher = await join(node_clients, "y-websocket-3", shared_server.ws_url, room)
    async with Proxy(shared_server.port) as proxy:
        client = await node_clients.create(kind, proxy.ws_url, room)
        await client.synced()
        await client.set_awareness({"name": client.name})
        await see_each_other([watcher, client])
        proxy.freeze()
        await client.cut()
        await client.wait_until(lambda r: len(r.attempts) > 1 and r.synced, "back")
        client.name = f"{kind}, back"
        await client.set_awareness({"name": client.name})
        await see_each_other([watcher, client])


async def test_a_socket_that_broke_keeps_its_cursor_for_a_short_grace_only(
    shared_server: MotetServer, room: str
) -> None:
    """[A8] Abnormal ends have a grace, and then the cursor goes."""
    watcher = await RawClient.yjs(shared_server.ws_url, room, apply=False)
    broken = await RawClient.yjs(shared_server.ws_url, room, apply=False)
    await broken.set_awareness(AwarenessEntry(8, 1, {"name": "broken"}))
    await eventually(lambda: is_present(watcher, 8), "its cursor is seen")
    broken.abort()
    await eventually(lambda: not is_present(watcher, 8), "its cursor is gone")
