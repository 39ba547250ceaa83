"""Role by dialect by action, made from the table of roles: what each may do there is what it can do over a socket.

A cell is a room of its own with a witness in it, an editor. Whether an action happened is asked of the witness's socket
and of the log, never of the actor's own answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from access_clients import HOCUSPOCUS, YJS, Member, Witness, ask, authors, block, item, log_of, path_of, update

from motet.access.roles import ADMINISTRATION, AROUND, CONTENT, HISTORY, PRESENCE, READ, Roles
from motet.errors import RoomDeleted
from support import wire
from support.server import MotetServer, serving
from support.tokens import SECURED, token
from support.waiting import eventually
from support.wire import AwarenessEntry, Typist, var_bytes

LANES = {"comments": ["comments", "threads"], "suggestions": ["suggestions"]}
OWN = {"reviewer": [PRESENCE, "suggestions"], "reader": [], "moderator": [ADMINISTRATION]}
ROLES = Roles(OWN, LANES)
ROOT = {CONTENT: "text", **{lane: roots[0] for lane, roots in LANES.items()}}
"""A root type of each lane of a document."""
SEED = {lane: number for number, lane in enumerate(sorted(ROLES.lanes), 100)}
"""The Yjs client that has written `seed` into the lane's root."""
ACTOR = 7
"""The actor's Yjs client, and presence."""


class Stage(NamedTuple):
    """One cell."""

    server: MotetServer
    room: str
    role: str
    dialect: str
    witness: Witness

    def token(self) -> str:
        """The actor's."""
        return token("actor", {self.room: self.role, "elsewhere": "admin"})

    async def actor(self, query: str = "") -> Member:
        """The actor, let in or not."""
        return await Member.come(self.server, self.dialect, self.room, self.token(), query)

    async def wrote(self, data: bytes) -> bool:
        """The actor sends an update: whether it has reached the witness and the log. It is both or neither."""
        actor = await self.actor()
        await actor.update(data)
        await actor.heard()
        await self.witness.look()
        is_stored = "actor" in await authors(self.server, self.room)
        assert bool(self.witness.updates) == is_stored, "seen by one and not by the other"
        await actor.close()
        return is_stored


async def joined(stage: Stage) -> bool:
    actor = await stage.actor()
    await actor.close()
    return actor.is_in


async def read(stage: Stage) -> bool:
    actor = await stage.actor()
    await actor.heard()
    await actor.close()
    return actor.text(ROOT[CONTENT]) == "seed"


async def saw_presence(stage: Stage) -> bool:
    await stage.witness.set_awareness(AwarenessEntry(1, 1, {"cursor": 1}))
    await eventually(lambda: 1 in stage.witness.awareness, "the witness is present")
    actor = await stage.actor()
    await actor.heard()
    await actor.close()
    return 1 in actor.awareness


async def was_present(stage: Stage) -> bool:
    actor = await stage.actor()
    await actor.set_awareness(AwarenessEntry(ACTOR, 1, {"cursor": 1}))
    await actor.heard()
    # What comes of the witness comes with all that was to be told before.
    await stage.witness.set_awareness(AwarenessEntry(1, 1, {"cursor": 1}))
    await eventually(lambda: 1 in stage.witness.awareness, "the witness is present")
    await actor.close()
    return ACTOR in stage.witness.awareness


async def broadcast(stage: Stage) -> bool:
    actor = await stage.actor()
    await actor.send(wire.message(stage.room, bytes((wire.BROADCAST_STATELESS,)), var_bytes(b"hello")))
    await actor.heard()
    await stage.witness.look()
    await actor.close()
    return bool(stage.witness.of(wire.STATELESS))


def edited(lane: str) -> Attempt:
    return lambda stage: stage.wrote(Typist(ACTOR, ROOT[lane]).type("edit"))


def deleted_in(lane: str) -> Attempt:
    return lambda stage: stage.wrote(update(deletes={SEED[lane]: [(1, 2)]}))


def formatted(lane: str) -> Attempt:
    left, right = (SEED[lane], 0), (SEED[lane], 1)
    bold = item(6, var_bytes(b"bold") + var_bytes(b"true"), left, right)
    return lambda stage: stage.wrote(update(block(ACTOR, 0, bold)))


async def is_deleted(stage: Stage) -> bool:
    try:
        await log_of(stage.server, stage.room)
    except RoomDeleted:
        return True
    return False


async def delete_first(stage: Stage) -> None:
    status, body = await ask(stage.server, "DELETE", path_of(stage.room), token("root", "admin"))
    assert status == 204, body


async def recreated_by_joining(stage: Stage) -> bool:
    await delete_first(stage)
    await (await stage.actor("&recreate")).close()
    return not await is_deleted(stage)


async def recreated(stage: Stage) -> bool:
    await delete_first(stage)
    status, _ = await ask(stage.server, "PUT", f"{path_of(stage.room)}?recreate", stage.token())
    assert (status == 201) != await is_deleted(stage)
    return status == 201


async def listed_members(stage: Stage) -> bool:
    status, body = await ask(stage.server, "GET", f"{path_of(stage.room)}/members", stage.token())
    assert (status == 200) == ("witness" in body)
    return status == 200


async def set_role(stage: Stage) -> bool:
    user = quote(f"witness of {stage.room}", safe="")
    await ask(stage.server, "PUT", f"{path_of(stage.room)}/roles/{user}", stage.token(), {"role": "viewer"})
    await stage.witness.heard()
    await stage.witness.update(stage.witness.typist.type("."))
    await stage.witness.heard()
    return bool(stage.witness.refused)


