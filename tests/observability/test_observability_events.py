"""Every event is told where it happens, with what an operator must know of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import get_args

import pytest
from events_house import ADDRESS, EARLY, MALFORMED, ROOM, House, edit

from motet.crdt import Documents, Replica
from motet.errors import OverQuota
from motet.ids import RoomName, UserId
from motet.observability import Event, events, name_of
from motet.rooms import Convergence, Watch, gauges
from motet.rooms.effects import Why
from motet.sync import HOCUSPOCUS, YJS
from support.server import StartMotet
from support.sockets import RawClient
from support.waiting import eventually
from support.wire import Typist

Scenario = Callable[[House], Awaitable[None]]
SCENARIOS: dict[type[Event], Scenario] = {}


def of(*kinds: type[Event]) -> Callable[[Scenario], Scenario]:
    """The scenario in which these events are seen."""

    def listed(scenario: Scenario) -> Scenario:
        SCENARIOS.update(dict.fromkeys(kinds, scenario))
        return scenario

    return listed


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr("motet.rooms.keeper.SWEEP", 0.01)
    made = House()
    yield made
    await made.close()


# ---- connections and members


@of(events.ConnectionOpened, events.AccessGranted, events.MemberJoined)
async def somebody_joins(house: House) -> None:
    await house.join()
    assert house.told(events.ConnectionOpened) == [events.ConnectionOpened("c1", "yjs", ADDRESS)]
    assert (await house.one(events.AccessGranted)).role == "editor"
    joined = await house.one(events.MemberJoined)
    assert (joined.room, joined.user, joined.dialect, joined.connection) == (ROOM, "ada", "yjs", "c1")
    assert joined.seconds >= 0
    counts = house.hub.counts
    assert +counts.joins == +counts.connections == house.hub.open_connections == {"yjs": 1}


@of(events.ConnectionClosed, events.MemberLeft)
async def somebody_leaves(house: House) -> None:
    connection, _ = await house.join()
    connection.closed(1001, clean=True)
    left, closed = await house.one(events.MemberLeft), await house.one(events.ConnectionClosed)
    assert (left.room, left.user, left.connection) == (ROOM, "ada", "c1")
    assert (closed.connection, closed.code, closed.clean) == ("c1", 1001, True)
    assert not house.hub.open_connections["yjs"]


@of(events.AccessRefused)
async def somebody_is_refused(house: House) -> None:
    connection, _ = house.hocuspocus()
    connection.received(HOCUSPOCUS.sync_step1("bad\x01name", b"\0"))
    refused = await house.one(events.AccessRefused)
    assert (refused.code, refused.connection) == (4403, "c9")
    assert +house.hub.counts.refusals == {"forbidden": 1}
    connection.closed(1000, clean=True)


@of(events.AccessEnded, events.Ruled)
async def somebody_is_sent_away(house: House) -> None:
    await house.join()
    (member,) = house.hub.served[ROOM].seats
    assert house.administration.kick(ROOM, member, house.administrator)
    assert (await house.one(events.AccessEnded)).code == 1013
    ruled = await house.one(events.Ruled)
    assert (ruled.by, ruled.act, ruled.subject, ruled.room) == ("root", "kick", "ada", ROOM)
    assert len(house.told(events.MemberLeft)) == house.hub.counts.dismissed == 1


@of(events.RoleChanged)
async def a_role_changes(house: House) -> None:
    await house.join()
    await house.administration.set_role(ROOM, UserId("ada"), "viewer", house.administrator)
    changed = await house.one(events.RoleChanged)
    assert (changed.before, changed.role) == ("editor", "viewer")


@of(events.MemberBehind, events.MemberCaughtUp)
async def somebody_reads_slowly(house: House) -> None:
    connection, wire = await house.join()
    wire.waiting = 300_000
    connection.congested()
    connection.congested()  # told once, however often the buffer fills
    behind = await house.one(events.MemberBehind)
    assert (behind.room, behind.user, behind.connection, behind.size) == (ROOM, "ada", "c1", 300_000)
    found = gauges(house.hub, 1)
    assert (found.members_behind, found.outbox_bytes, found.outbox_max_bytes) == (1, 300_000, 300_000)
    wire.waiting = 0
    connection.drained()
    assert (await house.one(events.MemberCaughtUp)).connection == "c1"
    assert gauges(house.hub, 1).members_behind == 0 and house.hub.counts.behind == 1


@of(events.PeerSlowed)
async def somebody_floods(house: House) -> None:
    slow = House(connection_frames_per_second=1.0, room_frames_per_second=1.0, rate_seconds=1.0)
    connection, _ = await slow.join()
    typist = Typist(client=7)
    for _ in range(10):
        edit(connection, typist.type("x"))
        await slow.saved()
    for kind, who in (("socket", ("c1", "ada")), ("room", ("", ""))):
        told = await slow.one(events.PeerSlowed, lambda event, kind=kind: event.kind == kind)  # type: ignore[misc]
        assert (told.connection, told.user) == who and told.room == ROOM and told.seconds > 0
    assert +slow.hub.counts.slowed == {"socket": 1, "room": 1}
    connection.closed(1000, clean=True)
    await slow.close()


# ---- edits


@of(events.UpdateApplied, events.CommitDone)
async def somebody_writes(house: House) -> None:
    connection, _ = await house.join()
    await house.join("bob", id="c2")
    typist = Typist(client=7)
    for _ in range(50):
        edit(connection, typist.type("hello"))
        await house.saved()
    applied, done = house.told(events.UpdateApplied), house.told(events.CommitDone)
    assert (applied[0].room, applied[0].connection, applied[0].rows) == (ROOM, "c1", 1)
    assert done[0].rows == 1 and done[0].size > 5
    histograms, counts = house.hub.histograms, house.hub.counts
    gauges(house.hub, 2)
    assert counts.updates == counts.rows == 50
    assert 0 < counts.row_bytes == counts.update_bytes
    assert counts.bytes_out > counts.row_bytes
    for histogram in (histograms.edit_to_peer_seconds, histograms.edit_to_durable_seconds):
        assert sum(histogram.counts) == 50
        assert {each.name for each in histogram.exemplars if each is not None} == {"c1"}
    assert sum(histograms.commit_seconds.counts) == sum(histograms.commit_rows.counts) == 50
    assert len(applied) < 50 and len(done) < 50  # samples: one a second of each bucket
    served = house.hub.served[ROOM]
    assert served.lag is not None and served.lag >= 0


@of(events.EditRefused)
async def edits_are_refused(house: House) -> None:
    viewer, _ = await house.join("eve", "viewer")
    typist = Typist(client=7)
    for _ in range(3):
        edit(viewer, typist.type("not mine"))
    lane = await house.one(events.EditRefused)
    assert (lane.user, lane.kind) == ("eve", "lane") and "lane" in lane.reason
    bob, _ = await house.join("bob")
    edit(bob, MALFORMED)
    ada, wire = await house.join("ada")
    original, other = Typist(client=9), Typist(client=9)
    edit(ada, original.type("abc"))
    edit(ada, other.type("xyz"))
    assert wire.closed is not None
    house.hub.served[ROOM].room.over_quota = True
    edit(bob, Typist(client=8).type("too much"))
    kinds = [event.kind for event in house.told(events.EditRefused)]
    assert kinds == ["lane", "malformed", "conflict", "quota"]
    assert +house.hub.counts.edits_refused == {"lane": 3, "malformed": 1, "conflict": 1, "quota": 1}


@of(events.Resynced)
async def somebody_is_asked_again(house: House) -> None:
    ada, _ = await house.join("ada")
    edit(ada, MALFORMED)
    bob, _ = await house.join("bob")
    edit(bob, EARLY)
    served, room = house.hub.served[ROOM], house.hub.served[ROOM].room
    now = house.hub.now()
    served.perform(room.wake(now))
    served.perform(room.wake(now + 6))
    await house.administration.set_role(ROOM, UserId("bob"), "viewer", house.administrator)
    await house.administration.set_role(ROOM, UserId("bob"), "editor", house.administrator)
    house.administration.resync(ROOM, house.administrator)
    seat = next(iter(served.seats.values()))
    served.perform(room.heal(seat.member, b"\0", now))
    served.suspend()
    served.reload(None, Replica())
    reasons = {event.reason for event in house.told(events.Resynced)}
    assert reasons == {why.value for why in Why} - {Why.GREETING.value}
    assert (+house.hub.counts.resyncs).keys() == reasons


# ---- rooms and the store


@of(events.RoomOpened, events.RoomClosed)
async def a_room_comes_and_goes(house: House) -> None:
    served = await house.hub.open(ROOM)
    opened = await house.one(events.RoomOpened)
    assert (opened.room, opened.size) == (ROOM, served.room.replica.size)
    house.hub.let_go(served)
    house.hub.let_go(served)
    assert (await house.one(events.RoomClosed)).room == ROOM
    assert house.hub.counts.rooms_opened == house.hub.counts.rooms_closed == 1
    assert sum(house.hub.histograms.room_open_seconds.counts) == 1


@of(events.SnapshotWritten, events.SnapshotFailed)
async def snapshots_are_written_and_fail(house: House) -> None:
    connection, _ = await house.join()
    typist = Typist(client=7)
    edit(connection, typist.type("hello"))
    await house.saved()
    await house.keeper.compact(house.hub.served[ROOM])
    written = await house.one(events.SnapshotWritten)
    assert (written.room, written.seq) == (ROOM, 1) and written.size > 5
    assert sum(house.hub.histograms.snapshot_seconds.counts) == 1
    edit(connection, typist.type("x" * (1 << 20)))
    await eventually(lambda: house.hub.served[ROOM].log_rows == 1 and not house.hub.served[ROOM].room.dirty, "taken")
    await house.saved()
    house.store.broken = True
    house.keeper.start()
    failed = await house.one(events.SnapshotFailed)
    assert (failed.room, failed.reason) == (ROOM, "the disk is full")
    assert (house.hub.counts.snapshots, house.hub.counts.snapshot_failures) == (1, 1)


@of(events.StoreFailed, events.ReadOnlyBegan, events.ReadOnlyEnded)
async def the_store_fails_and_is_back(house: House) -> None:
    connection, _ = await house.join()
    house.store.broken = True
    typist = Typist(client=7)
    edit(connection, typist.type("lost?"))
    assert await house.one(events.StoreFailed) == events.StoreFailed("the disk is full")
    assert (await house.one(events.ReadOnlyBegan)).reason == "store failed"
    with pytest.raises(Exception, match="full"):
        await house.hub.open(RoomName("other"))
    assert house.told(events.StoreFailed)[1:] == [events.StoreFailed("the disk is full", "other")]
    found = gauges(house.hub, 1)
    assert (found.read_only, found.ready) == (1, 0)
    house.store.broken = False
    assert (await house.one(events.ReadOnlyEnded)).seconds > 0
    assert house.hub.counts.store_failures == 2


# ---- the server itself


@of(events.LoopLagged)
async def something_keeps_the_loop_busy(house: House) -> None:
    house.hub.lag.start()
    time.sleep(0.6)
    assert (await house.one(events.LoopLagged)).seconds > 0.25
    assert gauges(house.hub, 0).loop_lag_seconds > 0.25


class Keys:
    """Keys that cannot be fetched."""

    failing_since: float | None = None
    last_error = "https://issuer.example: no answer"
    usable = True
    retried = 0

    def retry(self) -> None:
        self.retried += 1


@of(events.KeysUnavailable)
async def keys_cannot_be_fetched(house: House) -> None:
    keys, reasons = Keys(), house.hub.health
    watch = Watch(house.hub, lambda: 3, keys)
    watch.start()
    keys.failing_since = house.hub.now() - 5
    told = await house.one(events.KeysUnavailable)
    assert told.reason == keys.last_error and told.seconds >= 5
    assert gauges(house.hub, 0).keys_failing == 1 and "keys" not in reasons.reasons
    keys.usable = False
    await eventually(lambda: "issuer.example" in reasons.reasons.get("keys", ""), "no token can be checked")
    assert keys.retried
    keys.failing_since, keys.usable = None, True
    await eventually(lambda: not reasons.reasons, "they can again")
    watch.stop()
    assert gauges(house.hub, 0).keys_failing == 0 and len(house.told(events.KeysUnavailable)) == 1
    assert watch.history.now().connections == 3


@of(events.DivergenceFound, events.DivergenceHealed)
async def memory_and_log_differ(house: House) -> None:
    connection, _ = await house.join()
    edit(connection, Typist(client=7).type("hello"))
    await house.saved()
    served = house.hub.served[ROOM]
    served.room.replica = Replica()
    served.room.changed = 0.0
    documents = Documents()
    await Convergence(house.hub, documents).check(served)
    found, healed = await house.one(events.DivergenceFound), await house.one(events.DivergenceHealed)
    assert (found.room, found.kind, found.client) == (ROOM, "log", 7)
    assert (healed.room, healed.how) == (ROOM, "reload")
    assert +house.hub.counts.divergences == {"log": 1} and +house.hub.counts.healed == {"reload": 1}
    await documents.close()


@of(events.Unexpected)
async def a_fault_of_ours(house: House) -> None:
    await house.join()
    served = house.hub.served[ROOM]

    def broken() -> None:
        raise OSError("nobody designed this")

    house.hub.guard(served, broken)
    assert (await house.one(events.Unexpected)).room == ROOM
    assert house.hub.counts.exceptions == 1


# ---- all of them

SERVER = events.Drained
"""Told by the whole server alone."""


def test_every_event_has_its_scenario() -> None:
    """None is only declared."""
    assert {*SCENARIOS, SERVER} == set(get_args(Event))


@pytest.mark.parametrize("kind", SCENARIOS, ids=[name_of(kind) for kind in SCENARIOS])
async def test_it_is_told(kind: type[Event], house: House) -> None:
    """In its scenario, which says with what."""
    scenario = SCENARIOS[kind]
    async with asyncio.timeout(60):
        await scenario(house)


async def test_a_server_tells_what_happens_from_its_start_to_its_end(start_motet: StartMotet) -> None:
    """In its log, by name; and in its metrics."""
    server = start_motet({"MOTET_LOG_LEVEL": "debug"})
    ada = await (await RawClient.hocuspocus(server.ws_url, "a")).synced()
    bob = await (await RawClient.yjs(server.ws_url, "a")).synced()
    typist = Typist(client=7)
    await ada.update(typist.type("hello"))
    await eventually(lambda: ada.saved and bob.text() == "hello", "it is saved, and with the other")
    assert [server.metric(f"motet_{name}") for name in ("open_connections", "members", "people")] == [2, 2, 2]
    assert server.metric("motet_joins_total") == server.metric("motet_join_seconds_count") == 2
    assert server.metric("motet_edit_to_durable_seconds_count") == 1
    assert server.metric("motet_disk_free_bytes") > 0 and server.metric("motet_ready") == 1
    await ada.close()
    await bob.close()
    await eventually(lambda: server.metric("motet_open_connections") == 0, "both are gone")
    assert server.stop() == 0
    told = [json.loads(line) for line in server.log().splitlines()]
    names = {line["event"] for line in told}
    for kind in (
        *(events.ConnectionOpened, events.ConnectionClosed, events.AccessGranted, events.MemberJoined),
        *(events.MemberLeft, events.RoomOpened, events.UpdateApplied, events.CommitDone, events.Drained),
    ):
        assert name_of(kind) in names
    joined = [line for line in told if line["event"] == "member_joined"]
    assert {(line["room"], line["dialect"]) for line in joined} == {("a", "yjs"), ("a", "hocuspocus")}


async def test_who_is_refused_at_the_door_is_told_of_too(start_motet: StartMotet) -> None:
    """Over a limit of the gateway's, before anybody asks who it is."""
    server = start_motet({"MOTET_MAX_CONNECTIONS": "1"})
    ada = await RawClient.yjs(server.ws_url, "a")
    with pytest.raises(Exception, match="503"):
        await RawClient.yjs(server.ws_url, "a")
    assert server.metric("motet_refusals_total") == 1
    (told,) = [json.loads(line) for line in server.log().splitlines() if '"access_refused"' in line]
    assert told["code"] == 1013 and "max_connections" in told["reason"]
    await ada.close()


def test_a_refused_edit_is_counted_by_what_it_was_refused_for() -> None:
    """Every error that a room refuses an edit with has a word."""
    from motet.errors import Forbidden, IdConflict, MalformedUpdate
    from motet.rooms.served import KINDS

    found = [
        next(word for kind, word in KINDS if isinstance(error("x"), kind))
        for error in (OverQuota, Forbidden, IdConflict, MalformedUpdate)
    ]
    assert found == ["quota", "lane", "conflict", "malformed"]
    assert YJS.name == "yjs"
