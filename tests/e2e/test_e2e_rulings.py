"""What administrators decide, on open sockets of both dialects and over restarts of the process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

import pytest

from support import wire
from support.administrator import AdministratorClient
from support.server import MotetServer, StartMotet
from support.sockets import RawClient, close_all
from support.tokens import SECURED, token
from support.waiting import eventually

ROOM = "notes/a"
DIALECTS = ("yjs", "hocuspocus")
ADA = 7
"""Her client's id."""


@pytest.fixture
def server(start_motet: StartMotet) -> MotetServer:
    """A server with a secret."""
    return start_motet(SECURED)


async def knock(server: MotetServer, dialect: str, shown: str, room: str = ROOM, answer: bytes = b"\0\0") -> RawClient:
    """A client that shows this token at the room, whatever comes of it; `answer`: what it has."""
    if dialect == "yjs":
        client = await RawClient.yjs(server.ws_url, room, token=shown, sync=False)
    else:
        client = await RawClient.hocuspocus(server.ws_url, room, sync=False)
        await client.send(wire.auth(room, shown))
    client.answer = answer
    await client.sync_step1()
    return client


async def enter(server: MotetServer, dialect: str, shown: str, room: str = ROOM, answer: bytes = b"\0\0") -> RawClient:
    """A client that is let in."""
    return await (await knock(server, dialect, shown, room, answer)).synced()


async def put_out(client: RawClient, code: int, why: str) -> None:
    """Waits until the client is sent away for this reason: by the close code, or from its document alone."""
    await eventually(lambda: any(why in told for told in client.denials), f"told: {why}")
    if client.document is None:
        assert (await client.ended())[0] == code
    else:
        assert client.closed is None


async def refused(server: MotetServer, dialect: str, shown: str, why: str, room: str = ROOM) -> None:
    """Whoever shows this token is told why it is not let in, and gets nothing else."""
    client = await knock(server, dialect, shown, room)
    assert why in await eventually(lambda: client.denials and client.denials[-1], f"refused: {why}")
    assert not client.of(wire.SYNC, wire.STEP2)
    await client.close()


async def fresh(user: str, rooms: str = "editor", after: float = 0.0, **claims: object) -> str:
    """A token that is issued late enough after a revocation: by a clock that is 30 s ahead, so that nobody waits."""
    await eventually(lambda: time.time() > after + 0.2, "a moment later")
    return token(user, rooms, iat=time.time() + 29.9, **claims)


def audited(server: MotetServer, name: str) -> list[dict[str, Any]]:
    """The lines of the log with this name."""
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == name]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("what", ["user", "jti", "room"])
async def test_who_is_revoked_goes_at_once_and_does_not_come_back_with_that_token(
    server: MotetServer, dialect: str, what: str
) -> None:
    """[X54] Nor after a restart; with one that was issued later they do."""
    shown, other = token("ada", jti="one"), token("bob", jti="two")
    ada, elsewhere, bob = [
        await enter(server, dialect, who, room) for who, room in ((shown, ROOM), (shown, "notes/b"), (other, ROOM))
    ]
    body = {"user": {"user": "ada"}, "jti": {"jti": "one"}, "room": {"room": ROOM}}[what]
    AdministratorClient(server).done("POST", "/revocations", body)
    at = time.time()
    await put_out(ada, 4401, "revoked")
    if what == "room":
        await put_out(bob, 4401, "revoked")
        assert (elsewhere.closed, elsewhere.denials) == (None, [])
    else:
        await put_out(elsewhere, 4401, "revoked")
        assert (bob.closed, bob.denials) == (None, [])
    await close_all([ada, elsewhere, bob])
    for _ in range(2):
        await refused(server, dialect, shown, "revoked")
        if what != "jti":
            await refused(server, dialect, token("ada", iat=None, jti="three"), "revoked")
        back = await enter(server, dialect, await fresh("ada", after=at, jti="four"))
        await back.close()
        server.restart()


