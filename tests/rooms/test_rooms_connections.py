"""Connections with sockets that keep what is written, over a real hub: grants that end, change or come too late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from rooms_access_harness import ROOM, ROOT, House, Wire, turns
from rooms_access_people import Device, Socket, auth

from motet.errors import NotAuthenticated, RoomDeleted, TryLater, Unavailable
from motet.ids import RoomName, UserId
from motet.rooms import HocuspocusConnection
from motet.sync import HOCUSPOCUS, YJS
from motet.varint import write_bytes

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
