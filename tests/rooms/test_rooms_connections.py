"""Connections with sockets that keep what is written, over a real hub: grants that end, change or come too late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from rooms_access_harness import ROOM, ROOT, House, Wire, statuses, turns
from rooms_access_people import Device, Socket, auth

from motet.errors import NotAuthenticated, OverQuota, RoomDeleted, TryLater, Unavailable
from motet.ids import RoomName, UserId
from motet.observability import PeerSlowed
from motet.rooms import HocuspocusConnection
from motet.rooms.connection_hocuspocus import FRESH_TOKEN
from motet.rooms.seat import Hold
from motet.sync import HOCUSPOCUS, YJS
from motet.varint import write_bytes
from support.waiting import eventually

OTHER = RoomName("notes/2")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("motet.rooms.keeper.SWEEP", 0.0)
    monkeypatch.setattr("motet.persistence.journal.GATHER", 0.0)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    yield made
    assert not made.hub.faults


def typed(mark: int, lane: str = "content", padding: int = 0) -> bytes:
    """The update of a client that types "<mark>"."""
    device = Device(Socket("", "yjs"), ROOM, 1000 + mark, asked=True)
    device.send(device.type(mark, lane, padding=padding))
    (message,) = YJS.decode(device.outbox.pop().payload)
    return message.data  # type: ignore[union-attr]


async def provider(house: House, token: str, *rooms: RoomName) -> tuple[HocuspocusConnection, Wire]:
    """A provider's socket with these documents open."""
    connection, wire = house.socket()
    for room in rooms or (ROOM,):
        connection.received(auth(room, token))
    await turns()
    assert set(connection.seats) == set(rooms or (ROOM,))
    return connection, wire


def scopes(wire: Wire, room: str = ROOM) -> list[str]:
    """The scopes that a provider was told for a document."""
    head = write_bytes(room.encode()) + b"\x02\x02"
    return [payload[len(head) + 1 :].decode() for payload in wire.payloads if payload.startswith(head)]


def denials(wire: Wire, room: str = ROOM) -> list[str]:
    """Why a document was denied."""
    head = write_bytes(room.encode()) + b"\x02\x01"
    return [payload[len(head) + 1 :].decode() for payload in wire.payloads if payload.startswith(head)]


# ---- between being let in and sitting down


async def test_who_is_revoked_between_the_upgrade_and_the_seat_gets_none(house: House) -> None:
    """[X42] The grant is judged again when the seat is taken."""
    connection = await house.accept_yjs(house.token("ada", "editor"))
    await house.acts.revoke_user(UserId("ada"), ROOT)
    wire = Wire()
    connection.opened(wire)
    assert wire.closed is not None and wire.closed[0] == NotAuthenticated.code
    assert not house.hub.served[ROOM].seats


async def test_who_becomes_a_viewer_between_the_upgrade_and_the_seat_is_one(house: House) -> None:
    """[X42]"""
    connection = await house.accept_yjs(house.token("ada", "editor"))
    await house.acts.set_role(ROOM, UserId("ada"), "viewer", ROOT)
    connection.opened(Wire())
    connection.received(YJS.update("", typed(1)))
    await house.settle()
    assert await house.log() == []


@pytest.mark.parametrize("ruling", ["revoked", "expired", "role"])
async def test_what_happens_while_a_document_opens_holds_when_it_is_open(house: House, ruling: str) -> None:
    """[X42] The token is asked about, the room is loaded, and the world goes on meanwhile."""
    house.disk.turns = house.source.turns = 3
    connection, wire = house.socket()
    connection.received(auth(ROOM, house.token("ada", "editor", lasts=10.0)))
    connection.received(HOCUSPOCUS.update(ROOM, typed(1)))
    await turns(5)
    if ruling == "revoked":
        await house.acts.revoke_user(UserId("ada"), ROOT)
    elif ruling == "expired":
        house.hub.seconds += 11.0
    else:
        await house.acts.set_role(ROOM, UserId("ada"), "viewer", ROOT)
    await turns(20)
    await house.settle()
    assert await house.log() == []
    assert len(denials(wire)) == 1
    assert bool(connection.seats) == (ruling == "role")


