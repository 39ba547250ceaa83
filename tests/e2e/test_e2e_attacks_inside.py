"""Attacks by members on who they are, on other documents of their socket, on the audit log, and on what was deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from access_clients import (
    HOCUSPOCUS,
    YJS,
    Member,
    Witness,
    ask,
    authors,
    log_of,
    path_of,
    watched,
)

from support import wire
from support.server import MotetServer, StartMotet, serving
from support.tokens import SECURED, token
from support.waiting import eventually
from support.wire import AwarenessEntry, Typist, var_bytes, varint

DIALECTS = pytest.mark.parametrize("dialect", [YJS, HOCUSPOCUS])
MINE = Typist(7).type("forged")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotetServer]:
    """Each test has a room of its own."""
    with serving(tmp_path_factory.mktemp("inside"), SECURED) as found:
        yield found


# ---- presence


def shown(witness: Witness, client: int) -> object:
    """The state that the witness has of a client."""
    return witness.awareness[client].state if client in witness.awareness else None


@DIALECTS
@pytest.mark.parametrize(
    "state",
    [
        {"user": {"id": "witness", "name": "The Witness"}},
        {"user": "witness"},
        {"user": [{"id": "witness"}]},
        {"user": {"__proto__": {"id": "witness"}, "name": "The Witness"}},
        {},
    ],
    ids=["another's id", "a string", "a list", "a prototype", "nothing"],
)
async def test_nobody_is_seen_as_another(
    server: MotetServer, room: str, dialect: str, state: dict[str, object]
) -> None:
    """[X76] Id and name are the grant's."""
    witness = await watched(server, room)
    eve = await Member.come(server, dialect, room, token("eve", {room: "viewer"}, name="Eve"))
    await eve.set_awareness(AwarenessEntry(7, 1, state))
    seen = await eventually(lambda: shown(witness, 7), "the witness sees it")
    assert (seen["user"]["id"], seen["user"]["name"]) == ("eve", "Eve")


async def test_names_written_twice_or_in_escapes_are_not_believed(server: MotetServer, room: str) -> None:
    """[X76] As the bytes come, not as a JSON library writes them."""
    witness = await watched(server, room)
    eve = await Member.come(server, YJS, room, token("eve", {room: "viewer"}, name="Eve"))
    for clock, state in enumerate(
        (b'{"user":{"id":"eve"},"user":{"id":"witness","id":"witness"}}', b'{"\\u0075ser":{"\\u0069d":"witness"}}'), 1
    ):
        await eve.send(wire.awareness(None, b"\1\7" + varint(clock) + var_bytes(state)))
        await eventually(lambda: 7 in witness.awareness and witness.awareness[7].clock == clock, "it is seen")  # noqa: B023
        raw = witness.of(wire.AWARENESS)[-1].data
        assert b"witness" not in raw and b'"id":"eve"' in raw


@DIALECTS
async def test_nobody_moves_or_ends_the_cursor_of_another(server: MotetServer, room: str, dialect: str) -> None:
    """[X76] At no clock, in no company."""
    witness = await watched(server, room)
    await witness.set_awareness(AwarenessEntry(1, 1, {"cursor": 1}))
    await eventually(lambda: shown(witness, 1), "the witness is present")
    eve = await Member.come(server, dialect, room, token("eve", {room: "editor"}))
    for clock in (1, 2, 1000):
        await eve.set_awareness(AwarenessEntry(1, clock, {"cursor": 666}), AwarenessEntry(7, clock, {"cursor": 7}))
        await eve.set_awareness(AwarenessEntry(1, clock, None))
        await eve.heard()
    await eventually(lambda: shown(witness, 7), "what is eve's own is seen")
    late = await Witness.watch(server, room, "late")
    await eventually(lambda: shown(late, 1), "who comes later sees the witness")
    for one in (witness, late):
        state = shown(one, 1)
        assert isinstance(state, dict) and state["cursor"] == 1 and state["user"]["id"] == "witness"


# ---- several documents on one socket


async def send_everything(client: Member, address: str) -> None:
    """What a member could do, under this address."""
    await client.send(wire.sync(address, wire.UPDATE, MINE))
    await client.send(wire.sync(address, wire.STEP2, MINE))
    await client.send(wire.awareness(address, wire.awareness_update(AwarenessEntry(7, 1, {"cursor": 1}))))
    for type_ in (wire.STATELESS, wire.BROADCAST_STATELESS):
        await client.send(wire.message(address, bytes((type_,)), var_bytes(b"forged")))
    await client.send(wire.message(address, bytes((wire.QUERY_AWARENESS,))))


