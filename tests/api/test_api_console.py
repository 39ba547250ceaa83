"""The operators' routes: the server, its rooms, one room, its document, actions, and the stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import pytest
from api_harness import Api
from pycrdt import Doc, Text

from motet import __version__
from motet.access import Credentials
from motet.api import console as routes
from motet.api import holding
from motet.errors import MotetError
from motet.ids import RoomName, UserId
from motet.observability import LOGS, AccessEnded, AccessRefused, Ruled
from motet.persistence import Kind, Row
from motet.rooms import RoomSummary, Served, YjsConnection
from motet.sync import YJS
from support import wire
from support.waiting import eventually

API = "/api/v1"
ROOM = RoomName("notes/a")


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    api = await Api().start()
    yield api
    await api.close()


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of a stream takes less."""
    monkeypatch.setattr(routes, "EVERY", 0.01)


class Socket:
    """A socket that keeps how it was closed, and how often it was pinged."""

    def __init__(self) -> None:
        self.closed: int | None = None
        self.pings = 0
        self.frames: list[bytes] = []

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    def close(self, code: int, reason: str = "") -> None:
        self.closed = code

    def turn_away(self, error: MotetError, key: str) -> None:
        self.closed = error.code

    def signed_in(self) -> None: ...

    def buffered(self) -> int:
        return 12

    def silence(self, now: float) -> float:
        return 3.0

    def ping(self) -> None:
        self.pings += 1


async def join(api: Api, user: str = "ada", role: str = "editor", room: RoomName = ROOM) -> tuple[Any, Socket]:
    """Somebody in a room, by the y-websocket dialect."""
    grant = await api.access.identify(Credentials(api.token(role, user=user, name=user.title()), "192.0.2.7"), room)
    served = await api.hub.open(room)
    connection, socket = YjsConnection(api.hub, served, grant, "192.0.2.7", user), Socket()
    connection.opened(socket)  # type: ignore[arg-type]
    return connection, socket


def update_of(text: str) -> bytes:
    doc: Doc[Any] = Doc()
    doc["text"] = Text(text)
    return doc.get_update()


async def write(api: Api, connection: Any, text: str) -> None:
    connection.received(YJS.update("", update_of(text)))
    await asyncio.sleep(0)
    await api.journal.flush()


# ---- the server


async def test_status_is_how_the_server_is(api: Api) -> None:
    """[W2]"""
    api.hub.health.degrade("disk", "12 bytes are free")
    answer = await api.ask("GET", f"{API}/status")
    assert answer.headers["cache-control"] == "no-store"
    status = answer.json
    assert (status["version"], status["ready"], status["divergences"]) == (__version__, False, 0)
    assert status["reasons"] == {"disk": "12 bytes are free"}
    assert status["started"] <= status["since"]["disk"] <= status["now"]
    assert status["totals"].keys() >= {"connections", "people", "members", "rooms", "behind", "peer_p99", "loop_lag"}
    assert status["totals"]["peer_p99"] is None


async def test_history_is_the_last_hour_in_steps(api: Api) -> None:
    """[W2]"""
    answer = await api.ask("GET", f"{API}/history")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json["step"] == 10
    assert answer.json["at"] == []
    assert answer.json["series"].keys() >= {"updates_per_second", "people", "peer_p99", "durable_p99", "loop_lag"}


async def test_rooms_are_listed_by_what_is_asked_for(api: Api) -> None:
    """[W3]"""
    for n, people in enumerate((1, 3, 2)):
        for user in range(people):
            connection, _ = await join(api, f"user{user}", room=RoomName(f"r{n}"))
        if n == 0:
            await write(api, connection, "x" * 1000)
    answers = {by: (await api.ask("GET", f"{API}/rooms?by={by}")).json for by in ("people", "bytes", "lag", "behind")}
    assert answers["people"]["loaded"] == 3
    assert [room["room"] for room in answers["people"]["rooms"]] == ["r1", "r2", "r0"]
    assert answers["bytes"]["rooms"][0]["room"] == answers["lag"]["rooms"][0]["room"] == "r0"
    assert [room["room"] for room in answers["behind"]["rooms"]] == ["r1", "r2", "r0"]  # all alike: by members
    first = answers["bytes"]["rooms"][0]
    assert (first["people"], first["members"], first["seq"], first["log_rows"], first["idle"]) == (1, 1, 1, 1, None)
    assert first["bytes"] > 1000
    assert first["lag"] > 0
    (only,) = (await api.ask("GET", f"{API}/rooms?by=people&top=1")).json["rooms"]
    assert only["room"] == "r1"


