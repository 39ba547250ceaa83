"""SIGTERM under load: everybody is sent away in good order, and nothing that was promised is lost."""

from __future__ import annotations

import asyncio
import contextlib
import re

import websockets

from support.load import Author, broken_promises
from support.server import MotetServer, StartMotet
from support.sockets import RawClient
from support.waiting import eventually


async def drained_under_load(server: MotetServer) -> list[Author]:
    """Twenty authors in five rooms, a SIGTERM, and the end of the process."""
    authors = [await Author.join(server.ws_url, f"drain/{n % 5}", n) for n in range(20)]
    await eventually(lambda: sum(author.client.saved for author in authors) > 500, "the load is under way")
    server.terminate()
    await asyncio.gather(*(author.hear_the_rest() for author in authors))
    assert await asyncio.to_thread(server.process.wait, 60) == 0
    return authors


async def test_a_drain_sends_everybody_away_with_1012_and_loses_no_promise(start_motet: StartMotet) -> None:
    """[G2] 1012 with a jittered retry_after; acknowledged edits are on disk; the exit code is 0."""
    server = start_motet({"MOTET_DRAIN_SECONDS": "2"})
    authors = await drained_under_load(server)
    delays = set()
    for author in authors:
        assert author.client.closed is not None
        code, reason = author.client.closed
        assert code == 1012
        found = re.search(r"retry_after=(\d+(\.\d+)?)", reason)
        assert found is not None, reason
        delays.add(found[1])
    assert len(delays) > 10, f"no jitter: {delays}"
    await asyncio.to_thread(server.start)
    assert await broken_promises(server.ws_url, authors) == {}


async def test_while_draining_the_server_is_not_ready_and_takes_nobody(start_motet: StartMotet) -> None:
    """[G2] /readyz is red or nobody listens any more; a newcomer does not get in."""
    server = start_motet({"MOTET_DRAIN_SECONDS": "3"})
    members = [await RawClient.yjs(server.ws_url, "drain") for _ in range(10)]
    server.terminate()
    await eventually(lambda: any(member.closed for member in members), "the drain has begun")
    assert server.readiness() != 200
    with contextlib.suppress(OSError, websockets.InvalidHandshake):
        newcomer = await RawClient.yjs(server.ws_url, "drain")
        assert (await newcomer.ended())[0] in (1012, 1013)
    for member in members:
        assert (await member.ended())[0] == 1012
    assert await asyncio.to_thread(server.process.wait, 60) == 0


async def test_a_second_signal_ends_it_at_once(start_motet: StartMotet) -> None:
    """[G2] Who sends SIGTERM twice does not want to wait for the drain."""
    server = start_motet({"MOTET_DRAIN_SECONDS": "100"})
    members = [await RawClient.yjs(server.ws_url, "drain") for _ in range(3)]
    server.terminate()
    await eventually(lambda: server.readiness() != 200, "the drain has begun")
    server.terminate()
    await asyncio.to_thread(server.process.wait, 60)
    for member in members:
        await member.ended()
