"""The hub and the keeper: rooms come, are stored, are looked after, and go."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import pytest

from motet.access import Access, Credentials, OpenAccess, Rulings, built_in
from motet.config import Settings
from motet.crdt import Replica
from motet.errors import MotetError, Restarting, StoreCorrupt, Unavailable
from motet.ids import RoomName, Seq
from motet.persistence import Journal, Kind, MemoryStore, Row
from motet.rooms import HocuspocusConnection, Hub, Keeper, Served, YjsConnection
from motet.sync import HOCUSPOCUS, YJS, Dialect, SyncStep1, Update
from motet.varint import write, write_bytes

ROOM = RoomName("notes/1")
EDITOR = OpenAccess.EVERYBODY


def typed(client: int, clock: int, text: str) -> bytes:
    head = b"\x04\x01\x01t" if clock == 0 else b"\x84" + write(client) + write(clock - 1)
    return b"\1\1" + write(client) + write(clock) + head + write_bytes(text.encode()) + b"\0"


class Store(MemoryStore):
    """A memory store whose disk can fail, and that counts loads."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = False
        self.loads = 0

    async def load(self, room: RoomName):  # type: ignore[no-untyped-def]
        self.loads += 1
        await asyncio.sleep(0)
        return await super().load(room)

    async def append(self, rows: Sequence[Row]) -> Sequence[Seq]:
        if self.broken:
            raise Unavailable("the disk is full")
        return await super().append(rows)

    async def probe(self) -> None:
        if self.broken:
            raise Unavailable("the disk is full")


class Wire:
    """A socket that keeps what is written."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.closed: tuple[int, str] | None = None
        self.pauses = 0
        self.reading = True

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    def close(self, code: int, reason: str = "") -> None:
        self.closed = (code, reason)

    def turn_away(self, error: MotetError, key: str) -> None:
        self.closed = (error.code, str(error))

    def abort(self) -> None: ...

    def buffered(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.pauses += 1
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def ping(self) -> None: ...

    def signed_in(self) -> None: ...


class House:
    """A hub over a store, with a keeper that sweeps when told."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, seed: Callable[[RoomName], bytes | None], **limits: float
    ) -> None:
        monkeypatch.setattr("motet.rooms.keeper.SWEEP", 0.01)
        self.store = Store()
        self.free = 1 << 40
        journal = Journal(self.store, 1 << 20, lambda: self.hub.journal_drained())
        access = Access(OpenAccess(), built_in(), Rulings(), lambda: 0.0, is_open=True)
        self.hub = Hub(Settings(open=True, **limits), self.store, journal, access, seed, lambda event: None)
        self.keeper = Keeper(self.hub, lambda: self.free)

    async def join(self, room: RoomName = ROOM) -> tuple[YjsConnection, Wire]:
        connection, wire = YjsConnection(self.hub, await self.hub.open(room), EDITOR, "127.0.0.1", "key"), Wire()
        connection.opened(wire)
        return connection, wire

    async def saved(self) -> None:
        """The tick has come, and what it submitted is on disk."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await self.hub.journal.flush()

    async def stored_text(self, room: RoomName = ROOM) -> bytes:
        stored = await self.store.load(room)
        return (await self.hub.replica_of(stored)).encode()


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    made = House(monkeypatch, lambda name: None, room_idle_seconds=0.0, snapshot_rows=5)
    made.keeper.start()
    yield made
    await made.keeper.stop()
    await made.hub.journal.close()


async def until(condition: Callable[[], object]) -> None:
    """Waits for a condition; the deadline bounds waiting only."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def edit(connection: YjsConnection, data: bytes) -> None:
    connection.received(YJS.update("", data))


async def test_a_room_is_loaded_once_for_all_who_ask_together(house: House) -> None:
    """[R2] Single flight."""
    first, second = await asyncio.gather(house.hub.open(ROOM), house.hub.open(ROOM))
    assert first is second
    assert house.store.loads == 1


async def test_who_opens_a_room_that_leaves_again_before_they_are_told_gets_it_loaded_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[R2] [R17] Else they would be in a room that is nobody else's."""
    opens = house.hub._open

    async def leaves(name: RoomName) -> Served:
        served = await opens(name)
        if house.store.loads == 1:
            asyncio.get_running_loop().call_soon(house.hub.let_go, served)
        return served

    monkeypatch.setattr(house.hub, "_open", leaves)
    served = await house.hub.open(ROOM)
    assert not served.closed
    assert house.hub.served[ROOM] is served