async def deleted(stage: Stage) -> bool:
    await ask(stage.server, "DELETE", path_of(stage.room), stage.token())
    gone = await is_deleted(stage)
    await stage.witness.heard()
    assert bool(stage.witness.denials) == gone
    return gone


def revoked(what: str, everywhere: bool) -> Attempt:
    """Of a room, or of a user: by a grant for this room, or the same role in all rooms."""

    async def attempt(stage: Stage) -> bool:
        shown = token("actor", stage.role) if everywhere else stage.token()
        subject = stage.room if what == "room" else f"witness of {stage.room}"
        await ask(stage.server, "POST", "/revocations", shown, {what: subject})
        await stage.witness.heard()
        return bool(stage.witness.denials)

    return attempt


Attempt = Callable[[Stage], Awaitable[bool]]
May = Callable[[frozenset[str]], bool]


class Action(NamedTuple):
    """Whether a role may, by what the table says of it; and whether the actor could."""

    may: May
    happened: Attempt


def takes(permission: str) -> May:
    return lambda may: permission in may


def writes_anything(may: frozenset[str]) -> bool:
    return not ROLES.lanes.isdisjoint(may)


def never(may: frozenset[str]) -> bool:
    return False


ON_A_SOCKET = {
    "join": Action(takes(READ), joined),
    "read the document": Action(takes(READ), read),
    "see presence": Action(takes(READ), saw_presence),
    "be present": Action(takes(PRESENCE), was_present),
    **{f"edit {lane}": Action(takes(lane), edited(lane)) for lane in sorted(ROLES.lanes)},
    **{f"delete others' {lane}": Action(takes(lane), deleted_in(lane)) for lane in sorted(ROLES.lanes)},
    **{f"format {lane}": Action(takes(lane), formatted(lane)) for lane in sorted(ROLES.lanes)},
}
ACTIONS: Mapping[str, Mapping[str, Action]] = {
    YJS: {**ON_A_SOCKET, "recreate by joining": Action(takes(ADMINISTRATION), recreated_by_joining)},
    HOCUSPOCUS: {**ON_A_SOCKET, "broadcast": Action(writes_anything, broadcast)},
    "http": {
        "list members": Action(takes(ADMINISTRATION), listed_members),
        "set a role": Action(takes(ADMINISTRATION), set_role),
        "revoke the room": Action(takes(ADMINISTRATION), revoked("room", everywhere=False)),
        "revoke a user by a grant for the room": Action(never, revoked("user", everywhere=False)),
        "revoke a user by a grant for all rooms": Action(takes(ADMINISTRATION), revoked("user", everywhere=True)),
        "delete the room": Action(takes(ADMINISTRATION), deleted),
        "recreate the room": Action(takes(ADMINISTRATION), recreated),
    },
}
CELLS = [(role, dialect, action) for role in ROLES.names for dialect, actions in ACTIONS.items() for action in actions]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotetServer]:
    """One for all cells; each has a room of its own."""
    env = {**SECURED, "MOTET_ROLES": json.dumps(OWN), "MOTET_LANES": json.dumps(LANES)}
    with serving(tmp_path_factory.mktemp("matrix"), env) as found:
        yield found


@pytest.fixture
async def stage(server: MotetServer, role: str, dialect: str, action: str) -> AsyncIterator[Stage]:
    """A room with something in each lane, written by a witness."""
    room = f"{role}/{dialect}/{action}"
    witness = await Witness.watch(server, room, f"witness of {room}")
    for lane, client in SEED.items():
        await witness.update(Typist(client, ROOT[lane]).type("seed"))
    await eventually(lambda: witness.saved == len(SEED), "the room has content")
    yield Stage(server, room, role, dialect, witness)
    await witness.close()


@pytest.mark.parametrize(("role", "dialect", "action"), CELLS, ids=map(" - ".join, CELLS))
async def test_a_role_can_do_what_the_table_says_and_nothing_else(
    stage: Stage, role: str, dialect: str, action: str
) -> None:
    """[X70] As another member's socket and the log bear witness."""
    wanted = ACTIONS[dialect][action]
    assert await wanted.happened(stage) == wanted.may(ROLES[role].may)


def test_every_permission_decides_an_action() -> None:
    """[X70] History has no route yet."""
    actions = [action for by_name in ACTIONS.values() for action in by_name.values()]
    idle = {
        permission
        for permission in {READ} | AROUND | ROLES.lanes
        if all(action.may(frozenset({permission})) == action.may(frozenset()) for action in actions)
    }
    assert idle == {HISTORY}


def example(description: dict[str, Any], operation: dict[str, Any]) -> object:
    """A good body for the operation, as its description has it; None where it takes none."""
    if "requestBody" not in operation:
        return None
    schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return description["components"]["schemas"][schema]["examples"][0]


async def test_no_route_of_the_api_answers_who_administers_nothing(server: MotetServer) -> None:
    """[X70] Every route that the description names, so the next one too: 401 without a token, 403 with an editor's."""
    description = json.loads((await asyncio.to_thread(server.get, "/openapi.json"))[1])
    routes = [
        (path, method.upper(), example(description, operation))
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/api/")
    ]
    assert len(routes) > 5
    for path, method, body in routes:
        filled = path.format(room="some/room", user="eve", member="1").removeprefix("/api/v1")
        for shown, wanted in (("", 401), (token("eve", "editor"), 403), (token("eve", {"other": "admin"}), 403)):
            status, said = await ask(server, method, f"{filled}?recreate", shown, body)
            assert status == wanted, (method, path, status, said)
