"""How real clients show who they are, and what becomes of those who cannot."""

from __future__ import annotations

import asyncio

import pytest

from support.node import HOCUSPOCUS, KINDS, Y_WEBSOCKET, NodeClient, NodeClients
from support.people import Person, converged
from support.pycrdt_client import PycrdtClient
from support.refusals import judge
from support.server import MotetServer, StartMotet
from support.tokens import OTHER_SECRET, SECURED, shown_by, token
from support.waiting import eventually

pytestmark = pytest.mark.node

BAD = {
    "no token": "",
    "garbage": "garbage",
    "another's signature": token("eve", secret=OTHER_SECRET),
    "expired": token("eve", seconds=-1),
    "another room": token("eve", {"elsewhere/**": "admin"}),
    "role none": token("eve", {"**": "admin", "secret/*": "none"}),
}


async def one_of_each_way(node: NodeClients, ws_url: str, room: str) -> dict[str, Person]:
    """By user: every kind of client with every way it has to show a token, synced."""
    found: dict[str, NodeClient] = {}
    for kind in KINDS:
        user = f"{kind} by string"
        found[user] = await node.create(kind, ws_url, room, **shown_by(kind, token(user)))
    for kind in HOCUSPOCUS:
        user = f"{kind} by function"
        found[user] = await node.create(kind, ws_url, room, **shown_by(kind, token(user), by_function=True))
        user = f"{kind} by address"
        found[user] = await node.create(kind, ws_url, room, query=f"?token={token(user)}")
    for kind in Y_WEBSOCKET[1:]:
        user = f"{kind} by subprotocol"
        found[user] = await node.create(kind, ws_url, room, protocols=[f"bearer.{token(user)}"])
    await asyncio.gather(*(client.synced() for client in found.values()))
    return {**found, "pycrdt by header": await PycrdtClient.join(ws_url, room, token("pycrdt by header"))}


async def test_a_token_is_taken_wherever_a_client_can_put_it(
    secured_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[X60] Parameter, subprotocol, header, Hocuspocus token: edits arrive, and the log has their author."""
    people = await one_of_each_way(node_clients, secured_server.ws_url, room)
    for user, person in people.items():
        await person.edit(set=[user, user])
    content = await converged(list(people.values()))
    assert content.map == {user: user for user in people}
    await eventually(lambda: secured_server.authors(room) == set(people), "every edit is stored with its author")
    for user, person in people.items():
        if isinstance(person, NodeClient):
            report = await person.report()
            assert (len(report.attempts), report.closes, report.denied) == (1, (), ()), (user, report)


async def test_hocuspocus_knows_its_scope_from_the_start(
    secured_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[X61] Who may write some lane has the scope read-write, others readonly, in the answer to their token."""
    scopes = {"viewer": "readonly", "commenter": "read-write", "editor": "read-write", "admin": "read-write"}
    for kind in HOCUSPOCUS:
        for role, scope in scopes.items():
            client = await node_clients.create(kind, secured_server.ws_url, room, token=token(role, role))
            await client.saved()
            assert (await client.report()).scopes == (scope,), (kind, role)


async def refused_clients(node: NodeClients, ws_url: str) -> dict[str, NodeClient]:
    """Every kind of client with every bad token, each in a room of its own."""
    return {
        f"{kind}: {why}": await node.create(kind, ws_url, f"secret/{kind} {why}", **shown_by(kind, bad))
        for kind in KINDS
        for why, bad in BAD.items()
    }


async def test_bad_tokens_do_not_loop(start_motet: StartMotet, node_clients: NodeClients) -> None:
    """[G1] [H9] No token, garbage, expired, not for this room: told once, and held where clients ignore close codes."""
    server = start_motet(SECURED)
    clients = await refused_clients(node_clients, server.ws_url)
    await judge(clients, 21)
    for name, client in clients.items():
        code = 4403 if "room" in name or "none" in name else 4401
        report = await client.report()
        assert {closed for closed, _ in report.closes} <= {code}, (name, report)
        assert not report.synced and report.awareness.keys() <= {report.client_id}, (name, report)
    warnings = await node_clients.warnings()
    for kind in Y_WEBSOCKET:
        assert any(f"{kind} expired" in warning and "the token has expired" in warning for warning in warnings), kind


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_bad_tokens_do_not_loop_for_longer(start_motet: StartMotet, node_clients: NodeClients) -> None:
    """[G1] The same over several holds."""
    server = start_motet(SECURED)
    await judge(await refused_clients(node_clients, server.ws_url), 90)


async def test_a_document_with_a_bad_token_leaves_its_siblings_on_the_socket(
    secured_server: MotetServer, node_clients: NodeClients, room: str
) -> None:
    """[H9] The documents of a Hocuspocus socket are judged apart, whoever their tokens name."""
    for kind in HOCUSPOCUS:
        create = node_clients.create
        first = await create(kind, secured_server.ws_url, f"{room}/{kind}", token=token("ada"))
        others = [
            await create(kind, secured_server.ws_url, f"secret/{kind} {why}", token=bad, socketOf=first.name)
            for why, bad in BAD.items()
            if bad  # 2.15 says nothing without a token, and the server cannot tell
        ]
        last = await create(kind, secured_server.ws_url, f"{room}/{kind}/2", token=token("bob"), socketOf=first.name)
        for other in others:
            await other.wait_until(lambda r: len(r.denied) == 1, "denied once")
        for sibling in (first, last):
            await sibling.saved()
            await sibling.edit(append="still here")
            await sibling.saved()
        report = await first.report()
        assert len(report.attempts) == 1 and report.connected
