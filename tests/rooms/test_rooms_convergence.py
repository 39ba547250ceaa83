"""Convergence: what diverges is found and healed, and what does not is left in peace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from pycrdt import Snapshot
from rooms_convergence_harness import ROOM, Device, House

from motet.access import OpenAccess, built_in
from motet.crdt import Documents, View
from motet.crdt.canonical import snapshot_hash
from motet.crdt.replica import Replica
from motet.ids import MemberId, RoomName
from motet.observability import Resynced
from motet.rooms.effects import Out, Send
from motet.rooms.member import Member, Parked
from motet.sync import SyncStep1, SyncStep2, Update


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for real."""
    monkeypatch.setattr("motet.rooms.convergence.PATIENCE", 1.0)
    monkeypatch.setattr("motet.rooms.probing.ANSWER", 0.2)
    monkeypatch.setattr("motet.rooms.steps.PAUSE", 0.0)
    monkeypatch.setattr("motet.persistence.journal.GATHER", 0.0)


@pytest.fixture
async def documents() -> AsyncIterator[Documents]:
    made = Documents()
    yield made
    await made.close()


@pytest.fixture
async def house(documents: Documents) -> AsyncIterator[House]:
    made = House(documents)
    yield made
    await made.close()


async def written(house: House) -> tuple[Device, Device]:
    """Two who are in, and have written and deleted."""
    ada, bob = await house.device(), await house.device()
    ada.text += "hello world"
    await house.settle()
    bob.map["key"] = [1, 2, 3]
    del bob.text[2:4]
    await house.settle()
    return ada, bob


# ---- what is well


async def test_a_healthy_room_is_compared_and_its_members_asked_without_a_trace(house: House) -> None:
    """[V1] [V2] [V3] The answers add nothing: no news, no row, no status, no strike."""
    ada, _ = await written(house)
    served = house.hub.served[ROOM]
    rows, heard, changed = served.log_rows, ada.heard["Update"], house.room.changed
    await house.check()
    assert house.convergence.looks == 3
    assert (served.log_rows, ada.heard["Update"], house.room.changed) == (rows, heard, changed)
    assert [seat.member.is_sound() for seat in served.seats.values()] == [True, True]
    assert house.events and not house.found


async def test_the_answer_to_a_probe_has_no_status(house: House) -> None:
    """[V3] A provider counts what it sends; nobody asked it to count this."""
    ada, _ = await written(house)
    member = next(iter(house.room.members.values()))
    member.wants_status = True
    answers: list[bytes] = []
    [question] = house.room.probe(member, answers.append)
    assert isinstance(question, Send) and question.out is Out.SYNC_STEP_1
    effects = list(house.room.receive(member, SyncStep2("", ada.doc.get_update(question.data)), 0.0))
    effects += house.room.tick(0.0)
    assert [effect for effect in effects if isinstance(effect, Send)] == []
    assert len(answers) == 1 and member.probe is None and not member.strikes


async def test_implicit_deletes_are_no_divergence(house: House) -> None:
    """[V2] [V3] The loser of two concurrent sets is deleted in every reader, and no update says so."""
    ada, bob = await written(house)
    for _ in range(3):
        ada.map["key"], bob.map["key"] = "ada's", "bob's"
        await house.settle()
    for _ in house.room.replica.compact():
        pass
    await house.check()  # what the answers bring is news
    await house.check()
    await house.restart()
    await asyncio.gather(*[device.join() for device in house.devices])
    await house.settle()
    before = house.convergence.looks
    await house.check()
    assert house.convergence.looks == before + 3
    assert house.found == []


async def test_a_member_with_more_than_the_room_is_heard(house: House) -> None:
    """[V3] The answer to a probe goes the ordinary road, so what it adds is taken."""
    ada, bob = await written(house)
    ada.text += "!"
    ada.outbox.clear()  # lost on its way to the server
    await house.check()
    await house.settle()
    assert str(bob.text) == str(ada.text) == "heo world!"
    assert house.found == []


# ---- members


@pytest.mark.parametrize("what", ["update", "delete", "second of two"])
async def test_a_member_that_lost_something_is_found_and_healed(house: House, what: str) -> None:
    """[V5] [V6] Whatever it was; with the first ids that it lacks, and both state vectors."""
    ada, bob = await written(house)
    bob.loses = lambda message: isinstance(message, Update)
    if what == "delete":
        del ada.text[0:2]
    else:
        ada.text += "lost"
    await house.settle()
    if what == "second of two":
        bob.loses = lambda message: False
        ada.text += "found"  # waits in bob for what he lost
        await house.settle()
    bob.loses = lambda message: False
    assert bob.content() != ada.content()
    await house.check()
    [found], [healed] = house.found, house.healed
    client = ada.doc.client_id
    start, end = (0, 2) if what == "delete" else (11, 15 if what == "update" else 20)
    assert (found.kind, found.room, found.client, found.start, found.end) == ("member", ROOM, client, start, end)
    assert f"{client}:{11 if what == 'delete' else end}" in found.ours
    assert f"{client}:11" in found.theirs
    assert (healed.room, healed.how) == (ROOM, "resync")
    assert [event.reason for event in house.events if isinstance(event, Resynced)] == ["divergence"]
    assert bob.content() == ada.content()
    await house.check()
    assert len(house.found) == 1