async def test_a_denied_hocuspocus_document_opens_again_with_a_fresh_token_on_the_same_socket(
    server: MotetServer,
) -> None:
    """[X54] [H9]"""
    client = await enter(server, "hocuspocus", token("ada"))
    AdministratorClient(server).done("POST", "/revocations", {"user": "ada"})
    at = time.time()
    await put_out(client, 4401, "revoked")
    before = client.counts[wire.AUTH, wire.AUTHENTICATED]
    await client.send(wire.auth(ROOM, await fresh("ada", after=at)))
    await eventually(lambda: client.counts[wire.AUTH, wire.AUTHENTICATED] > before, "let in again")
    await client.close()


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_editor_made_viewer_keeps_socket_and_presence_and_loses_no_edit_when_made_editor_again(
    server: MotetServer, dialect: str
) -> None:
    """[X55] [X2] [R13]"""
    root = AdministratorClient(server)
    ada, bob = await enter(server, dialect, token("ada")), await enter(server, dialect, token("bob"))
    typist = wire.Typist(ADA)
    await ada.set_awareness(wire.AwarenessEntry(ADA, 1, {"cursor": 1}))
    await ada.update(typist.type("first;"))
    await eventually(lambda: bob.text() == "first;", "the edit arrives")
    await eventually(lambda: ADA in bob.awareness, "the cursor arrives")

    root.set_role(ROOM, "ada", "viewer")
    await ada.update(typist.type("refused;"))
    await eventually(lambda: any("viewer may not write the lane" in why for why in ada.denials), "told why")
    if dialect == "hocuspocus":
        assert [m.data for m in ada.of(wire.AUTH, wire.AUTHENTICATED)][-1] == b"readonly"
        await eventually(lambda: ada.refused == 1, "the edit is not saved")
    await ada.set_awareness(wire.AwarenessEntry(ADA, 2, {"cursor": 2}))
    await eventually(lambda: bob.awareness[ADA].clock == 2, "the cursor moves on")
    assert bob.awareness[ADA].state["cursor"] == 2
    assert bob.text() == "first;"

    ada.answer = typist.everything()
    asked = ada.counts[wire.SYNC, wire.STEP1]
    root.set_role(ROOM, "ada", None)
    await eventually(lambda: ada.counts[wire.SYNC, wire.STEP1] > asked, "asked for what was refused")
    await eventually(lambda: bob.text() == "first;refused;", "what was refused arrives")
    await ada.update(typist.type("third;"))
    await eventually(lambda: bob.text() == "first;refused;third;", "and the edits after it")
    assert ada.closed is None
    await close_all([ada, bob])


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_role_given_outlives_the_process_and_beats_the_token(server: MotetServer, dialect: str) -> None:
    """[X55] Up, down and out."""
    root = AdministratorClient(server)
    root.set_role(ROOM, "ada", "viewer")
    root.set_role(ROOM, "eve", "editor")
    server.restart()
    ada = await enter(server, dialect, token("ada", "admin"))
    await ada.update(wire.Typist(ADA).type("refused;"))
    await eventually(lambda: ada.denials, "the edit is refused")
    eve = await enter(server, dialect, token("eve", "none"))
    await eve.update(wire.Typist(8).type("mine;"))
    await eventually(lambda: ada.text() == "mine;", "the edit arrives")
    roles = {m["user"]: m["role"] for m in root.ask("GET", f"/rooms/{ROOM}/members").json["members"]}
    assert roles == {"ada": "viewer", "eve": "editor"}

    root.set_role(ROOM, "eve", "none")
    await put_out(eve, 4403, "not for that room")
    root.set_role(ROOM, "ada", "none")
    await put_out(ada, 4403, "not for that room")
    server.restart()
    await refused(server, dialect, token("ada", "admin"), "not for that room")
    root.set_role(ROOM, "ada", None)
    await close_all([ada, eve, await enter(server, dialect, token("ada", "admin"))])


async def test_a_user_whose_id_has_a_slash_is_named_percent_encoded(server: MotetServer) -> None:
    """[X52]"""
    user = "auth0|abc/def"
    client = await enter(server, "yjs", token(user))
    AdministratorClient(server).set_role(ROOM, user, "none")
    await put_out(client, 4403, "not for that room")


async def test_the_members_are_listed_as_they_are(server: MotetServer) -> None:
    """Of both dialects, under all their names."""
    shown = token("ada", name="Ada", seconds=1000)
    people = [await enter(server, dialect, shown) for dialect in DIALECTS]
    answer = AdministratorClient(server).ask("GET", f"/rooms/{ROOM}/members")
    assert answer.headers["cache-control"] == "no-store"
    members = answer.json["members"]
    assert [m["dialect"] for m in members] == ["yjs", "hocuspocus"]
    for member in members:
        assert (member["user"], member["name"], member["role"]) == ("ada", "Ada", "editor")
        assert (member["address"], member["behind"]) == ("127.0.0.1", False)
        assert member["since"] < member["expires"] * 1000
    await close_all(people)


