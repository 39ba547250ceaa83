"""Whose cursor it is in an authenticated room, whatever a client says of itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from support.node import KINDS, NodeClients
from support.proxy import Proxy
from support.server import MotetServer
from support.sockets import RawClient
from support.tokens import shown_by, token
from support.waiting import eventually
from support.wire import AwarenessEntry

pytestmark = pytest.mark.node

FORGED = {
    "user": {"id": "root", "name": "The boss", "color": "#f00", "avatar": "cat.png"},
    "name": "my own field",
    "cursor": {"anchor": 1, "head": 2.5, "é": [None, True]},
}


async def watching(server: MotetServer, room: str) -> RawClient:
    """A raw client, which sees states as they were sent."""
    return await RawClient.yjs(server.ws_url, room, apply=False, token=token("watcher", "viewer"))


def state(watcher: RawClient, client: int) -> Any:
    """What the watcher was told of a client id, last."""
    entry = watcher.awareness.get(client)
    return None if entry is None else entry.state


async def forging(server: MotetServer, node: NodeClients, kind: str, room: str, color: str | None) -> None:
    """Somebody with or without a color in their grant says that they are the boss."""
    watcher = await watching(server, room)
    shown = shown_by(kind, token("ada", "viewer", name="Ada", color=color))
    client = await node.create(kind, server.ws_url, room, **shown)
    number = (await client.synced()).client_id
    ada = {"id": "ada", "name": "Ada"} | ({"color": color} if color else {})
    await client.set_awareness(FORGED)
    seen = {**FORGED, "user": {"avatar": "cat.png", "color": "#f00", **ada}}
    await eventually(lambda: state(watcher, number) == seen, "the identity is the grant's, the rest its own")
    await client.set_awareness({"cursor": 3})
    await eventually(lambda: state(watcher, number) == {"cursor": 3, "user": ada}, "the identity is there unasked")
    await client.set_awareness(None)
    await eventually(lambda: state(watcher, number) is None, "gone at its own word")
    await watcher.close()


async def test_a_name_is_what_the_grant_says(secured_server: MotetServer, node_clients: NodeClients, room: str) -> None:
    """[A13] Id, name and the grant's color are merged into `user`; every other field is the client's own."""
    await asyncio.gather(
        *(
            forging(secured_server, node_clients, kind, f"{room}/{kind}/{color is None}", color)
            for kind in KINDS
            for color in (None, "#0a0")
        )
    )


async def claiming(server: MotetServer, node: NodeClients, kind: str, room: str) -> None:
    """Another user claims the client's entry in vain; another device of the same user has it at once."""
    watcher = await watching(server, room)
    client = await node.create(kind, server.ws_url, room, **shown_by(kind, token("ada", name="Ada")))
    number = (await client.synced()).client_id
    await client.set_awareness({"cursor": 1})
    ada = {"id": "ada", "name": "Ada"}
    await eventually(lambda: state(watcher, number) == {"cursor": 1, "user": ada}, "seen")
    clock = watcher.awareness[number].clock
    eve = await RawClient.yjs(server.ws_url, room, apply=False, token=token("eve", name="Ada"))
    await eve.set_awareness(AwarenessEntry(number, clock + 5, {"cursor": "stolen", "user": ada}))
    await eve.set_awareness(AwarenessEntry(number, clock + 6, None))
    await eve.set_awareness(AwarenessEntry(7, 1, {"user": ada}))
    await eventually(lambda: state(watcher, 7) == {"user": {"id": "eve", "name": "Ada"}}, "she is seen as herself")
    assert state(watcher, number) == {"cursor": 1, "user": ada}
    # The owner's socket answers pings: in an open room this claim would be refused.
    device = await RawClient.yjs(server.ws_url, room, apply=False, token=token("ada", name="Ada"))
    await device.set_awareness(AwarenessEntry(number, clock + 9, {"cursor": 2}))
    await eventually(lambda: state(watcher, number) == {"cursor": 2, "user": ada}, "taken over by the same user")
    assert (await client.report()).closes == () and eve.closed is None
    for raw in (watcher, eve, device):
        await raw.close()


async def test_an_entry_is_its_users(secured_server: MotetServer, node_clients: NodeClients, room: str) -> None:
    """[A16] [A6] Nobody else takes, moves or ends it; a device of the same user takes it over at once."""
    await asyncio.gather(*(claiming(secured_server, node_clients, kind, f"{room}/{kind}") for kind in KINDS))


async def coming_back(server: MotetServer, node: NodeClients, proxy: Proxy, kind: str, room: str) -> None:
    watcher = await watching(server, room)
    client = await node.create(kind, proxy.ws_url, room, **shown_by(kind, token("ada", name="Ada")))
    number = (await client.synced()).client_id
    await client.set_awareness({"cursor": 1})
    ada = {"id": "ada", "name": "Ada"}
    await eventually(lambda: state(watcher, number) == {"cursor": 1, "user": ada}, "seen")
    proxy.freeze()
    await client.cut()
    await client.wait_until(lambda r: len(r.attempts) == 2 and r.synced, "back")
    await client.set_awareness({"cursor": 2})
    await eventually(lambda: state(watcher, number) == {"cursor": 2, "user": ada}, "seen with its new cursor")
    shown = {number for number, entry in watcher.awareness.items() if entry.state is not None}
    assert shown == {number}, "one cursor, and no ghost"
    await watcher.close()


async def test_who_comes_back_has_its_cursor_though_the_old_socket_is_half_open(
    secured_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[A6] A network reconnect keeps the client id, and the dead socket does not keep the entry."""

    async def play(kind: str) -> None:
        async with Proxy(secured_server.port) as proxy:
            await coming_back(secured_server, node_clients, proxy, kind, f"{room}/{kind}")

    await asyncio.gather(*map(play, KINDS))
