"""A hub over a store in memory, with a clock to set, tokens to hand out, and sockets that keep what is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from motet.access import Access, Credentials, Grant, Roles, Rulings, built_in
from motet.config import Settings
from motet.errors import NotAuthenticated, Unavailable
from motet.ids import RoomName, Seq, UserId
from motet.persistence import Journal, MemoryStore, Row, StoredRoom
from motet.rooms import Administration, Administrator, HocuspocusConnection, Hub, Keeper, Served, YjsConnection
from motet.varint import read
from support.deaf_wire import DeafWire

ROOM = RoomName("notes/1")
ADDRESS = "10.0.0.1"
ROOT = Administrator(Grant(UserId("root"), role="admin"), ADDRESS)

NO_RATES = {
    f"{who}_per_second": 0.0
    for who in (
        *(f"connection_{what}" for what in ("frames", "bytes", "presence", "broadcasts")),
        *(f"user_{what}" for what in ("frames", "bytes", "joins")),
        "room_broadcasts",
    )
}


class Disk(MemoryStore):
    """A memory store that may fail, or take some turns of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = False
        self.turns = 0
        self.slow_deletes = 0
        """Turns that a delete takes besides."""

    async def _wait(self, more: int = 0) -> None:
        for _ in range(self.turns + more):
            await asyncio.sleep(0)
        if self.broken:
            raise Unavailable("the disk is full")

    async def load(self, room: RoomName) -> StoredRoom | None:
        await self._wait()
        return await super().load(room)

    async def append(self, rows: Sequence[Row]) -> Sequence[Seq]:
        await self._wait()
        return await super().append(rows)

    async def delete(self, room: RoomName, at: int, absent_too: bool) -> bool:
        await self._wait(self.slow_deletes)
        return await super().delete(room, at, absent_too)

    async def put_record(self, kind: str, key: str, value: bytes | None) -> None:
        if self.broken:
            raise Unavailable("the disk is full")
        await super().put_record(kind, key, value)

    async def probe(self) -> None:
        await self._wait()


class Source:
    """Knows tokens by heart. It may be down, or take some turns of the loop."""

    def __init__(self) -> None:
        self.tokens: dict[str, Grant] = {}
        self.down = False
        self.turns = 0

    async def grant(self, credentials: Credentials, room: RoomName) -> Grant:
        for _ in range(self.turns):
            await asyncio.sleep(0)
        if self.down:
            raise Unavailable("nobody answers")
        if credentials.token not in self.tokens:
            raise NotAuthenticated("unknown token")
        return self.tokens[credentials.token]


class Wire(DeafWire):
    """A socket that keeps what is written until it is closed, and how it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[bytes] = []

    def write(self, frame: bytes) -> None:
        if self.closed is not None:
            return
        if self.frames and not _is_whole(self.frames[-1]):
            self.frames[-1] += frame  # the second part of a large one
        else:
            self.frames.append(frame)

    @property
    def payloads(self) -> list[bytes]:
        """The messages."""
        return [payload_of(frame) for frame in self.frames]

    def has(self, part: bytes) -> bool:
        return any(part in frame for frame in self.frames)


def payload_of(frame: bytes) -> bytes:
    """What is in an unmasked frame."""
    size = frame[1]
    return frame[2 if size < 126 else 4 if size == 126 else 10 :]


def _is_whole(frame: bytes) -> bool:
    size = frame[1]
    if size > 125:
        size = int.from_bytes(frame[2:4] if size == 126 else frame[2:10], "big")
    return len(payload_of(frame)) == size


def statuses(wire: Wire, document: str) -> list[bool]:
    """The SyncStatuses that a provider got."""
    head = bytes((len(document),)) + document.encode() + b"\x08"
    return [bool(read(payload, len(head))[0]) for payload in wire.payloads if payload.startswith(head)]


class ClockedHub(Hub):
    """A hub whose time is set, and whose faults are kept."""

    seconds = 1000.0
    faults: list[Exception]

    def now(self) -> float:
        return self.seconds

    def wall_clock(self) -> int:
        return int(self.seconds * 1000 + 1e-6)  # 1012.001 s are 1012000.9999… ms

    def guard(self, served: Served, step: Callable[[], None]) -> None:
        def noting() -> None:
            try:
                step()
            except Exception as fault:
                self.faults.append(fault)
                raise

        super().guard(served, noting)


class House:
    """A server without sockets. Sweeps are made when told."""

    def __init__(self, roles: Roles | None = None, **settings: object) -> None:
        self.disk = Disk()
        self.source = Source()
        self.events: list[object] = []
        journal = Journal(self.disk, 1 << 20, lambda: self.hub.journal_drained())
        access = Access(self.source, roles or built_in(), Rulings(), lambda: self.hub.seconds, is_open=False)
        limits = Settings(**{**NO_RATES, **settings})  # type: ignore[arg-type]
        self.hub = ClockedHub(limits, self.disk, journal, access, lambda name: None, self.events.append)
        self.hub.faults = []
        self.keeper = Keeper(self.hub, lambda: 1 << 40)
        self.acts = Administration(self.hub, lambda user: None, self.keeper.compact)

    def token(self, user: str, role: str, lasts: float = 1e6, token_id: str = "", room: str = "**") -> str:
        """A new token, issued now."""
        token = f"token {len(self.source.tokens)}"
        self.source.tokens[token] = Grant(
            UserId(user),
            user.title(),
            rooms={room: role},
            issued=self.hub.seconds,
            expires=self.hub.seconds + lasts,
            token_id=token_id or token,
        )
        return token

    async def accept_yjs(self, token: str, room: RoomName = ROOM) -> YjsConnection:
        """As far as the answer to the upgrade."""
        grant = await self.hub.access.identify(Credentials(token, ADDRESS), room)
        self.hub.access.role(grant, room)
        await self.hub.join_in_line(grant.user, ADDRESS, room)
        return YjsConnection(self.hub, await self.hub.open(room), grant, ADDRESS, token)

    async def yjs(self, user: str, role: str, room: RoomName = ROOM, **token: object) -> tuple[YjsConnection, Wire]:
        """Somebody in a room."""
        connection, wire = await self.accept_yjs(self.token(user, role, **token), room), Wire()  # type: ignore[arg-type]
        connection.opened(wire)
        return connection, wire

    def socket(self, token: str = "") -> tuple[HocuspocusConnection, Wire]:
        """A provider's socket that has named no document."""
        connection, wire = HocuspocusConnection(self.hub, Credentials(token, ADDRESS)), Wire()
        connection.opened(wire)
        return connection, wire

    async def log(self, room: RoomName = ROOM) -> list[Row]:
        """The rows of a room."""
        held = self.disk._rooms.get(room)
        return [] if held is None else [Row(room, row.author, row.at, row.kind, row.data) for row in held.rows]

    async def settle(self) -> None:
        """All that is under way is done."""
        for _ in range(8):
            await asyncio.sleep(0)
            await self.hub.journal.flush()

    def wake(self) -> None:
        """What the sweep of every second does."""
        for served in list(self.hub.served.values()):
            self.hub.guard(served, served.wake)


async def turns(n: int = 10) -> None:
    """Some turns of the loop."""
    for _ in range(n):
        await asyncio.sleep(0)