@pytest.mark.parametrize("way", ["http", "command"])
async def test_a_deleted_room_is_gone_for_its_members_and_whoever_comes_later(server: MotetServer, way: str) -> None:
    """[X56] A stale client brings nothing back, before a restart or after it."""
    typist = wire.Typist(ADA)
    people = [await enter(server, dialect, token("ada")) for dialect in DIALECTS]
    await people[0].update(typist.type("secret;"))
    await eventually(lambda: people[1].text() == "secret;", "the edit arrives")
    if way == "http":
        AdministratorClient(server).done("DELETE", f"/rooms/{ROOM}")
        for client in people:
            await client.update(typist.type("late;"))
            await put_out(client, 4404, "deleted")
    else:
        server.stop()
        command = [sys.executable, "-m", "motet", "rooms", "delete", ROOM, "--yes", "--data", str(server.data)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        server.start()
    await close_all(people)
    for _ in range(2):
        for dialect in DIALECTS:
            stale = await knock(server, dialect, token("ada"), answer=typist.everything())
            await stale.update(typist.type("stale;"))
            await put_out(stale, 4404, "deleted")
            assert not stale.of(wire.SYNC, wire.STEP2)
            await stale.close()
        server.restart()
    for path in (server.data / "motet.db", server.data / "motet.db-wal"):
        assert not path.exists() or b"secret;" not in path.read_bytes()


async def test_only_an_administrator_lets_a_deleted_name_be_used_again_and_it_begins_empty(server: MotetServer) -> None:
    """[X56] By HTTP, or by joining with ?recreate; anybody else's ?recreate means nothing."""
    root = AdministratorClient(server)
    for way in ("http", "join"):
        author = await enter(server, "yjs", token("ada"))
        assert author.text() == ""
        await author.update(wire.Typist(ADA).type("old;"))
        root.done("DELETE", f"/rooms/{ROOM}")
        await put_out(author, 4404, "deleted")
        await refused(server, "yjs", f"{token('ada')}&recreate", "deleted")
        if way == "http":
            assert root.ask("PUT", f"/rooms/{ROOM}?recreate").status == 201
        else:
            joined = await enter(server, "yjs", f"{token('root', 'admin')}&recreate")
            assert joined.text() == ""
            await joined.close()
    client = await enter(server, "yjs", f"{token('root', 'admin')}&recreate")  # of a room that was not deleted
    await client.update(wire.Typist(9).type("new;"))
    await client.close()
    server.restart()
    again = await enter(server, "yjs", f"{token('root', 'admin')}&recreate")
    await eventually(lambda: again.text() == "new;", "it is as it was")
    await again.close()


async def test_who_writes_while_the_room_is_deleted_leaves_nothing_behind(server: MotetServer) -> None:
    """[X56] Updates under way, in two rooms of one journal: the other room keeps all of its."""
    root = AdministratorClient(server)
    victims = [await enter(server, "hocuspocus", token(f"v{n}")) for n in range(4)]
    keeper, kept = await enter(server, "hocuspocus", token("keeper"), "notes/b"), wire.Typist(99)
    typists = [wire.Typist(100 + n) for n in range(4)]
    for n in range(200):
        if n == 100:
            root.done("DELETE", f"/rooms/{ROOM}")
        await keeper.update(kept.type("k"))
        for victim, typist in zip(victims, typists, strict=True):
            await victim.update(typist.type("gone;"))
    await eventually(lambda: keeper.saved == 200, "the other room's edits are saved")
    for victim in victims:
        await put_out(victim, 4404, "deleted")
    await close_all([*victims, keeper])
    server.restart()
    await refused(server, "yjs", token("v0"), "deleted")
    reader = await enter(server, "yjs", token("keeper"), "notes/b")
    await eventually(lambda: reader.text() == "k" * 200, "they are there")
    await reader.close()
    assert b"gone;" not in (server.data / "motet.db").read_bytes()


async def test_paths_and_bodies_that_no_client_sends_are_problems(server: MotetServer) -> None:
    """[X51] [X52] [X53] Bytes that are no ASCII, a body without a length, dots that a client would resolve."""
    root = AdministratorClient(server)
    head = b"GET /api/v1/rooms/\xff\xfe/members HTTP/1.1\r\nHost: motet\r\nConnection: close\r\n\r\n"
    assert (await say(server, head)).split()[1] == b"400"
    head = b"GET http://evil.example/api/v1/rooms/a/members HTTP/1.1\r\nHost: motet\r\nConnection: close\r\n\r\n"
    assert (await say(server, head)).split()[1] in (b"401", b"404")
    root.set_role("../../healthz", "ada", "viewer")
    root.set_role("../../healthz", "ada", None)
    large = root.ask("POST", "/revocations", raw=iter([b" " * 40_000] * 2), content_type="application/json")
    assert (large.status, large.headers["content-type"]) == (413, "application/problem+json")
    assert root.ask("GET", "/rooms/a/members", authorization="").headers["www-authenticate"] == "Bearer"


async def say(server: MotetServer, data: bytes) -> bytes:
    """The answer to these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    answer = await reader.read()
    writer.close()
    return answer


async def test_below_a_root_path_names_are_the_same_stripped_or_not(start_motet: StartMotet) -> None:
    """[X52]"""
    server = start_motet(SECURED, ["--root-path", "/team"])
    root = AdministratorClient(server)
    root.set_role("a/b c", "ada", "none")
    answer = await say(
        server,
        b"DELETE /team/api/v1/rooms/a%2Fb%20c/roles/ada HTTP/1.1\r\nHost: motet\r\nConnection: close\r\n"
        + f"Authorization: Bearer {root.shown}\r\n\r\n".encode(),
    )
    assert answer.split()[1] == b"204"
    await (await enter(server, "yjs", token("ada"), "a/b c")).close()


async def test_each_decision_is_one_line_in_the_log_and_no_token_is(server: MotetServer) -> None:
    """[X59] Who, what room, why, from where."""
    root, tokens = AdministratorClient(server), []

    def minted(*given: Any, **claims: Any) -> str:
        tokens.append(token(*given, **claims))
        return tokens[-1]

    ada = await enter(server, "yjs", minted("ada", jti="one"))
    await refused(server, "yjs", minted("eve", {"other": "editor"}), "not for that room")
    await refused(server, "hocuspocus", minted("eve", {"other": "editor"}), "not for that room")
    await refused(server, "yjs", minted("eve", secret="a secret that is not the server's own"), "signature")
    root.set_role(ROOM, "ada", "viewer")
    await ada.update(wire.Typist(ADA).type("refused;"))
    await eventually(lambda: ada.denials, "the edit is refused")
    root.done("POST", "/revocations", {"user": "ada"})
    await ada.ended()
    brief = await enter(server, "yjs", minted("bob", seconds=1.5))
    assert (await brief.ended())[0] == 4401
    last = await enter(server, "yjs", minted("kim"))
    root.done("DELETE", f"/rooms/{ROOM}")
    await last.ended()
    assert AdministratorClient(server, minted("kim")).ask("DELETE", f"/rooms/{ROOM}").status == 403

    here = {"room": ROOM, "address": "127.0.0.1"}
    expected: list[tuple[str, dict[str, Any]]] = [
        ("access_granted", {**here, "user": "ada", "role": "editor", "dialect": "yjs", "token_id": "one"}),
        ("access_refused", {**here, "user": "eve", "code": 4403, "dialect": "yjs"}),
        ("access_refused", {**here, "user": "eve", "code": 4403, "dialect": "hocuspocus"}),
        ("access_refused", {**here, "code": 4401, "reason": "the signature is wrong"}),
        ("access_refused", {**here, "user": "kim", "code": 4403, "dialect": "http"}),
        ("ruled", {**here, "by": "root", "act": "set_role", "subject": "ada", "role": "viewer"}),
        ("role_changed", {**here, "user": "ada", "before": "editor", "role": "viewer"}),
        ("edit_refused", {**here, "user": "ada", "reason": "a viewer may not write the lane content"}),
        ("ruled", {"by": "root", "act": "revoke_user", "subject": "ada", "address": "127.0.0.1"}),
        ("access_ended", {**here, "user": "ada", "reason": "the grant was revoked", "code": 4401}),
        ("access_ended", {**here, "user": "bob", "reason": "the grant has expired", "code": 4401}),
        ("ruled", {**here, "by": "root", "act": "delete_room"}),
        ("access_ended", {**here, "user": "kim", "code": 4404}),
    ]
    for name, fields in expected:
        found = [line for line in audited(server, name) if fields.items() <= line.items()]
        assert len(found) == 1, (name, fields, audited(server, name))
    server.stop()
    for shown in [root.shown, *tokens]:
        assert shown not in server.log()
        assert shown.rpartition(".")[2] not in server.log()