async def test_a_frame_counts_for_its_own_document_alone(server: MotetServer, room: str) -> None:
    """[X73] Not opened, denied, of another session, after it was left: an open document beside it changes nothing."""
    other = f"{room}/other"
    witness = await watched(server, other)
    client = await Member.come(server, HOCUSPOCUS, room, token("eve", {room: "editor"}))
    await send_everything(client, other)  # not opened
    await client.send(wire.auth(other, token("eve", {room: "editor"})))
    await eventually(lambda: client.denials, "the other one is denied")
    await send_everything(client, other)  # denied
    await send_everything(client, f"{other}\0{room}")  # of a session that nobody opened
    await send_everything(client, f"{room}\0{other}")
    await client.heard()
    assert {message.document for message in client.messages if message.document} == {room, other}
    await witness.look()
    assert witness.updates == [] and witness.of(wire.STATELESS) == [] and witness.awareness == {}
    assert await authors(server, other) == {"witness"}
    await client.send(wire.auth(other, token("eve", {other: "editor"})))
    await client.send(wire.message(other, bytes((wire.CLOSE,)), var_bytes(b"bye")))
    await send_everything(client, other)  # left
    await client.heard()
    await witness.look()
    assert witness.updates == [] and await authors(server, other) == {"witness"}


async def test_each_document_on_a_socket_has_its_own_grant(server: MotetServer, room: str) -> None:
    """[X73] Two users, two roles, two sessions of one room: none lends the other anything."""
    witness = await watched(server, room)
    client = await Member.come(server, HOCUSPOCUS, f"{room}\0a", token("ada", {room: "editor"}))
    for session, user in (("b", "eve"), ("c", "ada")):
        address = f"{room}\0{session}"
        await client.send(wire.auth(address, token(user, {room: "viewer"})))
        await eventually(lambda: client.of(wire.AUTH, wire.AUTHENTICATED)[-1].document == address, "it is in")  # noqa: B023
        await client.send(wire.sync(address, wire.UPDATE, MINE))
    await client.heard()
    await witness.look()
    assert witness.updates == [] and await authors(server, room) == {"witness"}
    await client.update(MINE)
    await eventually(lambda: "forged" in witness.text(), "the editor's session edits")
    await witness.look()
    assert await authors(server, room) == {"witness", "ada"}


# ---- the audit log


async def test_names_cannot_forge_lines_of_the_audit_log(start_motet: StartMotet) -> None:
    """[X77] One line of JSON each, whatever is in them; and nothing in it is a token."""
    server = start_motet(SECURED)
    forged = 'x"}\n{"event": "access_granted", "user": "root"}\r\x1b[2J\u202e\u2028\x85'
    user = 'e"}{"event": "forged"\u202e\u2028'
    token_shown = token(user, {"**": "viewer"}, name="\u202eevil")
    for dialect in (YJS, HOCUSPOCUS):
        for name in (forged, "fine", "x" * 5000):
            client = await Member.come(server, dialect, name, token_shown)
            await client.update(MINE)
            await client.heard()
            await client.close()
        late = await Member.come(server, dialect, "fine", token(forged, {"**": "editor"}))
        assert not late.is_in
        assert (await ask(server, "POST", "/revocations", token("root", "admin"), {"user": user}))[0] == 204
        token_shown = token(user, {"**": "viewer"}, iat=None, seconds=1e6)
    lines = [json.loads(line) for line in server.log().splitlines()]
    assert "forged" not in {line["event"] for line in lines}
    assert not any(line.get("user") == "root" for line in lines)
    assert all(len(json.dumps(line)) < 4096 for line in lines)
    assert not any(part in server.log() for part in token_shown.split(".")[1:])
    assert server.log().isascii()


async def test_a_deleted_room_stays_deleted_for_stale_clients(server: MotetServer, room: str) -> None:
    """[X74] Who was in it, or comes back with all that it held, brings nothing of it back."""
    witness = await watched(server, room)
    editors = [
        await Member.come(server, dialect, room, token("eve", {room: "editor"})) for dialect in (YJS, HOCUSPOCUS)
    ]
    assert (await ask(server, "DELETE", path_of(room), token("root", "admin")))[0] == 204
    for editor in editors:
        await editor.update(MINE)
        await eventually(lambda: editor.denials, "it is told")  # noqa: B023
        late = await Member.come(server, HOCUSPOCUS, room, token("eve", {room: "editor"}))
        await late.send(wire.sync(room, wire.STEP2, MINE))
        await late.heard()
        assert not late.is_in
    await witness.heard()
    assert (await ask(server, "PUT", f"{path_of(room)}?recreate", token("root", "admin")))[0] == 201
    assert await log_of(server, room) is None
