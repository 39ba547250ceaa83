"""Rooms with pycrdt members, whose frames are delivered, kept back or lost as a test wants."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Any

from pycrdt import Array, Doc, Map, Text, TransactionEvent, XmlElement, XmlFragment, XmlText

from motet.access import Access, OpenAccess, Rulings, built_in
from motet.config import Settings
from motet.crdt import Documents, Replica
from motet.ids import RoomName
from motet.observability import DivergenceFound, DivergenceHealed, Event
from motet.persistence import Journal, MemoryStore
from motet.rooms import Convergence, Hub, Keeper, YjsConnection
from motet.rooms.room import Room
from motet.sync import YJS, SyncStep1, SyncStep2, Update
from support.deaf_wire import DeafWire

ROOM = RoomName("notes/1")


class House:
    """A hub that looks when it is told to; every room without work under way is quiet."""

    def __init__(self, documents: Documents, **settings: float) -> None:
        self.events: list[Event] = []
        self.store = MemoryStore()
        journal = Journal(self.store, 1 << 20, lambda: self.hub.journal_drained())
        access = Access(OpenAccess(), built_in(), Rulings(), lambda: 0.0, is_open=True)
        given: dict[str, Any] = {"open": True, "convergence_seconds": 0.0, **settings}
        self.hub = Hub(Settings(**given), self.store, journal, access, lambda name: None, self.events.append)
        self.keeper = Keeper(self.hub, lambda: 1 << 40)
        self.convergence = Convergence(self.hub, documents)
        self.devices: list[Device] = []

    @property
    def room(self) -> Room:
        return self.hub.served[ROOM].room

    async def device(self, **edits: Any) -> Device:
        """One more, which joins and is in sync."""
        device = Device(self)
        self.devices.append(device)
        await device.join()
        await self.settle()
        return device

    async def settle(self) -> None:
        """Delivers everything, until nothing is on its way and all is on disk."""
        idle = 0
        while idle < 3:
            moved = sum([device.pump() for device in self.devices])
            await self.hub.journal.flush()
            await asyncio.sleep(0)
            served = self.hub.served.get(ROOM)
            busy = served is not None and not served.room.is_quiet(self.hub.now(), 0.0)
            idle = 0 if moved or busy else idle + 1

    async def during(self, work: Awaitable[None]) -> None:
        """Delivers what goes to and fro while something is being done."""
        task = asyncio.ensure_future(work)
        while not task.done():
            for device in self.devices:
                device.pump()
            await asyncio.sleep(0)
        await task

    async def check(self) -> None:
        """Looks at the room, as the server does when it is the room's turn."""
        await self.during(self.convergence.check(self.hub.served[ROOM]))
        await self.settle()

    @property
    def found(self) -> list[DivergenceFound]:
        return [event for event in self.events if isinstance(event, DivergenceFound)]

    @property
    def healed(self) -> list[DivergenceHealed]:
        return [event for event in self.events if isinstance(event, DivergenceHealed)]

    async def logged(self) -> Replica:
        """What the log holds."""
        return await self.hub.replica_of(await self.store.load(ROOM))

    async def restart(self) -> None:
        """The room leaves memory, and its members with it."""
        for device in self.devices:
            device.leave()
        await self.hub.journal.flush()
        served = self.hub.served.get(ROOM)
        if served is not None:
            served.tick()
            await self.hub.journal.flush()
            self.hub.let_go(served)

    async def close(self) -> None:
        for device in self.devices:
            device.close()
        await self.hub.journal.close()


class Wire(DeafWire):
    """A socket that keeps what is written until it is delivered."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: deque[bytes] = deque()

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)


def payload_of(frame: bytes) -> bytes:
    """The payload of a server's frame."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


class Device:
    """A pycrdt document with a socket of its own. It answers sync step 1 as every Yjs client does."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.doc: Doc[Any] = Doc()
        self.text = self.doc.get("t", type=Text)
        self.map = self.doc.get("m", type=Map)
        self.array = self.doc.get("a", type=Array)
        self.xml = self.doc.get("x", type=XmlFragment)
        self.connection: YjsConnection | None = None
        self.outbox: deque[bytes] = deque()
        self.heard: Counter[str] = Counter()
        """Messages of each kind that were delivered."""
        self.loses: Callable[[Update | SyncStep1 | SyncStep2], bool] = lambda message: False
        """Whether a message gets lost on its way here."""
        self._applying = False
        self._subscription = self.doc.observe(self._changed)

    def _changed(self, event: TransactionEvent) -> None:
        if not self._applying and self.connection is not None:
            self.outbox.append(YJS.update("", event.update))

    async def join(self) -> None:
        if self.connection is None:
            served = await self.house.hub.open(ROOM)
            self.wire = Wire()
            self.connection = YjsConnection(self.house.hub, served, OpenAccess.EVERYBODY, "127.0.0.1", "key")
            self.connection.opened(self.wire)
            self.outbox.append(YJS.sync_step1("", self.doc.get_state()))

    def leave(self) -> None:
        """What is on its way is lost, in both directions."""
        if self.connection is not None:
            self.connection.closed(1006, clean=False)
            self.connection = None
            self.outbox.clear()

    def close(self) -> None:
        """pycrdt would hold a document for ever whose observer holds it."""
        self.leave()
        self.doc.unobserve(self._subscription)

    def pump(self, most: int = 1 << 30) -> int:
        """Delivers some of what is on its way, in order; how many messages that were."""
        return self.send(most) + self.hear(most)

    def send(self, most: int = 1 << 30) -> int:
        moved = 0
        while self.connection is not None and self.outbox and moved < most:
            self.connection.received(self.outbox.popleft())
            moved += 1
        return moved

    def hear(self, most: int = 1 << 30) -> int:
        moved = 0
        while self.connection is not None and self.wire.frames and moved < most:
            for message in YJS.decode(payload_of(self.wire.frames.popleft())):
                if isinstance(message, Update | SyncStep1 | SyncStep2):
                    self._hear(message)
            moved += 1
        return moved

    def _hear(self, message: Update | SyncStep1 | SyncStep2) -> None:
        if self.loses(message):
            return
        self.heard[type(message).__name__] += 1
        if isinstance(message, SyncStep1):
            self.outbox.append(YJS.sync_step2("", self.doc.get_update(message.state_vector)))
        else:
            self._applying = True
            self.doc.apply_update(message.data)
            self._applying = False

    def content(self) -> tuple[object, ...]:
        return (str(self.text), self.map.to_py(), self.array.to_py(), str(self.xml))


__all__ = ["ROOM", "Device", "House", "Wire", "XmlElement", "XmlText"]
