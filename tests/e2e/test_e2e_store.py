"""The data directory in trouble: taken, full, nearly full."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.disk import fill, small_disk
from support.node import HOCUSPOCUS, NodeClients
from support.server import MotetServer, StartMotet
from support.sockets import RawClient
from support.waiting import eventually
from support.wire import Typist

MIB = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    with small_disk(tmp_path / "disk") as where:
        yield where


def test_a_second_server_on_the_same_data_is_refused(motet_server: MotetServer, tmp_path: Path) -> None:
    """[P9] With who holds it; the first goes on."""
    second = MotetServer(motet_server.data, tmp_path / "second.log")
    second.launch()
    try:
        assert second.process.wait(60) not in (0, None)
    finally:
        second.discard()
    assert str(motet_server.process.pid) in second.log()
    assert "Traceback" not in second.log()
    assert motet_server.readiness() == 200


async def test_a_full_disk_stops_acks_and_readiness_and_heals_without_a_restart(
    start_motet: StartMotet, disk: Path
) -> None:
    """[R6] [P13] No ack while it is full; when there is room again, everybody is asked, and all is saved."""
    server = start_motet({"MOTET_LOW_DISK_BYTES": "0"}, data=disk / "data")
    author = await (await RawClient.hocuspocus(server.ws_url, "full")).synced()
    reader = await (await RawClient.yjs(server.ws_url, "full")).synced()
    typist = Typist(client=9)
    await author.update(typist.type("before;"))
    await eventually(lambda: author.saved == 1, "the first edit is saved")
    filler = fill(disk)
    sent = 1
    while server.readiness() == 200 and sent < 200:
        await author.update(typist.type(f"{sent:06};" * 10_000))
        author.answer = typist.everything()
        sent += 1
        await asyncio.sleep(0.05)
    await eventually(lambda: server.readiness() == 503, "/readyz is red")
    acked = author.saved
    await author.update(typist.type("while it was full;"))
    author.answer = typist.everything()
    await asyncio.sleep(1)
    assert author.saved == acked < sent
    assert author.closed is None and reader.closed is None
    filler.unlink()
    await eventually(lambda: server.readiness() == 200, "/readyz is green again")
    await eventually(lambda: "while it was full;" in reader.text(), "the others have everything")
    await eventually(lambda: author.saved >= sent + 1, "everything is saved")
    await author.update(typist.type("after;"))
    await eventually(lambda: author.saved >= sent + 2, "a later edit is saved")
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    stranger = await (await RawClient.yjs(server.ws_url, "full")).synced()
    assert stranger.text() == reader.text()
    assert stranger.text().endswith("while it was full;after;")


@pytest.mark.node
@pytest.mark.parametrize("kind", HOCUSPOCUS)
async def test_real_clients_say_unsaved_while_the_disk_is_full_and_saved_when_it_is_back(
    start_motet: StartMotet, disk: Path, node_clients: NodeClients, kind: str
) -> None:
    """[R6] The application sees the truth all the way, and does nothing."""
    server = start_motet({"MOTET_LOW_DISK_BYTES": "0"}, data=disk / "data")
    author = await node_clients.create(kind, server.ws_url, "full")
    await author.saved()
    filler = fill(disk)
    sent = 0
    while server.readiness() == 200 and sent < 200:
        await author.edit(append=f"{sent:06};" * 10_000)
        sent += 1
    await eventually(lambda: server.readiness() == 503, "/readyz is red")
    await author.edit(append="while it was full")
    assert (await author.report()).unsynced_changes > 0
    filler.unlink()
    await author.saved()
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    stranger = await (await RawClient.yjs(server.ws_url, "full")).synced()
    assert stranger.text().endswith("while it was full")
    assert min((await author.report()).unsynced) == 0


async def test_under_the_low_disk_mark_the_server_reads_and_does_not_write(start_motet: StartMotet, disk: Path) -> None:
    """[R6] [P17] Read-only before anything fails; a room can still be read, and editing goes on by itself later."""
    server = start_motet({"MOTET_LOW_DISK_BYTES": str(8 * MIB)}, data=disk / "data")
    author = await (await RawClient.hocuspocus(server.ws_url, "low")).synced()
    typist = Typist(client=9)
    await author.update(typist.type("before;"))
    await eventually(lambda: author.saved == 1, "the first edit is saved")
    filler = fill(disk, leave=4 * MIB)
    await eventually(lambda: server.readiness() == 503, "/readyz is red")
    await author.update(typist.type("low;"))
    author.answer = typist.everything()
    stranger = await (await RawClient.yjs(server.ws_url, "low")).synced()
    await asyncio.sleep(1)
    assert author.saved == 1
    filler.unlink()
    await eventually(lambda: author.saved == 2 and stranger.text() == "before;low;", "saved, and seen")
    assert server.readiness() == 200
