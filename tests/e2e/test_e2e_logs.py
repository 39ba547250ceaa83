"""What a served Motet writes down and sends out: faults in one place, ids on every line, and never what is secret."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import connect

import support
from support import faults, wire
from support.administrator import AdministratorClient, Answer
from support.collector import Collector
from support.server import MotetServer, StartMotet
from support.sockets import RawClient, close_all
from support.tokens import SECURED, token
from support.waiting import eventually

ROOM = "notes/a"
WRITTEN = "what-ada-wrote-"
"""Begins every text that is in a document, an update or a presence state."""
GOOD, BAD = "ada-opaque1-good", "eve-opaque2-bad"
SECRETS = (WRITTEN, "opaque1", "opaque2")
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def lines(server: MotetServer, event: str = "", **fields: object) -> list[dict[str, Any]]:
    """The lines of the log that have this event and these fields."""
    found = [json.loads(line) for line in server.log().splitlines()]
    return [line for line in found if event in ("", line["event"]) and fields.items() <= line.items()]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Where errors and traces are sent."""
    with Collector() as started:
        yield started


@pytest.fixture
def faulty(tmp_path: Path, collector: Collector) -> Iterator[MotetServer]:
    """A server that has every fault of `support.faults`, and tells all that it ever would."""
    tests = Path(support.__file__).parent.parent
    env = {
        "MOTET_AUTH_CALLABLE": "support.faults:grant",
        "MOTET_LOG_LEVEL": "debug",
        "MOTET_SENTRY_DSN": f"http://key@{collector.address}/1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.address}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "PYTHONPATH": str(tests),
        "PYTHONASYNCIODEBUG": "1",
    }
    server = MotetServer(tmp_path / "data", tmp_path / "server.log", env=env)
    server.start()
    yield server
    server.discard()


async def enter(server: MotetServer, dialect: str, room: str = ROOM, shown: str = GOOD) -> RawClient:
    """A client that shows a token at a room, whatever comes of it."""
    if dialect == "yjs":
        return await RawClient.yjs(server.ws_url, room, token=shown)
    client = await RawClient.hocuspocus(server.ws_url, room, sync=False)
    await client.send(wire.auth(room, shown))
    await client.sync_step1()
    return client


async def provoke(server: MotetServer) -> None:
    """Everything that goes wrong, with secrets in it."""
    for client, text in enumerate((faults.CONNECTION, faults.TICK, faults.LOOP, faults.KEEPER), 100):
        for dialect in ("yjs", "hocuspocus"):
            typist = wire.Typist(client)
            ada = await (await enter(server, dialect)).synced()
            await ada.set_awareness(wire.AwarenessEntry(client, 1, {"cursor": WRITTEN}))
            await ada.update(typist.type(WRITTEN + text.decode()))
            if text in (faults.CONNECTION, faults.TICK):
                await ada.ended() if dialect == "yjs" or text == faults.CONNECTION else None
            await ada.close()
    with pytest.raises(websockets.InvalidStatus):
        await enter(server, "yjs", faults.OPEN)
    await (await enter(server, "hocuspocus", faults.OPEN)).ended()
    for dialect in ("yjs", "hocuspocus"):
        eve = await enter(server, dialect, shown=BAD)
        await eventually(lambda dialect=dialect: lines(server, "access_refused", dialect=dialect), "refused")
        await eve.close()
    for bad in (b"\0\2\x7f" + WRITTEN.encode(), b"\x63" + WRITTEN.encode(), WRITTEN.encode() * 1000):
        ada = await (await enter(server, "yjs")).synced()
        await ada.send(bad)
        await ada.send(bad)
        await ada.close()
    async with connect(f"{server.ws_url}/ws/{ROOM}", additional_headers={"Authorization": f"Bearer {BAD}"}):
        pass
    async with connect(f"{server.ws_url}/ws/{ROOM}", subprotocols=[websockets.Subprotocol(f"bearer.{BAD}")]):
        pass
    for path in (f"/rooms/{ROOM}/members?token={BAD}", f"/nothing?token={GOOD}", f"/rooms/{faults.HTTP}/members"):
        AdministratorClient(server, GOOD).ask("GET", path, traceparent=PARENT)
    AdministratorClient(server, BAD).ask("PUT", f"/rooms/{ROOM}/roles/ada", {"role": WRITTEN})
    AdministratorClient(server, GOOD).ask("PUT", f"/rooms/{ROOM}/roles/ada", {"role": WRITTEN, WRITTEN: BAD})