async def test_a_viewer_is_asked_and_healed_too(house: House) -> None:
    """[V4] It may write nothing, and what its answer repeats is no violation."""
    ada, bob = await written(house)
    seat = list(house.hub.served[ROOM].seats.values())[1]
    house.room.set_role(seat.member, house.hub.access.roles["viewer"], 0.0)
    bob.loses = lambda message: isinstance(message, Update)
    ada.text += "lost"
    await house.settle()
    bob.loses = lambda message: False
    await house.check()
    assert len(house.found) == len(house.healed) == 1
    assert not seat.member.told and bob.content() == ada.content()


async def test_a_member_that_cannot_be_healed_is_told_of_once(house: House) -> None:
    """[V6] And is not sent the document over and over."""
    ada, bob = await written(house)
    bob.loses = lambda message: not isinstance(message, SyncStep1)
    ada.text += "lost"
    await house.settle()
    for _ in range(3):
        await house.check()
    assert len(house.found) == 1 and house.healed == []
    bob.loses = lambda message: False
    bob.leave()
    await bob.join()
    await house.settle()
    await house.check()
    assert len(house.found) == 1 and bob.content() == ada.content()


@pytest.mark.parametrize("deaf", [True, False])
async def test_who_says_that_it_holds_nothing_is_told_of_only_if_it_was_a_document(house: House, deaf: bool) -> None:
    """[V6] A load generator says so for ever, whatever it is sent; a replica that lost everything has it all again."""
    ada, bob = await house.device(), await house.device()
    bob.loses = lambda message: isinstance(message, Update | SyncStep2)
    ada.text += "hello"
    await house.settle()
    if not deaf:
        bob.loses = lambda message: False
    await house.check()
    assert (len(house.found), len(house.healed)) == ((0, 0) if deaf else (1, 1))
    assert (bob.content() == ada.content()) is not deaf


async def test_who_is_well_after_all_is_said_to_be(house: House) -> None:
    """[V6] Whatever cured it."""
    ada, bob = await written(house)
    bob.loses = lambda message: not isinstance(message, SyncStep1)
    ada.text += "lost"
    await house.settle()
    await house.check()
    assert house.healed == []
    bob.doc.apply_update(ada.doc.get_update())
    bob.outbox.clear()
    bob.loses = lambda message: False
    await house.check()
    assert [event.how for event in house.healed] == ["resync"]


async def test_an_edit_between_probe_and_answer_makes_it_void(house: House) -> None:
    """[V5] The member need not have had it when it was asked."""
    ada, bob = await written(house)
    task = asyncio.ensure_future(house.convergence.check(house.hub.served[ROOM]))
    while not any(message[2:4] == b"\0\0" for message in bob.wire.frames):  # sync step 1
        await asyncio.sleep(0)
    ada.text += "!"
    ada.send()
    await asyncio.sleep(0)
    await house.during(task)
    await house.settle()
    assert house.convergence.looks == 1  # the log, before
    assert house.found == []


async def test_a_member_that_does_not_answer_is_not_asked_again(house: House) -> None:
    """[V4] Its answers could not be told apart any more."""
    _, bob = await written(house)
    questions = []
    bob.loses = lambda message: isinstance(message, SyncStep1) and not questions.append(1)
    await house.check()
    await house.check()
    assert len(questions) == 1
    assert house.found == []


@pytest.mark.parametrize(
    "reason", ["strikes", "told", "refused", "owed", "parked", "began", "unanswered", "behind", "not synced"]
)
def test_a_member_of_which_something_is_in_doubt_is_not_asked(reason: str) -> None:
    """[V4] What it holds may differ, for a reason that is known."""
    grant = OpenAccess.EVERYBODY
    member = Member(MemberId(1), grant, built_in()["editor"], True, True)
    member.synced = True
    assert member.is_sound()
    match reason:
        case "told":
            member.told.add("why")
        case "parked":
            member.parked[1] = Parked(0.0, 1)
        case "behind":
            member.behind_since = 1.0
        case "not synced":
            member.synced = False
        case _:
            setattr(member, reason, 1)
    assert not member.is_sound()


async def test_nobody_goes_for_an_answer_in_a_room_over_its_quota(house: House) -> None:
    """[V4] It is not asked then; and if the room came over it between, the repetition is not held against anybody."""
    ada, bob = await written(house)
    served = house.hub.served[ROOM]
    house.room.over_quota = True
    await house.check()
    assert house.convergence.looks == 1
    house.room.over_quota = False
    task = asyncio.ensure_future(house.convergence.check(served))
    while not any(message[2:4] == b"\0\0" for message in bob.wire.frames):
        await asyncio.sleep(0)
    house.room.over_quota = True
    await house.during(task)
    await house.settle()
    assert len(served.seats) == 2 and ada.wire.closed is bob.wire.closed is None


