"""The commands of docs/RUNBOOK.md, each given to a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from shipped import RUNBOOK

from support.administrator import AdministratorClient
from support.server import StartMotet
from support.sockets import RawClient
from support.tokens import SECURED, token
from support.waiting import eventually
from support.wire import Typist

ROOM = "notes/a"


class Curl(NamedTuple):
    """A command, as the request that it makes."""

    path: str
    """After /api/v1."""
    method: str
    body: str


def curls(document: Path) -> set[Curl]:
    """Of the spans of code in a document."""

    def read() -> Iterator[Curl]:
        for command in re.findall(r"`curl ([^`]*\$URL/api/v1/[^`]*)`", document.read_text("utf-8")):
            method, body = re.search(r"-X +(\w+)", command), re.search(r"-d '([^']*)'", command)
            path = re.search(r"\$URL/api/v1(/\S+)", command)
            assert path is not None
            yield Curl(path[1], method[1] if method else "GET", body[1] if body else "null")

    return set(read())


async def test_every_request_of_the_runbook_is_one_that_the_server_takes(start_motet: StartMotet) -> None:
    """With a room, a member and a user in place of the words in capitals; the end of the room comes last."""
    server = start_motet(SECURED)
    admin, encoded = AdministratorClient(server), quote(ROOM, safe="")
    commands = sorted(curls(RUNBOOK), key=lambda curl: (curl.method == "DELETE" and curl.path == "/rooms/ROOM", curl))
    assert len(commands) > 8
    typist, refused = Typist(7), []
    for curl in commands:
        member = await RawClient.yjs(server.ws_url, ROOM, token=token("ada"))
        await member.synced()
        await member.update(typist.type("x"))
        member.answer = typist.everything()
        (shown,) = await eventually(lambda: admin.ask("GET", f"/rooms/{encoded}/members").json["members"], "it is in")
        path = curl.path.replace("ROOM", encoded).replace("MEMBER", str(shown["member"])).replace("USER", "eve")
        answer = admin.ask(curl.method, path, json.loads(curl.body.replace("USER", "eve")))
        if answer.status not in (200, 201, 204):
            refused.append((curl, answer))
        await member.close()
        await eventually(lambda: server.metric("motet_members") == 0, "the member has left")
    assert refused == []
