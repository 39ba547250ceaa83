"""Offline work meets compaction: what the server forgot about deleted content, no client may miss."""

from __future__ import annotations

import asyncio

import pytest

from support.node import NodeClients
from support.people import converged
from support.server import MotetServer, StartMotet
from support.waiting import eventually

pytestmark = pytest.mark.node

COMPACTS_AT_ONCE = {"MOTET_SNAPSHOT_ROWS": "1", "MOTET_DRAIN_SECONDS": "0"}
LONG = "0123456789" * 20_000
"""200 kB: enough garbage, when it is deleted, for a structural compaction."""


async def is_compacted(server: MotetServer) -> None:
    """Waits until the deleted content is forgotten."""
    await eventually(lambda: server.metric("motet_loaded_bytes") < len(LONG) / 2, "the deleted content is forgotten")


@pytest.mark.parametrize("gc", [True, False], ids=["gc", "no gc"])
@pytest.mark.parametrize("kind", ["y-websocket-3", "hocuspocus-provider-4"])
async def test_a_late_insert_into_text_that_was_deleted_and_compacted_is_kept(
    start_motet: StartMotet, node_clients: NodeClients, kind: str, gc: bool
) -> None:
    """[R15] An offline client writes into what the others deleted meanwhile; the server was restarted, too."""
    server = start_motet(COMPACTS_AT_ONCE)
    late = await node_clients.create(kind, server.ws_url, "history", gc=gc)
    other = await node_clients.create("y-websocket-2", server.ws_url, "history", gc=gc)
    await asyncio.gather(late.synced(), other.synced())
    await other.edit(append=f"begin {LONG} end")
    await converged([late, other])
    await late.disconnect()
    await late.wait_until(lambda r: not r.connected, "disconnected")
    await other.edit(delete=[0, len(LONG)])
    await is_compacted(server)
    await late.edit(insert=[50_000, "late "])
    await asyncio.to_thread(server.restart)
    await late.connect()
    content = await converged([late, other])
    assert "late " in content.text and content.text.endswith(" end")
    stranger = await node_clients.create("y-websocket-1", server.ws_url, "history")
    assert await converged([late, other, stranger]) == content


async def test_a_delete_can_be_undone_after_the_compaction(start_motet: StartMotet, node_clients: NodeClients) -> None:
    """[R15] Undo inserts anew what its client still remembers."""
    server = start_motet(COMPACTS_AT_ONCE)
    author = await node_clients.create("hocuspocus-provider-4", server.ws_url, "history")
    reader = await node_clients.create("y-websocket-1", server.ws_url, "history")
    await asyncio.gather(author.synced(), reader.synced())
    await author.edit(append=f"begin {LONG} end")
    await converged([author, reader])
    await asyncio.sleep(0.6)  # so that the undo manager takes what follows for another step
    await author.edit(delete=[6, len(LONG)])
    await is_compacted(server)
    await author.undo()
    assert (await converged([author, reader])).text == f"begin {LONG} end"
    await author.saved()
    stranger = await node_clients.create("y-websocket-3", server.ws_url, "history")
    assert (await converged([author, reader, stranger])).text == f"begin {LONG} end"