async def test_a_document_with_a_large_answer_is_not_asked_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """[V4]"""
    await written(house)
    monkeypatch.setattr("motet.rooms.probing.PROBE_BYTES", 10)
    await house.check()
    assert house.convergence.looks == 1


async def test_members_are_asked_in_turn(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """[V4] A few each time."""
    monkeypatch.setattr("motet.rooms.probing.MEMBERS", 2)
    devices = [await house.device() for _ in range(5)]
    devices[0].text += "x"
    await house.settle()
    before = [device.heard["SyncStep1"] for device in devices]
    asked = []
    for _ in range(3):
        await house.check()
        asked.append([device.heard["SyncStep1"] - n for device, n in zip(devices, before, strict=True)])
    assert asked == [[1, 1, 0, 0, 0], [1, 1, 1, 1, 0], [2, 1, 1, 1, 1]]


# ---- the log


def spoil_memory(replica: Replica) -> None:
    """The live replica forgets the deletes of one client."""
    client = next(client for client, ranges in replica._store.dead.items() if ranges.count)
    del replica._store.dead[client]


async def spoil_log(house: House, row: int) -> None:
    """One row says nothing any more."""
    rows = house.store._rooms[ROOM].rows
    rows[row] = replace(rows[row], data=b"\0\0")


async def test_memory_that_lost_a_delete_is_reloaded_from_the_log(house: House) -> None:
    """[V2] [V7]"""
    ada, bob = await written(house)
    spoil_memory(house.room.replica)
    await house.check()
    [found] = house.found
    assert (found.kind, found.user, found.client, found.start, found.end) == ("log", "", ada.doc.client_id, 2, 4)
    assert [event.how for event in house.healed] == ["reload"]
    await house.check()
    assert len(house.found) == 1
    assert ada.content() == bob.content()
    ada.text += " goes on"
    await house.settle()
    assert bob.content() == ada.content()


@pytest.mark.parametrize("members", [True, False], ids=["members", "nobody"])
async def test_a_log_that_lost_a_row_gets_it_from_memory(house: House, members: bool) -> None:
    """[V2] [V7] It is somebody's work, and may have been acknowledged."""
    ada, bob = await written(house)
    before = house.room.replica.encode()
    await spoil_log(house, 0)
    if not members:
        ada.leave()
        bob.leave()
    await house.check()
    assert [event.kind for event in house.found] == ["log"]
    assert [event.how for event in house.healed] == ["reload"]
    logged = await house.logged()
    assert logged.state_hash() == house.room.replica.state_hash()
    assert len(logged.encode()) == len(before)


async def test_other_content_under_known_ids_is_found(house: House) -> None:
    """[V2] No hash of ids would show it."""
    await written(house)
    rows = house.store._rooms[ROOM].rows
    rows[0] = replace(rows[0], data=rows[0].data.replace(b"hello", b"jello"))
    await house.check()
    assert [event.kind for event in house.found] == ["log"]


async def test_a_room_that_is_edited_meanwhile_says_nothing(house: House) -> None:
    """[V1] The next look will."""
    ada, _ = await written(house)
    await spoil_log(house, 0)
    load = house.store.load

    async def slow(room: RoomName):  # type: ignore[no-untyped-def]
        ada.text += "x"
        ada.send()
        return await load(room)

    house.store.load = slow  # type: ignore[method-assign]
    await house.check()
    assert house.convergence.looks == 0
    assert house.found == []


async def test_a_large_document_is_not_replayed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """[V1] Its members are asked all the same."""
    await written(house)
    monkeypatch.setattr("motet.rooms.convergence.LOG_BYTES", 10)
    monkeypatch.setattr(house.store, "load", None)
    await house.check()
    assert house.convergence.looks == 2


# ---- when


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("motet.rooms.convergence.PACE", 0.01)
    monkeypatch.setattr("motet.rooms.convergence.QUIET", 0.05)
    yield


async def test_rooms_are_looked_at_in_turn_without_being_told(documents: Documents, eager: None) -> None:
    """[V1] One at a time, each after its time."""
    house = House(documents, convergence_seconds=0.2)
    await written(house)
    spoil_memory(house.room.replica)
    house.convergence.start()

    async def healed() -> None:
        while not house.healed:
            await asyncio.sleep(0.01)

    async with asyncio.timeout(20):
        await house.during(healed())
    await house.convergence.stop()
    assert len(house.found) == 1
    await house.close()


async def test_zero_seconds_turn_it_off(house: House) -> None:
    """[V1] convergence_seconds = 0."""
    house.convergence.start()
    await written(house)
    spoil_memory(house.room.replica)
    await asyncio.sleep(0.05)
    await house.convergence.stop()
    assert house.found == []


# ---- the hash


async def test_the_hash_of_a_room_is_that_of_its_members(house: House, documents: Documents) -> None:
    """[V8] Implicit deletes included."""
    ada, bob = await written(house)
    ada.map["key"], bob.map["key"] = 1, 2
    await house.settle()
    theirs = {snapshot_hash(Snapshot.from_doc(device.doc).encode()) for device in (ada, bob)}
    assert theirs == {await documents.view(house.room.replica.encode(), View.HASH)}