async def test_a_room_that_is_deleted_while_it_is_opened_is_joined_by_nobody(house: House) -> None:
    """[X43] Whatever turn it is deleted in: nobody sits in a room that has left memory, where nothing is heard."""
    token = house.token("ada", "editor")
    for turn in range(12):
        room = RoomName(f"notes/{turn}")
        house.disk.turns = 2
        connection, wire = house.socket()
        connection.received(auth(room, token))
        await turns(turn)
        house.disk.turns = 0
        await house.acts.delete(room, ROOT)
        await turns(10)
        served = house.hub.served.get(room)
        assert bool(connection.seats) == (served is not None) and bool(denials(wire, room)) == (served is None)


# ---- deletion


async def test_a_deleted_room_is_told_to_all_and_takes_nothing_late(house: House) -> None:
    """[X43] yjs gets 4404; a provider keeps its socket and its other documents."""
    ada, ada_wire = await house.yjs("ada", "editor")
    bob, bob_wire = await provider(house, house.token("bob", "editor"), ROOM, OTHER)
    ada.received(YJS.update("", typed(1)))
    assert await house.acts.delete(ROOM, ROOT)
    ada.received(YJS.update("", typed(2)))
    bob.received(HOCUSPOCUS.update(ROOM, typed(3)))
    await house.settle()
    assert ada_wire.closed is not None and ada_wire.closed[0] == RoomDeleted.code
    assert bob_wire.closed is None and set(bob.seats) == {OTHER}
    assert ROOM not in house.disk._rooms
    with pytest.raises(RoomDeleted):
        await house.hub.open(ROOM)


async def test_while_a_room_is_being_deleted_nothing_is_taken_and_nobody_comes(house: House) -> None:
    """[X43]"""
    ada, _ = await house.yjs("ada", "editor")
    house.disk.turns = 3
    deleting = asyncio.create_task(house.acts.delete(ROOM, ROOT))
    await turns(1)
    ada.received(YJS.update("", typed(1)))
    with pytest.raises(TryLater):
        await house.hub.open(ROOM)
    with pytest.raises(TryLater):
        await house.acts.delete(ROOM, ROOT)
    assert await deleting
    await house.settle()
    assert not house.hub.read_only


async def test_a_room_that_could_not_be_deleted_is_as_it_was(house: House) -> None:
    """[X43] Its members are sent away for a while."""
    ada, wire = await house.yjs("ada", "editor")
    ada.received(YJS.update("", typed(1)))
    await house.settle()
    house.disk.broken = True
    with pytest.raises(Unavailable):
        await house.acts.delete(ROOM, ROOT)
    assert wire.closed is not None and wire.closed[0] == Unavailable.code
    house.disk.broken = False
    served = await house.hub.open(ROOM)
    assert b"<1>" in served.room.replica.encode()


async def test_a_room_that_is_being_deleted_does_not_come_back_with_the_store(house: House) -> None:
    """[X43] The recovery leaves it alone, and the other rooms recover."""
    ada, ada_wire = await house.yjs("ada", "editor")
    bob, _ = await house.yjs("bob", "editor", room=OTHER)
    house.disk.broken = True
    ada.received(YJS.update("", typed(1)))
    await turns(10)
    assert house.hub.read_only
    house.disk.slow_deletes = 30
    deleting = asyncio.create_task(house.acts.delete(ROOM, ROOT))
    await turns(2)
    house.disk.broken = False
    for _ in range(100):
        await asyncio.sleep(0)
        assert ROOM not in house.hub.served or house.hub.served[ROOM].room.suspended
    assert await deleting
    await house.settle()
    assert ada_wire.closed is not None and ada_wire.closed[0] == RoomDeleted.code
    assert not house.hub.read_only and not house.hub.served[OTHER].room.suspended
    bob.received(YJS.update("", typed(2)))
    await house.settle()
    assert len(await house.log(OTHER)) == 1


# ---- broadcasts