async def test_faults_are_reported_in_one_place_and_nothing_secret_gets_out(
    faulty: MotetServer, collector: Collector
) -> None:
    """[O4] [O5] [O6] [O7] Not into the log at debug, nor to Sentry, nor into traces."""
    await provoke(faulty)
    expected: list[dict[str, Any]] = [
        {"where": "connection", "about": "received"},
        {"where": "connection", "about": "join"},
        {"where": "upgrade", "about": f"/ws/{faults.OPEN}"},
        {"where": "room", "room": ROOM, "about": "tick"},
        {"where": "loop"},
        {"where": "keeper", "about": "sweep"},
        {"where": "http", "room": faults.HTTP, "about": "GET /api/v1/rooms/{room:path}/members"},
    ]
    for fields in expected:
        found = await eventually(lambda fields=fields: lines(faulty, "unexpected", **fields), f"{fields} is told")
        assert found[0]["error"] == "ValueError"
        assert "in fail" in found[0]["exception"] and "faults.py" in found[0]["exception"]
        assert ("connection" in found[0]) == (fields["where"] in ("connection", "upgrade"))
    assert faulty.metric("motet_exceptions_total") == len(lines(faulty, "unexpected"))
    others = [line for line in lines(faulty) if "exception" in line and line["event"] != "unexpected"]
    assert others == []

    ada = await (await enter(faulty, "hocuspocus", "notes/b")).synced()  # it serves on
    await ada.update(wire.Typist(7).type(WRITTEN))
    await eventually(lambda: ada.saved == 1, "the edit is saved")
    await ada.close()
    await eventually(lambda: b"ValueError" in collector.to("/envelope/"), "sent to Sentry")
    assert faulty.stop() == 0
    log, sentry, traces = faulty.log().encode(), collector.to("/envelope/"), collector.to("/v1/traces")
    for name in (b"edit", b"commit", b"join", b"identify", b"room.load", b"HTTP GET"):
        assert name in traces, name
    assert bytes.fromhex(TRACE) in traces
    assert b"connection_opened" in log and b"member_joined" in log, "this was not at debug"
    for secret in SECRETS:
        for where, text in (("log", log), ("sentry", sentry), ("traces", traces)):
            at = text.find(secret.encode())
            assert at < 0, (where, text[max(0, at - 500) : at + 200])


# ---- ids


@pytest.mark.parametrize("dialect", ["yjs", "hocuspocus"])
async def test_every_line_about_a_connection_has_its_id(start_motet: StartMotet, dialect: str) -> None:
    """[O14] From the upgrade to the end, for those that are refused too; and it is nobody else's."""
    server = start_motet({**SECURED, "MOTET_LOG_LEVEL": "debug"})
    people = [await (await enter(server, dialect, shown=token(f"u{n}"))).synced() for n in range(3)]
    AdministratorClient(server).done("PUT", f"/rooms/{ROOM}/roles/u0", {"role": "viewer"})
    await people[0].update(wire.Typist(7).type("a"))
    await eventually(lambda: lines(server, "edit_refused"), "refused")
    AdministratorClient(server).done("POST", "/revocations", {"user": "u1"})
    await eventually(lambda: lines(server, "access_ended"), "sent away")
    await close_all(people)
    eve = await enter(server, dialect, shown=token("eve", {"x": "viewer"}))
    await eventually(lambda: eve.denials, "refused")
    await eve.close()
    await eventually(lambda: len(lines(server, "connection_closed")) >= 3, "all have left")
    ids = [lines(server, "access_granted", user=f"u{n}")[0]["connection"] for n in range(3)]
    assert len(set(ids)) == 3
    for n, events in enumerate((("role_changed", "edit_refused"), ("access_ended",), ())):
        for event in ("connection_opened", "member_joined", *events, "member_left", "connection_closed"):
            assert lines(server, event, connection=ids[n]), (event, n)
    (refused,) = lines(server, "access_refused", user="eve")
    assert refused["connection"] and refused["connection"] not in ids


def asked(server: MotetServer, path: str, *ids: str) -> Answer:
    """The answer to a request with these request ids."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest("GET", path)
    for given in ids:
        connection.putheader("X-Request-ID", given)
    connection.endheaders()
    answer = connection.getresponse()
    found = Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    connection.close()
    return found


def test_a_request_has_the_id_that_a_trusted_proxy_gave_it(start_motet: StartMotet) -> None:
    """[O12] On its lines and in its answer. What could do harm is replaced, and so is what two proxies say."""
    server = start_motet({**SECURED, "MOTET_TRUSTED_PROXIES": "127.0.0.1"})
    path = f"/api/v1/rooms/{ROOM}/members"
    assert asked(server, path, "Root=1-67891233-abc").headers["x-request-id"] == "Root=1-67891233-abc"
    assert lines(server, "access_refused")[-1]["request"] == "Root=1-67891233-abc"
    for given in (["a b"], ["a" * 129], ["\t\\x1b[2J"], [""], ['"'], ["a", "b"], ["a,b"], ["\xe9"], []):
        made = asked(server, path, *given).headers["x-request-id"]
        assert made not in given and len(made) == 16
        assert lines(server, "access_refused")[-1]["request"] == made
    for path in ("/healthz", "/", "/nothing", "/metrics"):
        assert asked(server, path, "r1").headers["x-request-id"] == "r1"


def test_anybody_elses_word_about_it_is_not_taken(start_motet: StartMotet) -> None:
    """[O12]"""
    server = start_motet(SECURED)
    first, second = (asked(server, "/healthz", "r1").headers["x-request-id"] for _ in range(2))
    assert "r1" not in (first, second) and first != second


def test_the_level_changes_over_http_for_some_minutes(start_motet: StartMotet) -> None:
    """[O13] By an administrator of all rooms, and it is told."""
    server = start_motet(SECURED)
    some = AdministratorClient(server, token("ada", {"notes/*": "admin"}))
    assert some.ask("PUT", "/log-level", {"level": "debug"}).status == 403
    root = AdministratorClient(server)
    assert root.ask("PUT", "/log-level", {"level": "loud"}).status == 422
    assert lines(server, level="debug") == []
    root.done("PUT", "/log-level", {"level": "debug", "minutes": 1})
    assert lines(server, "ruled", act="log_level", by="root", subject="debug")
