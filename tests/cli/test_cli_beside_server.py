"""Commands on a directory whose server is running: those that read work, those that write refuse."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cli_harness import motet, text_of, write_update

from support.server import MotetServer
from support.sockets import RawClient
from support.waiting import eventually
from support.wire import Typist


async def type_into(server: MotetServer, room: str, text: str) -> None:
    """The text is on the server's disk when it returns."""
    client = await (await RawClient.hocuspocus(server.ws_url, room)).synced()
    await client.update(Typist(client=9).type(text))
    await eventually(lambda: client.saved == 1, "the edit is saved")
    await client.close()


def test_rooms_export_verify_and_backup_read_beside_a_running_server(
    shared_server: MotetServer, room: str, tmp_path: Path
) -> None:
    """[P15] What was acknowledged is in each of their answers."""
    asyncio.run(type_into(shared_server, room, "typed"))
    data = shared_server.data
    assert any(line.split()[0] == room for line in motet("rooms", "--data", data).out.splitlines())
    assert text_of(motet("export", room, "--as", "yjs", "--data", data).raw) == "typed"
    assert motet("verify", "--data", data).code == 0
    assert motet("backup", tmp_path / "copy", "--data", data).code == 0
    assert text_of(motet("export", room, "--as", "yjs", "--data", tmp_path / "copy").raw) == "typed"
    assert shared_server.readiness() == 200


@pytest.mark.parametrize("command", [["import", "b", "typed.yjs"], ["compact"], ["restore", "copy"]])
def test_import_compact_and_restore_refuse_beside_a_running_server(
    shared_server: MotetServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """[P2] They name its process and say what to do."""
    monkeypatch.chdir(tmp_path)
    write_update(tmp_path / "typed.yjs", "1")
    motet("import", "a", "typed.yjs", "--data", "copy")
    outcome = motet(*command, "--data", shared_server.data)
    assert outcome.code == 1
    assert f"in use by pid {shared_server.process.pid}" in outcome.err
    assert "stop that server first" in outcome.err
    assert shared_server.readiness() == 200


def test_what_was_imported_is_served(motet_server: MotetServer, tmp_path: Path) -> None:
    """A stop, an import, a start."""
    assert motet_server.stop() == 0
    file = write_update(tmp_path / "a.yjs", "imported")
    assert motet("import", "notes/1", file, "--data", motet_server.data).code == 0
    motet_server.start()

    async def served() -> str:
        client = await (await RawClient.yjs(motet_server.ws_url, "notes/1")).synced()
        await client.close()
        return client.text()

    assert asyncio.run(served()) == "imported"
