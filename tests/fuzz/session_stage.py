"""A hub over a store in memory, sockets that keep what is written, and the honest: one who listens, one who comes."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from motet.access import Access, Credentials, Grant, Rulings, built_in
from motet.config import Settings
from motet.crdt import Documents, View
from motet.crdt.replica import TAKEN, Replica, state_vector
from motet.errors import MotetError, NotAuthenticated, Unavailable
from motet.ids import RoomName, Seq, UserId
from motet.observability import DivergenceFound, Event, Unexpected
from motet.persistence import Journal, MemoryStore, Row, StoredRoom, StoredRow
from motet.presence.awareness import decode
from motet.rooms import Connection, Convergence, HocuspocusConnection, Hub, Keeper, YjsConnection
from motet.rooms.served import Served
from motet.sync import HOCUSPOCUS, YJS, Awareness, Dialect, SyncStep1, SyncStep2, Update
from motet.varint import read_bytes, write, write_bytes
from support.deaf_wire import DeafWire

ROOM: Final = RoomName("a")
ADDRESSES: Final = ("a", "a", "a", "a\0s", "b", "\n", "")
"""Under which a provider asks for documents; the last two are no rooms."""
USERS: Final = ("vera", "ed", "ed2", "carl")
ROLE_OF: Final = {"vera": "viewer", "ed": "editor", "ed2": "editor", "carl": "commenter", "honest": "editor"}
TOKENS: Final = (*USERS, "brief", "nobody's")
"""Each user's name is a token; `brief` is one of ed's that soon ends."""
PEERS: Final = 8
"""Sockets at once."""
SETTINGS: Final = tuple(
    Settings.model_validate(
        {
            "max_room_bytes": room,
            "max_update_bytes": room // 2,
            "max_members_per_room": 12,
            "pending_seconds": 5.0,
            "high_water_bytes": 4096,
            "snapshot_rows": 50,
        }
    )
    for room in (64 << 10, 8 << 10)
)
"""Usual ones, and such that a document is soon over its quota."""
STATUS: Final = b"\x08"


class Wire(DeafWire):
    """A socket that keeps what is written until it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.payloads: list[bytes] = []
        self._part = b""

    def write(self, frame: bytes) -> None:
        if self.closed is None:
            self._part += frame
            size, start = self._part[1], 2
            if size > 125:
                start = 4 if size == 126 else 10
                size = int.from_bytes(self._part[2:start])
            if len(self._part) - start >= size:  # else the second part of a large one follows
                assert len(self._part) - start == size
                self.payloads.append(self._part[start:])
                self._part = b""


class Counted:
    """A connection's ear: what came in, as the provider counts it."""

    def __init__(self, connection: Connection) -> None:
        self.edits = Counter[str]()
        self._connection = connection

    def received(self, payload: bytes) -> None:
        """Raises as the connection does."""
        try:
            messages = self._connection.dialect.decode(payload)
        except MotetError:
            messages = ()
        self.edits.update(m.document for m in messages if isinstance(m, Update | SyncStep2))
        self._connection.received(payload)


@dataclass(eq=False)
class Peer:
    """Somebody's socket, and the client id that it types as."""

    connection: Connection
    wire: Wire
    client: int
    clock: int = 0
    ended: bool = False

    def __post_init__(self) -> None:
        self.ear = Counted(self.connection)

    @property
    def names_documents(self) -> bool:
        """Whether it speaks of many documents."""
        return self.connection.dialect is HOCUSPOCUS

    def types(self, root: str, early: int) -> bytes:
        """An update of two letters; with `early`, of later ones, whose causes are still to come."""
        at = self.clock + 2 * early
        self.clock += 0 if early else 2
        head = b"\1\1" + write(self.client) + write(at)
        if at == 0:
            return head + b"\4\1" + write_bytes(root.encode()) + b"\2ab\0"
        return head + b"\x84" + write(self.client) + write(at - 1) + b"\2ab\0"

    def end(self, clean: bool) -> None:
        """The socket ends."""
        if not self.ended:
            self.ended = True
            self.wire.closed = self.wire.closed or (1006, "")
            self.connection.closed(1000 if clean else 1006, clean)

    def statuses(self) -> dict[str, tuple[int, int]]:
        """By address: edits that were sent, and statuses that came."""
        told: Counter[str] = Counter()
        for payload in self.wire.payloads if self.names_documents else ():
            if len(payload) > 1:
                address, at = read_bytes(payload, 0)
                told[address.decode()] += payload.startswith(STATUS, at)
        return {address: (self.ear.edits[address], n) for address, n in told.items() if n}