@pytest.mark.parametrize("end", ["leave", "revoked"])
async def test_broadcasts_that_were_held_back_end_with_their_author(end: str) -> None:
    """[X3] They were read before the pause, and are not sent by somebody who is not here any more."""
    house = House(connection_broadcasts_per_second=20.0, rate_seconds=0.05)
    ada, _ = await provider(house, house.token("ada", "editor"), ROOM, OTHER)
    _, bob_wire = await provider(house, house.token("bob", "editor"), ROOM)
    for n in range(4):
        ada.received(_broadcast(f"word {n}"))
    if end == "leave":
        ada.received(HOCUSPOCUS.close(ROOM, ""))
    else:
        await house.acts.set_role(ROOM, UserId("ada"), "none", ROOT)
    heard = sum(b"word" in frame for frame in bob_wire.frames)
    assert 0 < heard < 4
    house.hub.seconds += 1.0
    async with asyncio.timeout(20):
        while ada._late:
            await asyncio.sleep(0.01)
    assert sum(b"word" in frame for frame in bob_wire.frames) == heard


def _broadcast(text: str) -> bytes:
    return write_bytes(ROOM.encode()) + b"\x06" + write_bytes(text.encode())


async def test_a_broadcast_is_sent_at_once_and_those_over_the_rate_later_in_order() -> None:
    """[X31] [X37] Nothing is lost; nothing is read meanwhile."""
    house = House(connection_broadcasts_per_second=20.0, rate_seconds=0.05)
    ada, ada_wire = await provider(house, house.token("ada", "editor"))
    _, bob_wire = await provider(house, house.token("bob", "editor"))
    for n in range(4):
        ada.received(_broadcast(f"word {n}"))
    assert not ada_wire.reading
    async with asyncio.timeout(20):
        while ada._late or not ada_wire.reading:
            house.hub.seconds += 0.05
            await asyncio.sleep(0.005)
    words = [payload[-6:] for payload in bob_wire.payloads if b"word" in payload]
    assert words == [b"word %d" % n for n in range(4)]


# ---- the end of a grant, and fresh tokens


async def test_at_the_end_of_a_grant_a_yjs_connection_is_closed(house: House) -> None:
    """[X6]"""
    ada, wire = await house.yjs("ada", "editor", lasts=10.0)
    house.hub.seconds += 9.0
    house.wake()
    assert wire.closed is None
    house.hub.seconds += 1.0
    house.wake()
    assert wire.closed is not None and wire.closed[0] == NotAuthenticated.code and not ada.seats


async def test_at_the_end_of_a_grant_a_document_is_asked_for_a_fresh_token_and_denied_alone(house: House) -> None:
    """[X6] The other document's grant goes on; ten seconds later only the one is denied."""
    short, long = house.token("ada", "editor", lasts=10.0), house.token("ada", "editor")
    ada, wire = house.socket()
    ada.received(auth(ROOM, short))
    ada.received(auth(OTHER, long))
    await turns()
    house.hub.seconds += 10.0
    house.wake()
    house.wake()
    request = HOCUSPOCUS.token_request(ROOM)
    assert wire.payloads.count(request) == 1 and set(ada.seats) == {ROOM, OTHER}
    house.hub.seconds += FRESH_TOKEN - 0.1
    house.wake()
    assert ROOM in ada.seats
    house.hub.seconds += 0.2
    house.wake()
    assert set(ada.seats) == {OTHER} and wire.closed is None and len(denials(wire)) == 1


async def test_a_fresh_token_holds_from_then_on(house: House) -> None:
    """[X7] In time, with another role; and the end is that of the new one."""
    ada, wire = await provider(house, house.token("ada", "editor", lasts=10.0))
    house.hub.seconds += 11.0
    house.wake()
    ada.received(auth(ROOM, house.token("ada", "viewer")))
    await turns()
    assert scopes(wire)[-1] == "readonly"
    house.hub.seconds += 2 * FRESH_TOKEN
    house.wake()
    assert set(ada.seats) == {ROOM}
    ada.received(HOCUSPOCUS.update(ROOM, typed(1)))
    assert statuses(wire, ROOM) == [False]