@pytest.mark.parametrize("query", ["top=0", "top=201", "top=x", "by=name", "by="])
async def test_a_list_is_bounded(api: Api, query: str) -> None:
    """[W3]"""
    for path in ("rooms", "events"):
        assert (await api.ask("GET", f"{API}/{path}?{query}")).status == 422


async def test_the_level_of_the_log_is_set_for_a_while(api: Api) -> None:
    """[W11]"""
    before = LOGS.level
    try:
        for bad in ({"level": "loud"}, {"level": "debug", "minutes": -1}, {"level": "debug", "minutes": 1e9}, {}):
            assert (await api.ask("PUT", f"{API}/log-level", bad)).status == 422
        nan = await api.ask(
            "PUT", f"{API}/log-level", raw=b'{"level": "debug", "minutes": NaN}', content_type="application/json"
        )
        assert nan.status == 422
        assert (await api.ask("PUT", f"{API}/log-level", {"level": "debug", "minutes": 5})).status == 204
        assert LOGS.level == "debug"
        assert api.events[-1] == Ruled("root", "log_level", "debug", "", "", "192.0.2.7")
    finally:
        LOGS.set_level(before, 0)


# ---- one room


async def test_one_room_is_its_figures_members_and_the_newest_of_its_log(api: Api) -> None:
    """[W4]"""
    connection, _ = await join(api)
    await join(api, "bo", "viewer")
    await write(api, connection, "hello")
    api.recent(AccessRefused("eve", ROOM, "not for that room", 4403, "yjs", "192.0.2.9"))
    api.recent(AccessEnded("cy", ROOM, "the grant has expired", 4401, "yjs", "192.0.2.8"))
    room = (await api.ask("GET", f"{API}/rooms/{ROOM}")).json
    assert (room["room"], room["loaded"], room["people"], room["seq"], room["idle"]) == (ROOM, True, 2, 1, None)
    ada, bo = room["members"]
    assert (ada["user"], ada["name"], ada["role"], ada["dialect"], ada["edits"]) == ("ada", "Ada", "editor", "yjs", 1)
    assert (bo["role"], bo["address"], bo["buffered"], bo["last_seen"]) == ("viewer", "192.0.2.7", 12, 3.0)
    assert [refusal["user"] for refusal in room["refusals"]] == ["cy", "eve"]
    assert [(row["seq"], row["author"]) for row in room["log"]] == [(1, "ada")]
    assert room["snapshot"] is None


async def test_a_stored_room_is_shown_without_loading_it(api: Api) -> None:
    """[W4] And one that is not there is not made."""
    await api.fill(ROOM)
    room = (await api.ask("GET", f"{API}/rooms/{ROOM}")).json
    assert (room["loaded"], room["seq"], room["members"]) == (False, 1, [])
    for path in ("", "/document", "/hash", "/update"):
        answer = await api.ask("GET", f"{API}/rooms/missing{path}")
        assert (answer.status, answer.detail) == (404, "there is no such room")
    for method, path in (("POST", "/compact"), ("POST", "/resync"), ("DELETE", "/members/1")):
        assert (await api.ask(method, f"{API}/rooms/missing{path}")).status == 404
    assert api.hub.served == {}
    await api.ask("DELETE", f"{API}/rooms/{ROOM}")
    for path in ("", "/document", "/hash", "/update"):
        answer = await api.ask("GET", f"{API}/rooms/{ROOM}{path}")
        assert (answer.status, answer.json["code"]) == (404, 4404)