async def test_an_edit_reaches_the_others_and_the_store(house: House) -> None:
    """[R1] A broadcast at the end of the loop turn, a row in the log."""
    ada, _ = await house.join()
    _, wire = await house.join()
    edit(ada, typed(7, 0, "hello"))
    await until(lambda: any(b"hello" in frame for frame in wire.frames))
    await house.saved()
    assert b"hello" in await house.stored_text()


async def test_two_who_open_a_new_room_together_get_its_template_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """[R3] Seeded exactly once, before anybody is let in."""
    house = House(monkeypatch, lambda name: typed(1, 0, "Title") if name.startswith("notes/") else None)
    await asyncio.gather(house.join(), house.join())
    stored = await house.store.load(ROOM)
    assert stored is not None and [row.kind for row in stored.tail] == [Kind.SEED]
    await house.join(RoomName("other"))
    assert await house.store.load(RoomName("other")) is None


async def test_what_does_not_load_is_unavailable_and_never_empty(house: House) -> None:
    """[P5] Unreadable is never absent."""
    await house.store.append([Row(ROOM, "", 0, Kind.UPDATE, b"\xff\xff")])
    with pytest.raises(StoreCorrupt):
        await house.hub.open(ROOM)


async def test_an_idle_room_leaves_with_a_snapshot_and_comes_back(house: House) -> None:
    """[R17] The next join is a read, not a replay."""
    ada, _ = await house.join()
    for n in range(20):
        edit(ada, typed(7, n, "x"))
        await house.saved()
    ada.closed(1000, clean=True)
    await until(lambda: ROOM not in house.hub.served)
    stored = await house.store.load(ROOM)
    assert stored is not None and stored.snapshot is not None and not stored.tail
    assert b"x" * 20 in (await house.hub.open(ROOM)).room.replica.encode()


async def test_rooms_without_members_leave_at_once_over_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    """[R17] However long an idle room may stay otherwise."""
    house = House(monkeypatch, lambda name: None, room_idle_seconds=3600.0, max_loaded_bytes=1000)
    ada, _ = await house.join()
    edit(ada, typed(7, 0, "x" * 5000))
    await house.saved()
    ada.closed(1000, clean=True)
    house.keeper.start()
    await until(lambda: not house.hub.served)
    await house.keeper.stop()


async def test_a_growing_log_becomes_a_snapshot_while_people_edit(house: House) -> None:
    """[R17] By itself, off the path of every join and edit."""
    ada, _ = await house.join()
    for n in range(12):
        edit(ada, typed(7, n, "x"))
        await house.saved()
    await until(lambda: house.hub.counts.snapshots)
    replica = await house.hub.replica_of(await house.store.load(ROOM))
    assert replica.state_vector() == b"\1\7\x0c"


async def test_a_failed_commit_makes_everything_read_only_until_the_disk_is_back(house: House) -> None:
    """[R6] Nothing is taken or lost; everybody is asked again."""
    ada, wire = await house.join()
    edit(ada, typed(7, 0, "kept "))
    await house.saved()
    house.store.broken = True
    edit(ada, typed(7, 5, "lost?"))
    await until(lambda: house.hub.read_only)
    assert "store" in house.hub.health.reasons
    edit(ada, typed(7, 10, "not taken"))
    asked = len(wire.frames)
    house.store.broken = False
    await until(lambda: not house.hub.read_only and len(wire.frames) > asked)
    assert not house.hub.health.reasons
    state_vector = YJS.decode(wire.frames[-1][2:])[0]
    assert isinstance(state_vector, SyncStep1) and state_vector.state_vector == b"\1\7\5"
    ada.received(YJS.sync_step2("", typed(7, 5, "lost?not taken")))
    await until(lambda: not house.hub.served[ROOM].room.dirty)
    await house.saved()
    assert b"kept lost?not taken" in await house.stored_text()


async def test_a_nearly_full_disk_makes_everything_read_only_before_it_fails(house: House) -> None:
    """[R6] [P17] Under the mark, with a reason that says so."""
    await house.join()
    house.free = 0
    await until(lambda: house.hub.read_only)
    assert "low_disk_bytes" in house.hub.health.reasons["disk"]
    house.free = 1 << 40
    await until(lambda: not house.hub.read_only and not house.hub.served[ROOM].room.suspended)
    assert not house.hub.health.reasons


async def test_a_fault_of_ours_costs_one_room_and_its_members_come_back(house: House) -> None:
    """[G12] The other rooms of the same tick have theirs."""
    ada, wire = await house.join()
    bob, _ = await house.join(RoomName("other"))
    house.hub.served[ROOM].room.tick = lambda now: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    edit(ada, typed(7, 0, "a"))
    edit(bob, typed(8, 0, "b"))
    await until(lambda: wire.closed)
    assert wire.closed is not None and wire.closed[0] == 4503
    await house.saved()
    assert b"b" in await house.stored_text(RoomName("other"))
    assert ROOM not in house.hub.served