@pytest.mark.parametrize("token", ["forged", "of another", "for another room", "over"])
def test_a_token_that_is_no_good_ends_the_document(token: str) -> None:
    """[X7] Denied, alone."""

    async def run() -> None:
        house = House()
        ada, wire = await provider(house, house.token("ada", "editor"), ROOM, OTHER)
        shown = {
            "forged": "forged",
            "of another": house.token("bob", "admin"),
            "for another room": house.token("ada", "editor", room="elsewhere"),
            "over": house.token("ada", "editor", lasts=-1.0),
        }[token]
        ada.received(auth(ROOM, shown))
        await turns()
        assert set(ada.seats) == {OTHER} and len(denials(wire)) == 1 and wire.closed is None

    asyncio.run(run())


async def test_while_it_cannot_be_known_what_was_granted_holds(house: House) -> None:
    """[X7] Until it ends."""
    ada, wire = await provider(house, house.token("ada", "editor", lasts=60.0))
    house.source.down = True
    ada.received(auth(ROOM, house.token("ada", "viewer")))
    await turns()
    assert set(ada.seats) == {ROOM} and not denials(wire)
    ada.received(HOCUSPOCUS.update(ROOM, typed(1)))
    await house.settle()
    assert statuses(wire, ROOM) == [True]


async def test_of_several_tokens_the_newest_holds(house: House) -> None:
    """[X7] Those between are passed over."""
    ada, wire = await provider(house, house.token("ada", "editor"))
    house.source.turns = 5
    for role in ("viewer", "none", "commenter"):
        ada.received(auth(ROOM, house.token("ada", role)))
    await turns(30)
    (seat,) = ada.seats.values()
    assert seat.member.role.name == "commenter" and not denials(wire)


async def test_a_token_that_is_found_good_after_its_document_was_left_changes_nothing(house: House) -> None:
    """[X7] [X42]"""
    ada, wire = await provider(house, house.token("ada", "viewer"), ROOM, OTHER)
    house.source.turns = 5
    ada.received(auth(ROOM, house.token("ada", "editor")))
    await turns(2)
    ada.received(HOCUSPOCUS.close(ROOM, ""))
    said = len(scopes(wire))
    await turns(20)
    assert set(ada.seats) == {OTHER} and len(scopes(wire)) == said


async def test_a_ruling_while_a_fresh_token_is_looked_at_is_not_undone_by_it(house: House) -> None:
    """[X7] [X42]"""
    ada, wire = await provider(house, house.token("ada", "viewer"))
    house.source.turns = 5
    ada.received(auth(ROOM, house.token("ada", "editor")))
    await turns(2)
    await house.acts.set_role(ROOM, UserId("ada"), "commenter", ROOT)
    await turns(20)
    (seat,) = ada.seats.values()
    assert seat.member.role.name == "commenter"
    ada.received(HOCUSPOCUS.update(ROOM, typed(1)))
    assert statuses(wire, ROOM) == [False]


# ---- rulings


@pytest.mark.parametrize("ruling", ["user", "room", "token", "role"])
async def test_a_ruling_acts_on_open_sockets_at_once(house: House, ruling: str) -> None:
    """[X3] In the same turn; on all devices that it is about, and no other."""
    token = house.token("ada", "editor", token_id="t1")
    ada, ada_wire = await provider(house, token, ROOM, OTHER)
    _, yjs_wire = await house.yjs("ada", "editor", token_id="t2")
    bob, _ = await provider(house, house.token("bob", "editor"), ROOM, OTHER)
    if ruling == "user":
        await house.acts.revoke_user(UserId("ada"), ROOT)
    elif ruling == "room":
        await house.acts.revoke_room(ROOM, ROOT)
    elif ruling == "token":
        await house.acts.revoke_token("t1", ROOT)
    else:
        await house.acts.set_role(ROOM, UserId("ada"), "none", ROOT)
    left = {"user": set[str](), "room": {OTHER}, "token": set[str](), "role": {OTHER}}[ruling]
    assert set(ada.seats) == left and ada_wire.closed is None
    assert (yjs_wire.closed is None) == (ruling == "token")
    assert set(bob.seats) == ({OTHER} if ruling == "room" else {ROOM, OTHER})