class Listener:
    """An honest y-websocket client that says nothing of its own, and answers as such do."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.replica = Replica()
        self._read = 0
        peer.connection.received(YJS.sync_step1("", b"\0"))

    def hear(self) -> None:
        """What came since. Everything that comes can be taken at once."""
        payloads = self.peer.wire.payloads
        while self._read < len(payloads):
            payload = payloads[self._read]
            self._read += 1
            for message in YJS.decode(payload):
                if isinstance(message, SyncStep1):
                    missing = self.replica.diff(message.state_vector)
                    self.peer.connection.received(YJS.sync_step2("", missing))
                elif isinstance(message, Update | SyncStep2):
                    assert self.replica.take(message.data, 1) == TAKEN
                    self.replica.news()
                elif isinstance(message, Awareness):
                    states = [json.loads(entry.state) for entry in decode(message.data)]
                    assert all(state is None or state["user"]["id"] in ROLE_OF for state in states)


class Disk(MemoryStore):
    """A store in memory that may fail."""

    broken = False

    async def load(self, room: RoomName) -> StoredRoom | None:
        await asyncio.sleep(0)
        self._check()
        return await super().load(room)

    async def append(self, rows: Sequence[Row]) -> Sequence[Seq]:
        await asyncio.sleep(0)
        self._check()
        return await super().append(rows)

    async def probe(self) -> None:
        self._check()

    def _check(self) -> None:
        if self.broken:
            raise Unavailable("the disk is full")

    def rows(self, room: RoomName) -> Sequence[StoredRow]:
        """The log of a room; no snapshot is due in so short a play."""
        held = self._rooms.get(room)
        return () if held is None else held.rows


class Hashes(Documents):
    """No worker: for the hash, a difference in deletes alone is none; of content it is not asked."""

    async def view(
        self, encoded: bytes | Sequence[bytes], view: View, root: str | None = None, timeout: float = 0.0
    ) -> str:
        return ""


class Watched(Hub):
    """A hub in the loop's time, which keeps the faults that a room was thrown away for."""

    faults: list[Exception]

    def __init__(self, time: Callable[[], float], settings: Settings, stage: Stage) -> None:
        self.now = time
        self.faults = []
        self.disk = Disk()
        journal = Journal(self.disk, 1 << 20, lambda: self.journal_drained())
        access = Access(stage, built_in(), Rulings(), time, is_open=False)
        super().__init__(settings, self.disk, journal, access, lambda room: None, stage.observe)
        self.keeper = Keeper(self, lambda: 1 << 40)
        self.convergence = Convergence(self, Hashes())

    def start(self) -> None:
        """What time does to rooms."""
        self.keeper.start()
        self.convergence.start()

    def wall_clock(self) -> int:
        return round(self.now() * 1000)

    def failed(self, served: Served, error: Exception, event: str) -> None:
        self.faults.append(error)
        super().failed(served, error, event)