async def presence_of(api: Api, state: str) -> Any:
    """What is shown of a member that says this of itself."""
    connection, _ = await join(api)
    entry = b"\1" + wire.varint(7) + wire.varint(1) + wire.var_bytes(state.encode())
    connection.received(b"\1" + wire.var_bytes(entry))
    ((shown,),) = [(await api.ask("GET", f"{API}/rooms/{ROOM}")).json["presence"]]
    assert (shown["client"], shown["user"]) == (7, "ada")
    return shown["state"]


async def test_what_members_say_of_themselves_is_shown_as_the_others_see_it(api: Api) -> None:
    """[W5]"""
    said = '{"cursor": {"anchor": 3}, "mood": "\\ud83d\\ude00", "html": "<img src=x onerror=alert(1)>"}'
    state = await presence_of(api, said)
    assert state["user"]["id"] == "ada"
    del state["user"]
    assert state == {"cursor": {"anchor": 3}, "mood": "\N{GRINNING FACE}", "html": "<img src=x onerror=alert(1)>"}


@pytest.mark.parametrize(
    "state",
    ['{"a":' + "[" * 400 + "]" * 400 + "}", '{"a":"\\ud800"}', '{"a":1e999}', '{"a":"' + "x" * 20_000 + '"}'],
    ids=["deep", "half a character", "no number", "long"],
)
async def test_what_a_member_says_of_itself_cannot_hide_the_room(api: Api, state: str) -> None:
    """[W5] It is shown as a text, or as the beginning of one."""
    shown = await presence_of(api, state)
    assert isinstance(shown, str)
    assert state[:-1][:200] in shown
    assert len(shown) <= 1001


async def test_round_trips_are_measured_while_somebody_looks_and_not_more_often(api: Api) -> None:
    """[W4] However many look."""
    connection, socket = await join(api)
    for _ in range(3):
        await api.ask("GET", f"{API}/rooms/{ROOM}")
    assert socket.pings == 1
    connection.heard()
    (member,) = (await api.ask("GET", f"{API}/rooms/{ROOM}")).json["members"]
    assert member["latency"] > 0


# ---- its document


async def test_a_document_is_had_as_json_as_a_hash_and_as_one_update(api: Api) -> None:
    """[W6] [W7]"""
    name = "hall/№ 1"
    await api.store.append([Row(RoomName(name), "ada", 1, Kind.UPDATE, update_of("hello"))])
    target = f"{API}/rooms/hall%2F%E2%84%96%201"
    assert (await api.ask("GET", f"{target}/document")).json == {"text": "hello"}
    assert name in api.hub.served  # it leaves by itself, as every room without members
    update = await api.ask("GET", f"{target}/update")
    assert update.headers["content-type"] == "application/octet-stream"
    assert update.headers["content-disposition"] == "attachment; filename*=UTF-8''hall_%E2%84%96%201.yjs"
    assert update.headers["content-length"] == str(len(update.body))
    doc: Doc[Any] = Doc()
    doc.apply_update(update.body)
    assert str(doc.get("text", type=Text)) == "hello"
    hashed = (await api.ask("GET", f"{target}/hash")).json
    assert hashed["seq"] == 1
    assert list(hashed["state_vector"].values()) == [5]
    (client, end) = next(iter(hashed["state_vector"].items()))
    snapshot = b"\0\1" + wire.varint(int(client)) + wire.varint(end)
    assert hashed["hash"] == sha256(snapshot).hexdigest()