async def test_a_role_that_changes_is_told_to_a_provider(house: House) -> None:
    """[X2] By its scope; and the withdrawn override leaves what the token says."""
    _, wire = await provider(house, house.token("ada", "editor"))
    for role in ("viewer", "commenter", "viewer", None):
        await house.acts.set_role(ROOM, UserId("ada"), role, ROOT)
    assert scopes(wire) == ["read-write", "readonly", "read-write", "readonly", "read-write"]


async def test_a_ruling_that_cannot_be_stored_holds_and_says_so(house: House) -> None:
    """[X3] The open socket is the more urgent half."""
    _, wire = await house.yjs("ada", "editor")
    house.disk.broken = True
    with pytest.raises(Unavailable, match="ends with the process"):
        await house.acts.revoke_user(UserId("ada"), ROOT)
    assert wire.closed is not None


async def test_a_room_that_fails_when_it_is_judged_anew_is_thrown_away_and_no_other(house: House) -> None:
    """[X3] [G12] Who loses a right goes, even so."""
    _, wire = await house.yjs("ada", "editor")
    _, other = await house.yjs("ada", "editor", room=OTHER)
    house.hub.served[ROOM].room.disown = lambda member: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    await house.acts.revoke_user(UserId("ada"), ROOT)
    assert wire.closed is not None and other.closed is not None
    assert ROOM not in house.hub.served and len(house.hub.faults) == 1
    house.hub.faults.clear()


# ---- before anybody has signed in


async def test_a_socket_that_names_no_room_is_closed() -> None:
    """[X9]"""
    house = House(pending_seconds=0.02)
    _, wire = house.socket()
    async with asyncio.timeout(20):
        while wire.closed is None:
            await asyncio.sleep(0.005)
    assert wire.closed[0] == NotAuthenticated.code


async def test_a_stranger_has_one_allowance_for_all_documents() -> None:
    """[X9] Beyond it documents are denied; what is held of who has signed in counts for each document."""
    house = House(max_pending_bytes=1000)
    house.source.turns = 50
    ada, wire = house.socket()
    for n in range(4):
        ada.received(auth(f"notes/{n}", "unknown"))
        ada.received(HOCUSPOCUS.update(f"notes/{n}", b"x" * 300))
    assert [len(denials(wire, f"notes/{n}")) for n in range(4)] == [0, 0, 0, 1]
    await turns(60)
    assert not ada.seats


async def test_a_user_is_in_so_many_rooms_and_a_place_that_is_left_is_free() -> None:
    """[X47] Over all sockets of the user; a refusal is the document's."""
    house = House(max_rooms_per_user=2)
    first, wire = await provider(house, house.token("ada", "editor"), ROOM, OTHER)
    second, yjs_wire = await house.yjs("ada", "viewer")
    assert yjs_wire.closed is not None and yjs_wire.closed[0] == OverQuota.code and not second.seats
    _, bob_wire = await house.yjs("bob", "editor")
    assert bob_wire.closed is None
    first.received(HOCUSPOCUS.close(OTHER, ""))
    third, _ = await house.yjs("ada", "viewer")
    assert third.seats and wire.closed is None
    await house.acts.set_role(ROOM, UserId("ada"), "none", ROOT)
    await provider(house, house.token("ada", "editor"), OTHER, RoomName("notes/3"))


# ---- several reasons not to read