async def test_a_room_that_failed_is_loaded_with_what_it_had_submitted(house: House) -> None:
    """[R1] The rows that were on their way would else lie behind the new head, and a snapshot would leave them out."""
    ada, _ = await house.join()
    edit(ada, typed(7, 0, "on its way"))
    served = house.hub.served[ROOM]
    served.tick()

    def fails() -> None:
        raise RuntimeError("a bug")

    house.hub.guard(served, fails)
    again = await house.hub.open(ROOM)
    assert again is not served
    assert b"on its way" in again.room.replica.encode()


async def test_reading_pauses_while_the_journal_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """[P16] What waits for the disk is bounded."""
    house = House(monkeypatch, lambda name: None)
    house.hub.journal = Journal(house.store, 1000, house.hub.journal_drained)
    ada, wire = await house.join()
    edit(ada, typed(7, 0, "x" * 2000))
    await until(lambda: wire.pauses and wire.reading)


async def test_a_stopping_server_opens_no_more_rooms(house: House) -> None:
    """[G2] Whoever comes is told to come again."""
    house.hub.draining = True
    with pytest.raises(Restarting):
        await house.hub.open(ROOM)


async def test_messages_of_a_dismissed_connection_go_nowhere(house: House) -> None:
    """[R4] After the second malformed update."""
    ada, wire = await house.join()
    for _ in range(3):
        ada.received(YJS.update("", b"\1\1\7\0"))
    assert wire.closed is not None and wire.closed[0] == 4400
    assert not house.hub.served[ROOM].seats


def test_an_update_message_names_no_document_in_the_yjs_dialect() -> None:
    """[S2] The path does."""
    (message,) = YJS.decode(YJS.update("", typed(7, 0, "a")))
    assert message == Update("", typed(7, 0, "a")) and Replica().take(message.data, 1) == 0


async def test_a_socket_whose_documents_are_denied_is_kept_alive(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """[R7] [H9] It stays open, and a client gives up a socket on which nothing is said for 30 s."""
    monkeypatch.setattr("motet.rooms.connection_hocuspocus.KEEP_ALIVE", 0.01)
    connection, wire = HocuspocusConnection(house.hub, Credentials("", "127.0.0.1")), Wire()
    connection.opened(wire)
    connection.received(HOCUSPOCUS.sync_step1("bad\x01name", b"\0"))
    await until(lambda: len(wire.frames) > 2)
    assert wire.frames[-1].endswith(HOCUSPOCUS.awareness("bad\x01name", b"\0"))
    connection.closed(1000, clean=True)


async def test_a_socket_is_read_again_when_its_member_leaves_in_the_middle_of_a_long_take(house: House) -> None:
    """[R12] It may have other documents; nobody would find the seat to resume it later."""
    ada, wire = await house.join()
    edit(ada, typed(7, 0, "x" * 100_000))
    assert not wire.reading
    (seat,) = house.hub.served[ROOM].seats.values()
    seat.served.leave(seat, clean=True)
    assert wire.reading


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Nothing is freed but by the last reference to it, as for hours in a server: its collector comes seldom."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def visit(house: House, dialect: Dialect) -> tuple[weakref.ref[object], weakref.ref[object]]:
    """Somebody joins, edits and leaves: the connection and the room."""
    connection: YjsConnection | HocuspocusConnection
    if dialect is YJS:
        connection, _ = await house.join()
    else:
        connection = HocuspocusConnection(house.hub, Credentials("", address="127.0.0.1"))
        connection.opened(Wire())
    connection.received(dialect.sync_step1(ROOM, b"\0"))
    connection.received(dialect.update(ROOM, typed(7, 0, "hello")))
    await until(lambda: connection.seats)
    await house.saved()
    room = house.hub.served[ROOM]
    connection.closed(1001, clean=True)
    return weakref.ref(connection), weakref.ref(room)


@pytest.mark.parametrize("dialect", [YJS, HOCUSPOCUS], ids=lambda dialect: dialect.name)
async def test_nothing_of_what_has_ended_is_left_to_the_garbage_collector(
    house: House, uncollected: None, dialect: Dialect
) -> None:
    """[R17] [R18] Cycles kept 14 KB of each connection for hours, and the documents of rooms that had left memory."""
    connection, room = await visit(house, dialect)
    await until(lambda: connection() is None)
    await until(lambda: room() is None)