async def test_a_large_document_goes_out_in_parts_and_is_not_shown(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """[W6]"""
    monkeypatch.setattr(routes, "MAX_JSON", 1 << 20)
    await api.store.append([Row(ROOM, "ada", 1, Kind.UPDATE, update_of("x" * (3 << 20)))])
    shown = await api.ask("GET", f"{API}/rooms/{ROOM}/document")
    assert (shown.status, shown.json["code"]) == (413, 4413)
    assert "download it" in shown.detail
    stream = api.stream(f"{API}/rooms/{ROOM}/update")
    stream.reads.clear()
    await eventually(lambda: api.console.whole.taken, "the download is under way")
    await asyncio.sleep(0.05)
    assert stream.body == b""  # nothing is made ahead of its reader
    stream.reads.set()
    await stream.end()
    assert len(stream.body) == int(stream.headers["content-length"]) > 3 << 20
    assert (await api.ask("GET", f"{API}/rooms/{ROOM}/hash")).status == 200


async def test_so_many_whole_documents_are_under_way_at_once(api: Api) -> None:
    """[W6] One more is told to try later; a reader that has gone gives its place back."""
    await api.fill(ROOM)
    slow = [api.stream(f"{API}/rooms/{ROOM}/update") for _ in range(routes.WHOLE)]
    for stream in slow:
        stream.reads.clear()
    await eventually(lambda: api.console.whole.taken == routes.WHOLE, "all places are taken")
    for path in ("update", "document", "hash"):
        answer = await api.ask("GET", f"{API}/rooms/{ROOM}/{path}")
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert "whole documents" in answer.detail
    for stream in slow:
        await stream.leave()
    assert (await api.ask("GET", f"{API}/rooms/{ROOM}/update")).status == 200
    assert api.console.whole.taken == 0


# ---- actions


async def test_a_kick_ends_one_connection_and_its_user_may_come_back(api: Api) -> None:
    """[W9]"""
    connection, socket = await join(api)
    _, other = await join(api, "bo")
    member = connection.seats[""].member.id
    for no_member in (member + 100, "x", "9" * 5000):
        assert (await api.ask("DELETE", f"{API}/rooms/{ROOM}/members/{no_member}")).status in (404, 422)
    assert (await api.ask("DELETE", f"{API}/rooms/{ROOM}/members/{member}")).status == 204
    assert (socket.closed, other.closed) == (1013, None)
    assert (await api.ask("DELETE", f"{API}/rooms/{ROOM}/members/{member}")).status == 404
    await join(api)
    assert len((await api.ask("GET", f"{API}/rooms/{ROOM}/members")).json["members"]) == 2


async def test_a_resync_sends_everybody_the_document_and_asks_each_for_theirs(api: Api) -> None:
    """[W10]"""
    connection, socket = await join(api)
    await write(api, connection, "hello")
    socket.frames.clear()
    assert (await api.ask("POST", f"{API}/rooms/{ROOM}/resync")).status == 204
    kinds = [frame[2:4] for frame in socket.frames]
    assert kinds == [b"\0\1", b"\0\0"]
    assert b"hello" in socket.frames[0]


async def test_a_compaction_writes_a_snapshot_one_after_the_other(api: Api) -> None:
    """[W10] Asked twice at once, the rows are counted off once."""
    connection, _ = await join(api)
    for text in ("a", "b", "c"):
        await write(api, connection, text)
    done = await asyncio.gather(*[api.ask("POST", f"{API}/rooms/{ROOM}/compact") for _ in range(3)])
    assert [answer.status for answer in done] == [204] * 3
    room = (await api.ask("GET", f"{API}/rooms/{ROOM}")).json
    assert (room["snapshot"]["seq"], room["log_rows"], room["log"]) == (3, 0, [])


async def test_each_act_is_one_event_with_who_did_it(api: Api) -> None:
    """[W12] What could not be done is none."""
    connection, _ = await join(api)
    member = connection.seats[""].member.id
    await api.ask("POST", f"{API}/rooms/{ROOM}/resync")
    await api.ask("POST", f"{API}/rooms/{ROOM}/compact")
    await api.ask("DELETE", f"{API}/rooms/{ROOM}/members/{member}")
    await api.ask("DELETE", f"{API}/rooms/{ROOM}/members/{member}")
    await api.ask("POST", f"{API}/rooms/missing/resync")
    assert [event for event in api.events if isinstance(event, Ruled)] == [
        Ruled("root", "resync", "", ROOM, "", "192.0.2.7"),
        Ruled("root", "compact", "", ROOM, "", "192.0.2.7"),
        Ruled("root", "kick", "ada", ROOM, "", "192.0.2.7"),
    ]


# ---- the stream of events


@pytest.mark.usefixtures("often")
async def test_a_stream_says_how_things_are_every_second(api: Api) -> None:
    """[W8] And with a room, how that is; what is wrong with the room does not end it."""
    await join(api)
    stream = api.stream(f"{API}/events?by=people&top=1&room=notes%2Fa")
    (status,), (room,) = await stream.has(1), await stream.has(1, "room")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert (stream.headers["cache-control"], stream.headers["x-accel-buffering"]) == ("no-store", "no")
    assert (status["ready"], status["loaded"], [room["room"] for room in status["rooms"]]) == (True, 1, [ROOM])
    assert [member["user"] for member in room["members"]] == ["ada"]
    api.hub.health.degrade("disk", "12 bytes are free")
    await eventually(lambda: stream.events("status")[-1]["reasons"], "the reason is told")
    await api.ask("DELETE", f"{API}/rooms/{ROOM}")
    assert "was deleted" in (await stream.has(1, "gone"))[0]
    seen = len(stream.events("status"))
    await stream.has(seen + 2)
    await stream.leave()
    assert api.console.streams.taken == 0


async def test_a_stream_of_a_room_that_has_no_name_is_refused(api: Api) -> None:
    """[W8]"""
    assert (await api.ask("GET", f"{API}/events?room=%00")).status == 422
    assert api.console.streams.taken == 0


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("how", ["expired", "revoked", "demoted"])
async def test_a_stream_ends_with_the_grant(api: Api, how: str) -> None:
    """[W8]"""
    stream = api.stream(f"{API}/events", api.token(user="eve"))
    await stream.has(2)
    if how == "expired":
        api.clock.now += 4000
    elif how == "revoked":
        assert (await api.ask("POST", f"{API}/revocations", {"user": "eve"})).status == 204
    else:
        assert (await api.ask("PUT", f"{API}/rooms/{ROOM}/roles/eve", {"role": "editor"})).status == 204
        assert await stream.has(3)  # in one room: it is an admin of the others still
        api.access.rulings.revoke_user(UserId("eve"), api.clock.now)
    await stream.end()
    assert api.console.streams.taken == 0


@pytest.mark.usefixtures("often")
async def test_a_stream_ends_with_the_server(api: Api) -> None:
    """[W8]"""
    stream = api.stream(f"{API}/events")
    await stream.has(1)
    api.hub.draining = True
    await stream.end()
    assert api.console.streams.taken == 0


@pytest.mark.usefixtures("often")
async def test_so_many_streams_are_open_at_once(api: Api) -> None:
    """[W8] One more is told to try later, and none is lost by readers that go before the first byte."""
    for _ in range(2):
        streams = [api.stream(f"{API}/events") for _ in range(routes.STREAMS)]
        for stream in streams:
            stream.reads.clear()
        await eventually(lambda: api.console.streams.taken == routes.STREAMS, "all places are taken")
        answer = await api.ask("GET", f"{API}/events")
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert "streams of events" in answer.detail
        for stream in streams:
            await stream.leave()
        assert api.console.streams.taken == 0


@pytest.mark.usefixtures("often")
async def test_a_reader_that_does_not_read_is_left_behind(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """[W8] What waits for it is one event; after a while it has no place any more."""
    monkeypatch.setattr(holding, "PATIENCE", 0.1)
    stream = api.stream(f"{API}/events")
    await stream.has(1)
    stream.reads.clear()
    await stream.end()
    assert api.console.streams.taken == 0
    assert not [event for event in api.events if type(event).__name__ == "Unexpected"]


@pytest.mark.usefixtures("often")
async def test_many_streams_cost_one_look_at_the_rooms(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """[W3]"""
    monkeypatch.setattr(routes, "EVERY", 60.0)
    await join(api)
    summed: list[Served] = []
    summary = api.looks.summary

    def counting(served: Served) -> RoomSummary:
        summed.append(served)
        return summary(served)

    monkeypatch.setattr(api.looks, "summary", counting)
    streams = [api.stream(f"{API}/events?top={top}") for top in range(1, 9)]
    for stream in streams:
        await stream.has(1)
        await stream.leave()
    assert len(summed) == 1
