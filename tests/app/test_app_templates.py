"""Rooms that begin with a template: exactly once, whoever comes when."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from support.server import StartMotet
from support.sockets import RawClient, close_all
from support.waiting import eventually
from support.wire import Typist

TEXT = "Agenda:"


async def test_many_who_open_a_new_room_at_once_get_its_template_once(start_motet: StartMotet, tmp_path: Path) -> None:
    """In both dialects, in the moment when nobody has it; and again after a restart, and with what was typed since."""
    (tmp_path / "note.yjs").write_bytes(Typist(77).type(TEXT))
    server = start_motet({"MOTET_TEMPLATES": json.dumps({"notes/*": str(tmp_path / "note.yjs")})})

    async def texts() -> set[str]:
        joins = [join(server.ws_url, "notes/1") for join in (RawClient.yjs, RawClient.hocuspocus) for _ in range(10)]
        clients = await asyncio.gather(*joins)
        await asyncio.gather(*(client.synced() for client in clients))
        found = {client.text() for client in clients}
        await close_all(clients)
        return found

    assert await texts() == {TEXT}
    other = await (await RawClient.yjs(server.ws_url, "elsewhere")).synced()
    assert other.text() == ""
    author = await (await RawClient.hocuspocus(server.ws_url, "notes/1")).synced()
    await author.update(Typist(5).type("mine"))
    await eventually(lambda: author.saved == 1, "the edit is saved")
    await close_all([other, author])
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    (found,) = await texts()
    assert found in (TEXT + "mine", "mine" + TEXT)
