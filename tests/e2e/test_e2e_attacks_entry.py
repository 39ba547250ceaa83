"""Attacks on the door: tokens, names, headers and questions of those who may not come in, at a real server."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from access_clients import HOCUSPOCUS, YJS, Member, Witness, ask, authors, log_of, path_of
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support import wire
from support.server import MotetServer, StartMotet, serving
from support.tokens import OTHER_SECRET, SECRET, SECURED, token
from support.waiting import eventually
from support.wire import Typist

DIALECTS = pytest.mark.parametrize("dialect", [YJS, HOCUSPOCUS])
KEY = rsa.generate_private_key(65537, 2048)
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
OURS = {"aud": "motet", "iss": "app"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotetServer]:
    """It accepts HS256 by a secret and RS256 by a key, for one audience of one issuer."""
    home = tmp_path_factory.mktemp("door")
    key: Path = home / "key.pem"
    key.write_bytes(PUBLIC)
    env = SECURED | {
        "MOTET_PUBLIC_KEY_FILE": str(key),
        "MOTET_JWT_ALGORITHMS": "HS256 RS256",
        "MOTET_JWT_AUDIENCE": OURS["aud"],
        "MOTET_JWT_ISSUER": OURS["iss"],
    }
    with serving(home, env) as found:
        yield found


def ours(user: str = "eve", rooms: dict[str, str] | str = "admin", **claims: object) -> str:
    """A token that this server accepts, unless a claim says otherwise."""
    return token(user, rooms, **(OURS | claims))  # type: ignore[arg-type]


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def unsigned(algorithm: str) -> str:
    return f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{ours().split('.')[1]}."


def hmac_with(secret: bytes, header: dict[str, object]) -> str:
    """Signed by HMAC, whatever the header says."""
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    head = f"{encoded({'typ': 'JWT', 'alg': 'HS256'} | header)}.{ours().split('.')[1]}"
    return f"{head}.{base64.urlsafe_b64encode(algorithm.sign(head.encode(), secret)).rstrip(b'=').decode()}"


def swapped() -> str:
    """Another's payload under one's own signature."""
    head, _, signature = ours("mallory", {"x": "viewer"}).split(".")
    return f"{head}.{ours('root').split('.')[1]}.{signature}"


FORGED = {
    "no token": "",
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "no signature": unsigned("HS256"),
    "the public key as a secret": hmac_with(PUBLIC, {}),
    "HMAC called RS256": hmac_with(PUBLIC, {"alg": "RS256"}),
    "our secret, called RS256": hmac_with(SECRET.encode(), {"alg": "RS256"}),
    "an empty secret": hmac_with(b"", {}),
    "another's secret": ours(secret=OTHER_SECRET),
    "a kid that is a path": hmac_with(b"", {"kid": "../../../../dev/null"}),
    "its own key": hmac_with(b"x" * 32, {"jwk": {"kty": "oct", "k": encoded("x" * 32)}}),
    "a key of elsewhere": hmac_with(SECRET.encode(), {"jku": "http://127.0.0.1:1/keys"}),
    "an algorithm that is not accepted": jwt.encode(
        jwt.decode(ours(), options={"verify_signature": False}), SECRET * 2, "HS512"
    ),
    "another's payload": swapped(),
    "expired": ours(exp=time.time() - 1),
    "without an end": ours(exp=None),
    "of the future": ours(nbf=time.time() + 3600),
    "for another audience": ours(aud="other"),
    "for no audience": ours(aud=None),
    "of another issuer": ours(iss="other"),
    "of no user": ours(sub=""),
    "an unknown role": ours(rooms="root"),
    "too long": ours(name="x" * 10_000),
}


@DIALECTS
@pytest.mark.parametrize("attack", FORGED)
async def test_a_forged_token_opens_nothing(server: MotetServer, room: str, dialect: str, attack: str) -> None:
    """[X71] Neither a room nor the API; it is told in the words of its dialect, and the room is not made."""
    client = await Member.come(server, dialect, room, FORGED[attack])
    await client.update(Typist(7).type("forged"))
    await client.heard()
    assert not client.is_in and len(client.denials) == 1
    if dialect == YJS:
        assert (await client.ended())[0] == 4401
    else:
        assert client.closed is None
    assert await log_of(server, room) is None
    assert (await ask(server, "GET", f"{path_of(room)}/members", FORGED[attack]))[0] == 401
    await client.close()


@DIALECTS
async def test_tokens_of_either_key_are_good(server: MotetServer, room: str, dialect: str) -> None:
    """[X71] So the forgeries above fail for what is forged about them."""
    claims = jwt.decode(ours(), options={"verify_signature": False})
    for good in (ours(), jwt.encode(claims, KEY, "RS256")):
        client = await Member.come(server, dialect, room, good)
        assert client.is_in, client.denials
        await client.close()


@DIALECTS
@pytest.mark.parametrize("what", ["user", "jti", "room"])
async def test_a_revoked_token_is_no_good_again(start_motet: StartMotet, room: str, dialect: str, what: str) -> None:
    """[X71] It ends the socket; shown again, in either dialect and after a restart, it opens nothing."""
    server = start_motet(SECURED)
    shown = token("eve", {room: "editor"}, jti="of-eve")
    client = await Member.come(server, dialect, room, shown)
    subject = {"user": "eve", "jti": "of-eve", "room": room}[what]
    status, body = await ask(server, "POST", "/revocations", token("root", "admin"), {what: subject})
    assert status == 204, body
    await eventually(lambda: client.denials, "it is told")
    assert "revoked" in client.denials[0]
    for restarted in (False, True):
        if restarted:
            await asyncio.to_thread(server.restart)
        for again in (YJS, HOCUSPOCUS):
            late = await Member.come(server, again, room, shown)
            assert not late.is_in and "revoked" in late.denials[0]
            await late.close()


# ---- names

SECRET_ROOM = "secret"
MINE = {"notes/*": "admin"}
PATHS = (
    "secret",
    "%73ecret",
    "notes/../secret",
    "notes/%2e%2e/secret",
    "notes/..%2fsecret",
    "notes%2f..%2fsecret",
    "notes/%252e%252e/secret",
    "notes/..;/secret",
    "notes/..%5csecret",
    "./secret",
    "/secret",
    "%2fsecret",
    "secret/",
    "secret%20",
    "%20secret",
    "SECRET",
    "secret%00",
    "secret%00notes/x",
    "notes/x%00/../../secret",
    "secret%0d%0aX-Injected:%201",
    "%c0%aesecret",
    "notes%c0%af..%c0%afsecret",
    "secret%e2%80%8b",
    "%d1%95ecret",  # a Cyrillic letter
    "%ef%bd%93%ef%bd%85%ef%bd%83%ef%bd%92%ef%bd%85%ef%bd%94",  # full width
    "notes/x?room=secret",
    "notes/x/../../../ws/secret",
    "*",
    "**",
    "notes/" + "x" * 251,
)
"""Ways to write the secret room, or something near it. Names as they are after one decoding go by Hocuspocus too."""


async def keeps_its_secret(server: MotetServer) -> Witness:
    """A room with a secret in it, whose witness is the only one who may read it."""
    witness = await Witness.watch(server, SECRET_ROOM)
    await witness.update(Typist(1).type("the secret"))
    await witness.look()
    return witness


async def by_path(server: MotetServer, path: str, shown: str) -> Member | None:
    """A yjs client at this very path; None where not even the upgrade was answered."""
    mark = "&" if "?" in path else "?"
    try:
        client = await Member._open(f"{server.ws_url}/ws/{path}{mark}token={shown}", None, True, True, True)
    except Exception as refusal:  # noqa: BLE001 - of whatever kind the client library has
        assert re.search(r"HTTP 40[034]", str(refusal)), (path, refusal)
        return None
    assert isinstance(client, Member)
    await eventually(lambda: client.is_in or client.denials, "it is in, or told why not")
    return client


async def by_address(server: MotetServer, name: str, shown: str) -> Member:
    """A Hocuspocus client of this document."""
    return await Member.come(server, HOCUSPOCUS, name, shown)


def once_decoded(path: str) -> str | None:
    try:
        return re.sub(rb"%(..)", lambda m: bytes.fromhex(m[1].decode()), path.encode()).decode()
    except UnicodeDecodeError:
        return None


async def test_no_way_of_writing_a_name_opens_another_room(start_motet: StartMotet) -> None:
    """[X71] Whoever administers notes/* gets into rooms of one segment after notes/, and nothing else: not by dots,
    not by what is encoded once, twice or wrongly, not by what looks alike."""
    server = start_motet(SECURED)
    witness = await keeps_its_secret(server)
    for number, path in enumerate(PATHS):
        eve = f"eve{number}"  # else the second path that is decoded to a name that was refused is held [G1]
        clients = [await by_path(server, path, token(eve, MINE))]
        name = once_decoded(path)
        if name is not None:
            clients.append(await by_address(server, name, token(eve, MINE)))
        for client in clients:
            if client is not None:
                await client.update(Typist(7).type("forged"))
                await client.heard()
                assert client.text() in ("", "forged"), path
                await client.close()
    await witness.look()
    assert witness.updates == [] and witness.awareness == {}
    assert await authors(server, SECRET_ROOM) == {"witness"}
    entered = {grant["room"] for grant in granted(server)} - {SECRET_ROOM}
    assert entered and all(re.fullmatch("notes/[^/]+", name) for name in entered), entered


async def test_no_way_of_writing_a_path_administers_another_room(start_motet: StartMotet) -> None:
    """[X71] The API decodes each name once, as joining does."""
    server = start_motet(SECURED)
    witness = await keeps_its_secret(server)
    for path in PATHS:
        if "?" in path:
            continue
        for method, rest, body in (
            ("GET", "/members", None),
            ("PUT", "/roles/eve", {"role": "admin"}),
            ("DELETE", "", None),
            ("PUT", "?recreate", None),
        ):
            status, said = await ask(server, method, f"/rooms/{path}{rest}", token("eve", MINE), body)
            assert "witness" not in said, path
            assert status < 300 or 400 <= status < 500, (path, method, status)
    await witness.look()
    assert witness.denials == []
    assert await authors(server, SECRET_ROOM) == {"witness"}
    client = await Member.come(server, YJS, SECRET_ROOM, token("eve", MINE))
    assert not client.is_in


async def test_two_forms_of_one_name_are_two_rooms(start_motet: StartMotet) -> None:
    """[X71] Composed and decomposed: a grant for one is none for the other, in either dialect."""
    server = start_motet(SECURED)
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    for dialect in (YJS, HOCUSPOCUS):
        assert (await Member.come(server, dialect, composed, token("eve", {composed: "editor"}))).is_in
        assert not (await Member.come(server, dialect, decomposed, token("eve", {composed: "editor"}))).is_in


@DIALECTS
async def test_a_session_in_an_address_is_no_room(start_motet: StartMotet, dialect: str) -> None:
    """[X71] What stands before the zero is what the grant must be for."""
    server = start_motet(SECURED)
    client = await Member.come(server, dialect, "secret\0notes/a", token("eve", MINE))
    assert not client.is_in
    assert await log_of(server, "notes/a") is None


# ---- is there such a room?


@pytest.mark.parametrize("who", ["nobody", "of another room", "kept out", "expired"])
async def test_nobody_learns_whether_a_room_exists_who_may_not_read_it(start_motet: StartMotet, who: str) -> None:
    """[X72] There, open, never there or deleted: the answers are the same to the byte, by every way of asking."""
    server = start_motet(SECURED)
    for name in ("aaaa", "bbbb"):  # one has members, one has been left
        witness = await Witness.watch(server, name)
        await witness.look()
    await witness.close()
    gone = await Witness.watch(server, "dddd")
    await gone.look()
    assert (await ask(server, "DELETE", path_of("dddd"), token("root", "admin")))[0] == 204
    shown = {
        "nobody": "",
        "of another room": token("eve", {"elsewhere": "admin"}),
        "kept out": token("eve", {"**": "admin", "aaaa": "none", "bbbb": "none", "cccc": "none", "dddd": "none"}),
        "expired": token("eve", "admin", seconds=-1),
    }[who]
    answers = {name: await everything_said(server, name, shown) for name in ("aaaa", "bbbb", "cccc", "dddd")}
    assert len(set(answers.values())) == 1, answers


async def everything_said(server: MotetServer, name: str, shown: str) -> str:
    """All that is told to whoever asks about a room in every way, with its name taken out."""
    said: list[object] = []
    for dialect, query in ((YJS, ""), (YJS, "&recreate"), (HOCUSPOCUS, "")):
        client = await Member.come(server, dialect, name, shown, query)
        if dialect == YJS and not query:  # the second time it is held for a while
            said.append(await client.ended())
        said.append([message._replace(document="") for message in client.messages])
        await client.close()
    for method, rest, body in (
        ("GET", "/members", None),
        ("PUT", "/roles/eve", {"role": "admin"}),
        ("DELETE", "/roles/eve", None),
        ("DELETE", "", None),
        ("PUT", "?recreate", None),
    ):
        said.append(await ask(server, method, path_of(name) + rest, shown, body))
    said.append(await ask(server, "POST", "/revocations", shown, {"room": name}))
    return repr(said).replace(name, "ROOM")


# ---- before anybody is known


async def test_what_comes_before_auth_reaches_nobody_unless_auth_is_good(start_motet: StartMotet, room: str) -> None:
    """[X73] A provider sends on without waiting for its answer. What it sent stands or falls with that."""
    server = start_motet(SECURED)
    witness = await Witness.watch(server, room)
    for shown, reaches in (
        (token("eve", {room: "viewer"}), False),
        ("bad", False),
        (token("eve", {room: "editor"}), True),
    ):
        client = await Member._open(f"{server.ws_url}/hocuspocus", room, apply=False, sync=False, read=True)
        await client.update(Typist(7).type("early"))  # the document is not open: passed over
        await client.send(wire.auth(room, shown))
        await client.update(Typist(8).type("pipelined"))
        await eventually(lambda: client.of(wire.AUTH, wire.AUTHENTICATED) or client.denials, "it is answered")  # noqa: B023
        await client.heard()
        await witness.look()
        assert bool(witness.updates) == reaches
        await client.close()
    assert "early" not in witness.text()


async def test_a_socket_on_which_nobody_signs_in_ends(start_motet: StartMotet) -> None:
    """[X9] After pending_seconds, with pings or without."""
    server = start_motet(SECURED | {"MOTET_PENDING_SECONDS": "1"})
    silent = await Member._open(f"{server.ws_url}/hocuspocus", "r", apply=False, sync=False, read=True)
    await silent.heard()
    assert (await silent.ended())[0] == 4401


# ---- headers


async def said_to(server: MotetServer, *lines: str) -> bytes:
    """All that is answered to an upgrade of these very lines, and to a CLOSE after it."""
    head = (
        "Host: motet",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write("\r\n".join((lines[0], *head, *lines[1:], "\r\n")).encode("latin-1"))
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " in answer:
            writer.write(b"\x88\x80\0\0\0\0")
        return answer + await asyncio.wait_for(reader.read(), 30)
    finally:
        writer.close()


def granted(server: MotetServer) -> list[dict[str, str]]:
    """Every grant in the audit log."""
    return [json.loads(line) for line in server.log().splitlines() if '"access_granted"' in line]


async def test_doubled_and_smuggled_headers_let_nobody_in(start_motet: StartMotet) -> None:
    """[X71] What two parsers could read in two ways is refused, or read as neither."""
    server = start_motet(SECURED)
    shown = token("eve")
    good, path = f"Authorization: Bearer {shown}", "GET /ws/smuggled HTTP/1.1"
    assert b" 101 " in await said_to(server, path, good)
    assert len(granted(server)) == 1
    for lines in (
        ("Authorization: Bearer bad", good),
        (good, "Authorization: Bearer bad"),
        (f"Authorization: Basic {shown}",),
        (f"Authorization: Bearer bad, Bearer {shown}",),
        (f"X-Authorization: Bearer {shown}", f"Authorization :Bearer {shown}"),
        (f"X: 1\r\n {good}",),
        (good, "Transfer-Encoding: chunked"),
        (good, "Content-Length: 5"),
        (good, "Origin: https://evil.example", "Origin: http://motet"),
        (good, "Origin: http://motet", "Origin: https://evil.example"),
    ):
        answer = await said_to(server, path, *lines)
        assert len(granted(server)) == 1, (lines, answer)


@pytest.mark.parametrize("trusted", [False, True], ids=["of a stranger", "of a proxy"])
async def test_an_address_is_believed_of_proxies_only(start_motet: StartMotet, trusted: bool) -> None:
    """[X71] In the audit log and so for every limit. What a client wrote before a proxy counts for nothing either."""
    server = start_motet(SECURED | ({"MOTET_TRUSTED_PROXIES": "127.0.0.1"} if trusted else {}))
    path = f"GET /ws/room?token={token('eve')} HTTP/1.1"
    others = ("Forwarded: for=203.0.113.9", "X-Real-IP: 203.0.113.9")
    await said_to(server, path, "X-Forwarded-For: 203.0.113.9, 198.51.100.7", *others)
    (grant,) = granted(server)
    assert grant["address"] == ("198.51.100.7" if trusted else "127.0.0.1")
