""" "Saved" in the providers' own words, and what it is worth when the process is killed."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from support.node import HOCUSPOCUS, NodeClients
from support.people import converged, join, see_each_other
from support.server import MotetServer
from support.sockets import RawClient
from support.waiting import eventually

pytestmark = pytest.mark.node


@pytest.mark.parametrize("kind", HOCUSPOCUS)
async def test_every_edit_is_announced_as_unsaved_and_then_as_saved_once(
    shared_server: MotetServer, node_clients: NodeClients, room: str, kind: str
) -> None:
    """[H7] [H8] Exactly one SyncStatus for each Update and for each SyncStep2: the providers count them."""
    client = await node_clients.create(kind, shared_server.ws_url, room)
    await client.saved()
    edits: list[tuple[str, object]] = [("append", f"{n} ") for n in range(50)]
    await client.edit_often(edits)
    await client.saved()
    # A status too many would take the count below zero (2.15) or hide an unsaved edit (3 and 4).
    await client.edit(append="last")
    await client.saved()
    report = await client.report()
    assert report.unsynced[-2:] == (1, 0)
    assert max(report.unsynced) == 50
    assert min(report.unsynced) == 0


@pytest.mark.parametrize("kind", HOCUSPOCUS)
async def test_a_reconnect_with_nothing_new_ends_saved(
    shared_server: MotetServer, node_clients: NodeClients, room: str, kind: str
) -> None:
    """[H8] [R11] A SyncStep2 that adds nothing is acknowledged too, once."""
    client = await node_clients.create(kind, shared_server.ws_url, room)
    await client.saved()  # 2.15 and 3.4 lose count of edits made before they are connected
    await client.edit(append="something")
    await client.saved()
    for attempts in (2, 3, 4):
        await client.cut()
        await client.wait_until(lambda r, n=attempts: len(r.attempts) == n and r.synced, "comes back")  # type: ignore[misc]
        await client.saved()
    assert min((await client.report()).unsynced) == 0


@pytest.mark.parametrize("kind", HOCUSPOCUS)
async def test_edits_made_while_the_link_was_broken_are_saved_all_at_once_and_not_before(
    shared_server: MotetServer, node_clients: NodeClients, room: str, kind: str
) -> None:
    """[H8] The providers keep such edits in a queue, begin a sync, count it as one change, and then send the queue."""
    client = await node_clients.create(kind, shared_server.ws_url, room)
    await client.saved()
    reader = await (await RawClient.yjs(shared_server.ws_url, room)).synced()
    for attempts in (2, 3):
        edits: list[tuple[str, object]] = [("append", f"{n} ") for n in range(20)]
        await client.edit_often([("cut", None), ("set", ["key", "gone"]), *edits, ("unset", "key")])
        await client.wait_until(lambda r, n=attempts: len(r.attempts) == n and r.synced, "comes back")  # type: ignore[misc]
        await client.saved()
        await eventually(lambda: reader.text().count("19 ") == attempts - 1, "the edits arrive")  # noqa: B023
        assert (await client.report()).unsynced[-3:] == (22, 1, 0)
        await client.edit(append="later ")
        await client.saved()
        assert (await client.report()).unsynced[-5:] == (22, 1, 0, 1, 0)


async def test_what_was_saved_survives_kill_9_though_its_author_never_returns(
    motet_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[R1] The process is killed from inside the callback that says saved; a stranger finds the edit."""
    promised = []
    for turn, kind in enumerate(HOCUSPOCUS * 2):
        author = await node_clients.create(kind, motet_server.ws_url, room)
        await author.saved()
        promised.append(f"promise {turn}")
        await author.kill_when_saved(motet_server.process.pid, append=f"{promised[-1]};")
        await asyncio.to_thread(motet_server.process.wait, 60)
        await asyncio.to_thread(motet_server.start)
        stranger = await (await RawClient.yjs(motet_server.ws_url, room)).synced()
        assert stranger.text().split(";") == [*promised, ""]
        await stranger.close()


async def is_saved_only_after_the_commit(server: MotetServer, node: NodeClients, kind: str) -> None:
    """With the log held shut by another transaction, an edit is seen by others and stays unsaved."""
    author = await node.create(kind, server.ws_url, kind)
    reader = await (await RawClient.yjs(server.ws_url, kind)).synced()
    await author.saved()
    await author.edit(append="first ")
    await author.saved()
    outsider = sqlite3.connect(server.data / "motet.db", isolation_level=None)
    outsider.execute("BEGIN IMMEDIATE")  # the writer waits for this transaction to end
    try:
        await author.edit(append="second ")
        await eventually(lambda: "second" in reader.text(), "the other one sees the edit")
        newcomer = await (await RawClient.yjs(server.ws_url, kind)).synced()
        assert newcomer.text() == "first second "
        assert (await author.report()).unsynced_changes == 1
    finally:
        outsider.execute("ROLLBACK")
        outsider.close()
    await author.saved()


async def test_an_edit_reaches_the_others_at_once_and_is_saved_only_after_the_commit(
    motet_server: MotetServer, node_clients: NodeClients
) -> None:
    """[R1] A broadcast is a rumour, an ack is a promise."""
    for kind in HOCUSPOCUS:
        await is_saved_only_after_the_commit(motet_server, node_clients, kind)
    await asyncio.to_thread(motet_server.kill)
    await asyncio.to_thread(motet_server.start)
    for kind in HOCUSPOCUS:
        stranger = await (await RawClient.yjs(motet_server.ws_url, kind)).synced()
        assert stranger.text() == "first second "


@pytest.mark.parametrize("kind", HOCUSPOCUS)
async def test_two_documents_on_one_socket_are_saved_and_present_apart(
    shared_server: MotetServer, node_clients: NodeClients, room: str, kind: str
) -> None:
    """[H9] One socket carries many documents; leaving one leaves the others."""
    one = await node_clients.create(kind, shared_server.ws_url, f"{room}/1")
    two = await node_clients.create(kind, shared_server.ws_url, f"{room}/2", socketOf=one.name)
    await asyncio.gather(one.synced(), two.synced())
    await one.edit(append="one")
    await two.edit(append="two")
    await asyncio.gather(one.saved(), two.saved())
    assert [(await c.content()).text for c in (one, two)] == ["one", "two"]
    watcher = await join(node_clients, "y-websocket-3", shared_server.ws_url, f"{room}/2")
    await two.set_awareness({"name": two.name})

    await see_each_other([watcher, two])
    await two.destroy()
    await see_each_other([watcher])
    await one.edit(append=" and more")
    await one.saved()
    report = await one.report()
    assert len(report.attempts) == 1 and report.closes == ()


async def test_two_sessions_of_one_document_on_one_socket(
    shared_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[H3] `name\\0session` addresses: one room, two members on one socket, each answered at its own address."""
    kind = "hocuspocus-provider-4"
    one = await node_clients.create(kind, shared_server.ws_url, room, sessionAwareness=True)
    two = await node_clients.create(kind, shared_server.ws_url, room, sessionAwareness=True, socketOf=one.name)
    plain = await join(node_clients, "y-websocket-1", shared_server.ws_url, room)
    await asyncio.gather(one.synced(), two.synced())
    await one.set_awareness({"name": one.name})
    await two.set_awareness({"name": two.name})
    await one.edit(append="written in one")

    assert (await converged([one, two, plain])).text == "written in one"
    await see_each_other([one, two, plain])
    await asyncio.gather(one.saved(), two.saved())
    await two.destroy()
    await one.edit(append="!")
    await one.saved()
    assert len((await one.report()).attempts) == 1
