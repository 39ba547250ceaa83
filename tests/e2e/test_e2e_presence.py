"""Presence of many over real sockets."""

from __future__ import annotations

import asyncio

from support import wire
from support.server import MotetServer
from support.sockets import RawClient, close_all
from support.waiting import eventually
from support.wire import AwarenessEntry

MEMBERS = 30
CHANGES = 20


class Echoing(RawClient):
    """Sends back every awareness message that it gets, as y-websocket does."""

    async def _receive(self, message: wire.Message) -> None:
        await super()._receive(message)
        if message.type == wire.AWARENESS:
            await self.send(wire.awareness(self.document, message.data))


def complete(client: RawClient, members: int) -> bool:
    """Whether the client knows the states of so many."""
    return sum(entry.state is not None for entry in client.awareness.values()) == members


async def everybody(cls: type[RawClient], server: MotetServer, room: str) -> list[RawClient]:
    """So many members with a state each, who all know each other."""
    clients = await asyncio.gather(*(cls.yjs(server.ws_url, room, apply=False) for _ in range(MEMBERS)))
    for number, client in enumerate(clients):
        await client.set_awareness(AwarenessEntry(number + 1, 1, {"name": f"member {number}"}))
    await eventually(lambda: all(complete(client, MEMBERS) for client in clients), "everybody knows everybody")
    return list(clients)


async def test_echoes_do_not_multiply(shared_server: MotetServer, room: str) -> None:
    """[A4] With clients that send back what they receive, frames grow with the members, not with their square."""
    clients = await everybody(Echoing, shared_server, room)
    await asyncio.sleep(1)  # the last echoes of the beginning
    before = sum(client.counts[wire.AWARENESS, 0] for client in clients)
    for clock in range(2, CHANGES + 2):
        await clients[0].set_awareness(AwarenessEntry(1, clock, {"name": "member 0", "cursor": clock}))
        await asyncio.sleep(0.05)
    await eventually(
        lambda: all(client.awareness[1].clock == CHANGES + 1 for client in clients), "everybody has the last change"
    )
    await asyncio.sleep(1)  # an echo that makes another would be seen by now
    frames = sum(client.counts[wire.AWARENESS, 0] for client in clients) - before
    assert frames <= MEMBERS * (CHANGES + 5), f"{frames / MEMBERS:.0f} frames for each member, for {CHANGES} changes"
    await close_all(clients)


async def test_a_late_joiner_gets_the_full_roster_at_once(shared_server: MotetServer, room: str) -> None:
    """[A10] In the first awareness message that it gets, in either dialect."""
    clients = await everybody(RawClient, shared_server, room)
    for open_client in (RawClient.yjs, RawClient.hocuspocus):
        late = await open_client(shared_server.ws_url, room, apply=False)
        await late.synced()
        await eventually(lambda: late.of(wire.AWARENESS), "an awareness message")  # noqa: B023
        first = wire.read_awareness(late.of(wire.AWARENESS)[0].data)
        assert {entry.client for entry in first if entry.state is not None} == set(range(1, MEMBERS + 1))
        await late.close()
    await close_all(clients)


async def test_all_leave_at_once_and_nobody_remains(shared_server: MotetServer, room: str) -> None:
    """[A8] A clean end ends an entry now."""
    watcher = await RawClient.yjs(shared_server.ws_url, room, apply=False)
    clients = await everybody(RawClient, shared_server, room)
    await eventually(lambda: complete(watcher, MEMBERS), "the watcher knows everybody")
    await close_all(clients)
    await eventually(lambda: complete(watcher, 0), "the watcher knows that all are gone")
    late = await RawClient.yjs(shared_server.ws_url, room, apply=False)
    await late.synced()
    assert complete(late, 0)


async def test_a_member_cannot_move_or_remove_the_cursor_of_another(shared_server: MotetServer, room: str) -> None:
    """[A3] An entry belongs to the connection that made it."""
    owner = await RawClient.yjs(shared_server.ws_url, room, apply=False)
    watcher = await RawClient.yjs(shared_server.ws_url, room, apply=False)
    thief = await RawClient.yjs(shared_server.ws_url, room, apply=False)
    await owner.set_awareness(AwarenessEntry(1, 1, {"name": "owner"}))
    await eventually(lambda: complete(watcher, 1), "the owner is seen")
    await thief.set_awareness(AwarenessEntry(1, 9, {"name": "thief"}))
    await thief.set_awareness(AwarenessEntry(1, 10, None))
    await thief.set_awareness(AwarenessEntry(2, 1, {"name": "thief, as himself"}))
    await eventually(lambda: complete(watcher, 2), "the thief is seen as himself")
    await owner.set_awareness(AwarenessEntry(1, 2, {"name": "owner", "cursor": 2}))
    await eventually(lambda: watcher.awareness[1].state == {"name": "owner", "cursor": 2}, "the owner moves on")
    assert watcher.closed is None and owner.closed is None
