"""A server without sockets in which everything can go wrong, and what it tells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from motet.access import Access, Credentials, Grant, OpenAccess, Rulings, built_in
from motet.config import Settings
from motet.errors import MotetError, Unavailable
from motet.ids import RoomName, Seq, UserId
from motet.observability import Event
from motet.persistence import Journal, MemoryStore, Row, Snapshot, StoredRoom
from motet.rooms import Administration, Administrator, HocuspocusConnection, Hub, Keeper, YjsConnection
from motet.sync import YJS
from support.waiting import eventually

ROOM = RoomName("notes/1")
ADDRESS = "192.0.2.7"
E = TypeVar("E", bound=Event)


class Store(MemoryStore):
    """A memory store whose disk can fail."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = False

    def _check(self) -> None:
        if self.broken:
            raise Unavailable("the disk is full")

    async def load(self, room: RoomName) -> StoredRoom | None:
        self._check()
        return await super().load(room)

    async def append(self, rows: Sequence[Row]) -> Sequence[Seq]:
        self._check()
        return await super().append(rows)

    async def compact(self, room: RoomName, snapshot: Snapshot, keep_rows: bool) -> None:
        self._check()
        await super().compact(room, snapshot, keep_rows)

    async def probe(self) -> None:
        self._check()


class Wire:
    """A socket that keeps what is written, and whose peer reads as much as is said."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.waiting = 0
        self.closed: int | None = None

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    def close(self, code: int, reason: str = "") -> None:
        self.closed = code

    def turn_away(self, error: MotetError, key: str) -> None:
        self.closed = error.code

    def abort(self) -> None: ...

    def buffered(self) -> int:
        return self.waiting

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def ping(self) -> None: ...

    def signed_in(self) -> None: ...

    def heard_at(self) -> float:
        return 0.0


class House:
    """A hub, its keeper, and every event so far."""

    def __init__(self, **settings: Any) -> None:
        self.events: list[Event] = []
        self.store = Store()
        self.free = 1 << 40
        journal = Journal(self.store, 1 << 20, lambda: self.hub.journal_drained())
        self.access = Access(OpenAccess(), built_in(), Rulings(), lambda: 0.0, is_open=False)
        given = {"open": True, "convergence_seconds": 0.0, **settings}
        self.hub = Hub(Settings(**given), self.store, journal, self.access, lambda name: None, self.events.append)
        self.keeper = Keeper(self.hub, lambda: self.free)
        self.administration = Administration(self.hub, lambda user: None, self.keeper.compact)
        self.administrator = Administrator(grant("root", "admin"), ADDRESS)

    async def join(self, user: str = "ada", role: str = "editor", id: str = "c1") -> tuple[YjsConnection, Wire]:
        """A y-websocket client in the room."""
        served = await self.hub.open(ROOM)
        connection, wire = YjsConnection(self.hub, served, grant(user, role), ADDRESS, user, id), Wire()
        connection.opened(wire)
        return connection, wire

    def hocuspocus(self) -> tuple[HocuspocusConnection, Wire]:
        """A provider's socket, without a document."""
        connection, wire = HocuspocusConnection(self.hub, Credentials("", ADDRESS), "c9"), Wire()
        connection.opened(wire)
        return connection, wire

    async def saved(self) -> None:
        """The tick has come, and what it submitted has its outcome."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await self.hub.journal.flush()

    def told(self, kind: type[E]) -> list[E]:
        """All events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    async def one(self, kind: type[E], is_it: Callable[[E], bool] = lambda event: True) -> E:
        """Waits for an event, of which there is one."""
        await eventually(lambda: [event for event in self.told(kind) if is_it(event)], kind.__name__)
        (event,) = [event for event in self.told(kind) if is_it(event)]
        return event

    async def close(self) -> None:
        await self.keeper.stop()
        self.hub.lag.stop()
        await self.hub.journal.close()


def grant(user: str, role: str) -> Grant:
    """A role in every room."""
    return Grant(UserId(user), user.title(), role)


def edit(connection: YjsConnection, data: bytes) -> None:
    connection.received(YJS.update("", data))


MALFORMED = b"\1\1\7\0"
"""An update that ends too early."""
EARLY = b"\1\1\7\5\x84\7\4\1x\0"
"""An update that goes on with what was never sent."""