class Stage:
    """The room, and everybody who is or was in it."""

    def __init__(self, time: Callable[[], float], settings: Settings) -> None:
        self._time = time
        self._settings = settings
        self.wrong: list[Event] = []
        self.everybody: list[Peer] = []
        self._writers = {"ed", "ed2", "carl", "honest"}

    async def grant(self, credentials: Credentials, room: RoomName) -> Grant:
        """As an authenticator: a token is a user's name."""
        user = {"brief": "ed"}.get(credentials.token, credentials.token)
        if user not in ROLE_OF:
            raise NotAuthenticated("unknown token")
        now = self._time()
        lasts = 3.0 if credentials.token == "brief" else 1e6
        return Grant(UserId(user), user.title(), rooms={"**": ROLE_OF[user]}, issued=now, expires=now + lasts)

    def observe(self, event: Event) -> None:
        """As an observer."""
        if isinstance(event, Unexpected) or (isinstance(event, DivergenceFound) and not event.user):
            self.wrong.append(event)

    async def begin(self) -> None:
        """The room opens, and the listener is in it."""
        self.hub = Watched(self._time, self._settings, self)
        self.hub.start()
        peer = await self._yjs("honest")
        self.listener = Listener(peer)

    @property
    def peers(self) -> list[Peer]:
        """The hostile ones that are here."""
        for peer in self.everybody:
            if peer.wire.closed is not None:
                peer.end(clean=True)
        return [peer for peer in self.everybody if not peer.ended]

    async def enter(self, user: str, dialect: Dialect) -> Peer | None:
        """Another socket of a user's, if there is room for it and the user may."""
        if len(self.peers) >= PEERS:
            return None
        try:
            peer = await self._yjs(user) if dialect is YJS else self._socket(user)
        except MotetError:
            return None
        self.everybody.append(peer)
        return peer

    async def _yjs(self, user: str) -> Peer:
        hub = self.hub
        grant = await hub.access.identify(Credentials(user, "10.0.0.1"), ROOM)
        hub.access.role(grant, ROOM)
        served = await hub.open(ROOM)
        return self._opened(YjsConnection(hub, served, grant, "10.0.0.1", user))

    def _socket(self, user: str) -> Peer:
        return self._opened(HocuspocusConnection(self.hub, Credentials(user, "10.0.0.1")))

    def _opened(self, connection: Connection) -> Peer:
        peer = Peer(connection, Wire(), client=1001 + len(self.everybody))
        connection.opened(peer.wire)
        return peer

    async def rule(self, user: str, role: str | None) -> None:
        """The user has another role in the room from now on; the viewer keeps hers."""
        if user == "vera" and role in ("commenter", "editor"):
            self._writers.add(user)
        self.hub.access.rulings.set_role(ROOM, UserId(user), role)
        self.hub.recheck(ROOM)

    async def settle(self) -> None:
        """All that is under way is done, and the store writes."""
        self.hub.disk.broken = False
        for _ in range(8):
            await asyncio.sleep(2.0)
            await self.hub.journal.flush()
            self.listener.hear()

    async def check(self) -> None:
        """Nothing happened that was not designed, and the honest are served."""
        await self._serve_newcomer()
        assert not self.hub.faults, self.hub.faults
        assert not self.wrong, self.wrong
        assert self.listener.peer.wire.closed is None, self.listener.peer.wire.closed
        room, log, rows = self.hub.served[ROOM].room.replica, Replica(), self.hub.disk.rows(ROOM)
        for row in rows:
            log.take(row.data, 1)
            log.news()
        assert not log.waiting_bytes
        for holder in (self.listener.replica, log):
            assert holder.ends() == room.ends()
            assert holder.state_hash() == room.state_hash()
        assert {row.author for row in rows} <= self._writers

    async def _serve_newcomer(self) -> None:
        """Somebody honest comes, reads, types, and hears that it is saved."""
        peer = self._socket("honest")
        peer.client = 2**40 + 1
        while peer.client in self.listener.replica.ends():
            peer.client += 1
        say = peer.connection.received
        say(write_bytes(b"a") + b"\2\0" + write_bytes(b"honest") + write_bytes(b"4.8.0"))
        say(HOCUSPOCUS.sync_step1("a", b"\0"))
        await self.settle()
        if self.hub.served[ROOM].room.over_quota:
            return
        say(HOCUSPOCUS.update("a", peer.types("t", 0)))
        await self.settle()
        assert write_bytes(b"a") + b"\x08\1" in peer.wire.payloads
        assert self.listener.replica.ends()[peer.client] == 2
        assert not self.listener.replica.lacks(state_vector({peer.client: 2}))