async def test_a_socket_is_read_again_when_no_reason_is_left() -> None:
    """[X31] [X35] [R12] A large update, a full journal, the room's rate and the socket's own, in any order."""
    house = House(connection_presence_per_second=20.0, rate_seconds=0.05)
    ada, wire = await provider(house, house.token("ada", "editor"), ROOM, OTHER)
    seat = ada.seats[ROOM]
    ada.received(HOCUSPOCUS.update(ROOM, typed(1, padding=100_000)))
    assert not wire.reading
    house.hub._paused[seat.served] = None
    seat.hold(Hold.JOURNAL)
    ada.seats[OTHER].hold(Hold.RATE)
    for _ in range(3):
        ada.received(HOCUSPOCUS.awareness(OTHER, b"\0"))
    await house.settle()
    assert not wire.reading and ada._slow.is_on
    house.hub.journal_drained()
    async with asyncio.timeout(20):
        while ada._slow.is_on:
            await asyncio.sleep(0.005)
    assert not wire.reading
    ada.seats[OTHER].release(Hold.RATE)
    assert wire.reading


async def test_a_long_pause_is_told_again_and_again() -> None:
    """[X31] [X35] Once a second, of a socket and of a room: so what is counted is seconds, however the pauses are."""
    house = House(connection_presence_per_second=1.0, room_frames_per_second=1.0, rate_seconds=0.1)
    ada, _ = await provider(house, house.token("ada", "editor"), ROOM)
    for mark in range(4):
        ada.received(HOCUSPOCUS.awareness(ROOM, b"\0"))
        ada.received(HOCUSPOCUS.update(ROOM, typed(mark)))
        await turns()
    for kind in ("socket", "room"):

        def lefts(kind: str = kind) -> list[float]:
            return [e.seconds for e in house.events if isinstance(e, PeerSlowed) and e.kind == kind]

        await eventually(lambda lefts=lefts: len(lefts()) >= 3, f"a {kind} is slow for seconds")
        assert 0.0 < lefts()[2] < lefts()[1]


async def test_who_leaves_takes_its_reasons_along(house: House) -> None:
    """[X31] [R12] The other documents of the socket are read again."""
    ada, wire = await provider(house, house.token("ada", "editor"), ROOM, OTHER)
    seat = ada.seats[ROOM]
    ada.received(HOCUSPOCUS.update(ROOM, typed(1, padding=100_000)))
    for why in Hold:
        seat.hold(why)
    await house.acts.set_role(ROOM, UserId("ada"), "none", ROOT)
    assert wire.reading and set(ada.seats) == {OTHER}
    await house.settle()
    assert await house.log() == []


# ---- an administrator ends it


async def test_a_kick_ends_the_document_alone_where_others_share_its_socket(house: House) -> None:
    """[W9] Whoever administers one room has no say over the others; a provider may come back by signing in again."""
    token = house.token("ada", "editor")
    connection, wire = await provider(house, token, ROOM, OTHER)
    assert house.acts.kick(ROOM, connection.seats[ROOM].member.id, ROOT)
    assert wire.closed is None
    assert set(connection.seats) == {OTHER}
    assert denials(wire) == ["an administrator ended this connection"]
    assert denials(wire, OTHER) == []
    connection.received(auth(ROOM, token))
    await turns()
    assert set(connection.seats) == {ROOM, OTHER}


async def test_a_kick_ends_the_socket_of_a_document_that_has_it_for_itself(house: House) -> None:
    """[W9] A socket is opened again by its provider, a document is not."""
    connection, wire = await provider(house, house.token("ada", "editor"))
    assert house.acts.kick(ROOM, connection.seats[ROOM].member.id, ROOT)
    assert wire.closed == (1013, "an administrator ended this connection")
    _, alone = await house.yjs("bo", "editor")
    (member,) = house.hub.served[ROOM].seats
    assert house.acts.kick(ROOM, member, ROOT)
    assert alone.closed == (1013, "an administrator ended this connection")


async def test_a_buffer_that_is_neither_full_nor_low_is_looked_at_again(house: House) -> None:
    """[R9] The transport calls only when it was over the high mark; a second room on the socket waited for ever."""
    connection, wire = await house.yjs("ada", "editor")
    (seat,) = connection.seats.values()
    connection.congested()
    wire.size = house.hub.settings.high_water_bytes // 2
    connection.drained()
    assert seat.member.is_behind()
    wire.size = 0
    await eventually(lambda: not seat.member.is_behind(), "it follows again")
