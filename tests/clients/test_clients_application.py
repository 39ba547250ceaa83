"""Real clients while the application that knows them is down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from support.application import Application
from support.node import HOCUSPOCUS, KINDS, Y_WEBSOCKET, NodeClient, NodeClients
from support.people import converged
from support.refusals import PER_MINUTE
from support.server import StartMotet
from support.sockets import RawClient
from support.tokens import shown_by
from support.waiting import eventually

pytestmark = pytest.mark.node


@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param(HOCUSPOCUS, id="hocuspocus"),
        pytest.param(Y_WEBSOCKET, id="yjs", marks=pytest.mark.long),  # those who come back are held first
    ],
)
async def test_joins_wait_for_an_application_that_is_down_and_members_stay(
    start_motet: StartMotet, node_clients: NodeClients, kinds: Sequence[str]
) -> None:
    """[X64] yjs is refused for now and held, Hocuspocus waits; all come in when it is back, and nobody loops."""
    with Application() as application:
        server = start_motet({"MOTET_AUTH_URL": application.url, "MOTET_AUTH_SECONDS": "2"})

        async def join(user: str, kind: str) -> NodeClient:
            return await node_clients.create(kind, server.ws_url, "room", **shown_by(kind, f"{user} {kind}"))

        members = [await join("member", kind) for kind in KINDS]
        await asyncio.gather(*(member.synced() for member in members))
        application.is_down = True
        late = [await join("late", kind) for kind in kinds]
        for client in late:
            if client.kind in Y_WEBSOCKET:
                report = await client.wait_until(lambda r: r.closes != (), "refused for now")
                assert report.closes[0][0] == 4503 and "cannot be asked now" in report.closes[0][1]
        for member in members:
            await member.edit(append=f"{member.kind} ")
            await member.saved()
        await converged(members)
        await asyncio.sleep(6)  # the next question is as vain
        for client in late:
            assert not (await client.report()).synced
        application.is_down = False
        for client in late:
            await client.saved()
            await client.edit(append=f"{client.kind}, late ")
            await client.saved()
        await converged([*members, *late])
        for client in [*members, *late]:
            report = await client.report()
            assert len(report.attempts) <= (PER_MINUTE if client in late and client.kind in Y_WEBSOCKET else 1), report
            assert report.denied == (), report
        assert application.asked < 60, "a few questions for each, not one for each moment"


async def test_who_waits_sends_no_more_than_is_kept_and_is_denied_once(start_motet: StartMotet) -> None:
    """[X64] [R8] Over max_pending_messages the document is denied, and what is asked for it then has no answer."""
    with Application() as application:
        application.is_down = True
        server = start_motet({"MOTET_AUTH_URL": application.url, "MOTET_MAX_PENDING_MESSAGES": "8"})
        stranger = await RawClient.hocuspocus(server.ws_url, "room")
        await eventually(lambda: application.asked == 2, "it was asked, twice")
        for _ in range(20):
            await stranger.sync_step1()
        await eventually(lambda: stranger.denials, "denied")
        await asyncio.sleep(6)  # the next question would have been by now
        assert len(stranger.denials) == 1 and "max_pending_messages" in stranger.denials[0]
        assert application.asked == 2 and stranger.closed is None
        await stranger.close()
