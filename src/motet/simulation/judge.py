"""The judge: what must be true of a server, checked from outside it at every step.

It knows every edit by its marks, what each user may (`rights`), what the store said that it keeps, and every byte that
the server writes and the clients send. It asks neither the server nor the clients.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary, WeakSet

from pycrdt import Doc

from motet import varint
from motet.crdt.replica import read_state_vector
from motet.crdt.replica.scan import scan
from motet.ids import Seq
from motet.persistence import Row, Snapshot
from motet.simulation.client import Client
from motet.simulation.clock import Clock
from motet.simulation.device import Device, Edit
from motet.simulation.network import KERNEL, Link
from motet.simulation.people import ROOMS, Desk
from motet.simulation.presences import Presences
from motet.simulation.rights import LINGER, READ, Rights

_MARK: Final = re.compile(rb"<(\d+)>")

MOST_REFUSALS: Final = 4
"""A minute, of whoever comes back all the same (docs/PROTOCOL.md, G)."""

RESTARTS: Final = 1012
"""What a server that stops closes its sockets with [G2]."""

_CONTROL: Final = 64 * 1024
"""Bytes of whatever else may wait: presence of one tick, statuses, refusals."""


class Found(Exception):
    """Something is not as it must be."""


class Made(NamedTuple):
    """A mark: who made it, where, with what right."""

    user: str
    room: str
    lane: str
    client: int
    end: int
    """Of the ids of its edit, in that client's clocks."""
    at: float
    wall: float


class Talk:
    """What a Hocuspocus client sends about one document on one connection, and what it is told of that."""

    __slots__ = ("ahead", "changes")

    def __init__(self) -> None:
        self.changes: list[set[int]] = []
        """Marks of each Update and SyncStep2 that was not found to be kept yet."""
        self.ahead = 0
        """Of those that were, so many more than were said to be saved."""


class Judge:
    """Of one world. Implements `client.Notices` and `network.Watcher`; what it finds is raised by `check`."""

    def __init__(self, clock: Clock, rights: Rights, high_water: int) -> None:
        self._clock = clock
        self._rights = rights
        self._high_water = high_water
        self.findings: list[str] = []
        self.counts: Counter[str] = Counter()
        self.desks: dict[str, Desk] = {}
        """By address."""
        self.made: dict[int, Made] = {}
        self.logged: set[int] = set()
        """Marks in rows that the store said it keeps."""
        self.out: set[int] = set()
        """Marks that were found to be rightly there: in the log, or with others."""
        self.shadows: dict[str, Doc[Any]] = {}
        """By room: what was committed, as another engine has it."""
        self.heads: dict[str, int] = {}
        self.dead: set[int] = set()
        """Marks of rooms that were deleted."""
        self.tombstones: set[str] = set()
        """Names of rooms that were deleted and not made anew."""
        self.dying: set[str] = set()
        """Names of rooms whose deletion had begun when it was last heard of."""
        self.on_burial: Callable[[], None] = lambda: None
        """Called when a room was deleted."""
        self.links: WeakSet[Link] = WeakSet()
        """Those that the present server has written to, as long as anybody has them."""
        self.presences = Presences(clock, self.finds)
        self.told: dict[tuple[str, str], float] = {}
        """By address and room: when a client was last told that it is refused."""
        self.parting: set[Client] = set()
        """Who is to be told that the server stops, and was not yet."""
        self.stops: float | None = None
        """The server stops in its order and nothing fails: when people typed last, before it was told to."""
        self._passed_on: set[tuple[str, int]] = set()
        """Users, and the clients of whom they answered something to sync step 1."""
        self._rows: dict[tuple[str, int], int] = {}
        self.edits: dict[Device, list[Edit]] = {}
        self._talks: WeakKeyDictionary[Link, dict[str, Talk]] = WeakKeyDictionary()
        self._refusals: dict[str, deque[float]] = {}
        self._starts: deque[float] = deque()
        self._leaps: deque[tuple[float, float]] = deque()

    def finds(self, what: str) -> None:
        """It must not be so."""
        self.findings.append(what)

    def check(self) -> None:
        """Raises Found."""
        if self.findings:
            raise Found("; ".join(self.findings[:3]))

    # ---- time

    def leapt(self, seconds: float) -> None:
        """The wall clock went on by so much at once: grants that ended meanwhile are looked at soon."""
        self._leaps.append((self._clock.seconds, seconds))

    def _wall(self) -> float:
        """The wall clock, as a server may still see it."""
        now = self._clock.seconds
        while self._leaps and now - self._leaps[0][0] > LINGER:
            self._leaps.popleft()
        return self._clock.time() - sum(max(0.0, seconds) for _, seconds in self._leaps)

    def started(self) -> None:
        """A server is there, and remembers nobody whom the one before it refused."""
        self._starts.append(self._clock.seconds)
        self.links.clear()
        since, self.stops = self.stops, None
        if since is not None:
            for mark in sorted(self.out - self.logged):
                if self.made[mark].at >= since:
                    self.finds(f"<{mark}> was with others when the server stopped, and is not on disk")

    # ---- what clients do and are told (client.Notices)

    def attempted(self, client: Client, address: str, target: str) -> None:
        self.counts["attempts"] += 1

    def refused(self, client: Client, room: str, code: int, reason: str) -> None:
        self.counts["refusals"] += 1
        self.told[client.owner.address, room] = self._clock.seconds

    def edited(self, device: Device, edit: Edit) -> None:
        self.counts["operations"] += 1
        user = next(desk.user for desk in self.desks.values() if device in desk.devices)
        made = Made(user, device.room, edit.lane, edit.client, edit.clock + edit.length, edit.at, self._wall())
        for mark in edit.marks:
            self.made[mark] = made
        self.edits.setdefault(device, []).append(edit)

    def saved(self, device: Device, edits: Sequence[Edit]) -> None:
        """Two of the three providers lose count; `_status` checks what the server says."""

    def heard(self, device: Device, payload: bytes, update: bytes | None) -> None:
        if update is not None:
            for mark in _marks(update):
                made = self.made.get(mark)
                if made is not None and made.room != device.room:
                    self.finds(f"<{mark}> of {made.room} reached a replica of {device.room}")

    def closed(self, client: Client, code: int, reason: str) -> None:
        self.counts[f"closes with {code}"] += 1
        if client in self.parting:
            self.parting.discard(client)
            if code != RESTARTS:
                self.finds(f"{client.owner.address} was closed with {code} by a server that stops")
        if not 4400 <= code < 4500:
            return
        now, address = self._clock.seconds, client.owner.address
        times = self._refusals.setdefault(address, deque())
        times.append(now)
        while times[0] < now - 60.0:
            times.popleft()
        while self._starts and self._starts[0] < now - 60.0:
            self._starts.popleft()
        if len(times) > MOST_REFUSALS + len(self._starts):
            self.finds(f"{client.owner.user} at {address} was refused {len(times)} times within a minute")

    # ---- what is said on the wire (network.Watcher)

    def said(self, link: Link, payload: bytes) -> None:
        """A client's message leaves it."""
        desk = self.desks.get(link.address)
        if desk is None:
            return
        room, at = varint.read_bytes(payload, 0) if desk.speaks_hocuspocus else (b"", 0)
        if payload[at : at + 2] == b"\0\1":
            blocks, _ = scan(varint.read_bytes(payload, at + 2)[0], {})
            self._passed_on |= {(desk.user, client) for client, _ in blocks}
        if not desk.speaks_hocuspocus:
            return
        if payload[at : at + 2] in (b"\0\1", b"\0\2"):
            self._talk(link, room).changes.append({mark for mark in _marks(payload[at + 2 :]) if mark in self.made})

    def wrote(self, link: Link, data: bytes) -> None:
        """The server writes to a client."""
        self.links.add(link)
        desk = self.desks.get(link.address)
        if desk is None:
            return  # a visitor, who may be in a room whose document is larger than a piece of catching up
        self._check_buffer(link)
        self.presences.wrote(link, data, desk.speaks_hocuspocus)
        for mark in set(_marks(data)):
            self._shown(mark, desk)
        if desk.speaks_hocuspocus:
            self._status(link, data)

    def _check_buffer(self, link: Link) -> None:
        waits = link.far.get_write_buffer_size() if link.far is not None else 0
        spare = waits - self._high_water - KERNEL - _CONTROL
        if spare > 0:
            # A chunk is at most a document, with what was deleted in it and not yet dropped.
            spare -= sum(len(shadow.get_update()) for shadow in self.shadows.values()) + _CONTROL
        if spare > 0:
            self.finds(f"{waits} bytes wait for {link.address}")

    def _shown(self, mark: int, desk: Desk) -> None:
        made = self.made.get(mark)
        if made is None:
            return
        if not self._rights.might(desk.user, made.room, READ, self._clock.seconds, self._wall()):
            self.finds(f"<{mark}> of {made.room} was shown to {desk.user}, who may not read there")
        self._appears(mark, made)

    def _appears(self, mark: int, made: Made) -> None:
        if mark in self.out:
            return
        self.out.add(mark)
        if not self._rights.might(made.user, made.room, made.lane, made.at, min(made.wall, self._wall())):
            self.finds(f"<{mark}> of {made.user} got into {made.room}: the lane {made.lane} was never open to them")

    def _status(self, link: Link, frame: bytes) -> None:
        if frame[0] != 0x82 or frame[1] > 125 or len(frame) != 2 + frame[1]:
            return
        room, at = varint.read_bytes(frame, 2)
        if frame[at : at + 2] != b"\x08\x01":
            return
        talk = self._talk(link, room)
        talk.ahead -= 1
        if talk.ahead < 0:
            self._see_what_is_kept(talk, room.decode().partition("\0")[0])
        if talk.ahead < 0:
            lost = set().union(*talk.changes) - self.logged
            where = room.decode()
            self.finds(f"{link.address} was told that <{min(lost, default=0)}> in {where} is saved: it is not on disk")

    def _see_what_is_kept(self, talk: Talk, room: str) -> None:
        """What was deleted as soon as it was made is kept without its marks."""
        ends = read_state_vector(self.shadow(room).get_state())
        kept = self.logged | {
            mark for mark in set().union(*talk.changes) if self.made[mark].end <= ends.get(self.made[mark].client, 0)
        }
        waiting = [change for change in talk.changes if not change <= kept]
        talk.ahead += len(talk.changes) - len(waiting)
        talk.changes = waiting

    def _talk(self, link: Link, room: bytes) -> Talk:
        return self._talks.setdefault(link, {}).setdefault(room.decode().partition("\0")[0], Talk())

    # ---- what the store keeps

    def committed(self, rows: Sequence[Row], seqs: Sequence[Seq]) -> None:
        """The store has said that these rows are on disk."""
        self.counts["rows"] += len(rows)
        for row, seq in zip(rows, seqs, strict=True):
            room = row.room
            if room in self.tombstones:
                self.finds(f"row {seq} was written to {room}, which is deleted")
            if seq != self.heads.get(room, 0) + 1:
                self.finds(f"row {seq} of {room} follows row {self.heads.get(room, 0)}")
            self._take(room, seq, row.author, row.data)

    def compacted(self, room: str, snapshot: Snapshot) -> None:
        """A snapshot is on disk. It may hold more than the rows up to its seq: what was on its way to the log."""
        self.counts["snapshots"] += 1
        if snapshot.seq > self.heads.get(room, 0):
            self.finds(f"a snapshot of {room} is at {snapshot.seq}, and the last row is {self.heads.get(room, 0)}")
        for mark in _marks(snapshot.data):
            made = self.made.get(mark)
            if made is not None and made.room != room:
                self.finds(f"<{mark}> of {made.room} is in a snapshot of {room}")
        if room in ROOMS:
            self.shadow(room).apply_update(snapshot.data)

    def found(self, room: str, seq: int, author: str, data: bytes) -> None:
        """There is such a row on disk. It may have been committed when nobody was there any more to say so."""
        told = self._rows.get((room, seq))
        if told is None:
            self._take(room, seq, author, data)
        elif told != hash(data):
            self.finds(f"row {seq} of {room} is not what was committed")

    def _take(self, room: str, seq: int, author: str, data: bytes) -> None:
        self.heads[room] = max(seq, self.heads.get(room, 0))
        self._rows[room, seq] = hash(data)
        if room not in ROOMS:
            return  # visitors', who write megabytes of nothing
        marks = set(_marks(data))
        for mark in marks:
            self._logged(mark, room, author)
        self.logged |= marks
        self.shadow(room).apply_update(data)

    def _logged(self, mark: int, room: str, author: str) -> None:
        made = self.made.get(mark)
        if made is None or made.room != room or mark in self.dead:
            self.finds(f"<{mark}> is in the log of {room}, and was not made there")
            return
        self._appears(mark, made)
        if author != made.user and (author, made.client) not in self._passed_on:
            self.finds(f"<{mark}> of {made.user} is in the log of {room} by {author or 'nobody'}, who never sent it")
        wall = min(made.wall, self._wall())
        if mark not in self.logged and not self._rights.might(author, room, made.lane, made.at, wall):
            self.finds(f"<{mark}> is in the log of {room} by {author}, who may not write {made.lane}")

    def shadow(self, room: str) -> Doc[Any]:
        """What was committed to a room."""
        return self.shadows.setdefault(room, Doc())

    def dies(self, room: str) -> None:
        """It is being deleted: it will be there whole, or not at all."""
        self.dying.add(room)

    def buried(self, room: str) -> None:
        """The room was deleted: nothing of it is to be seen again."""
        self.dying.discard(room)
        self.counts["deleted rooms"] += 1
        self.tombstones.add(room)
        self.shadows.pop(room, None)
        self.heads.pop(room, None)
        self._rows = {key: told for key, told in self._rows.items() if key[0] != room}
        self.dead |= {mark for mark, made in self.made.items() if made.room == room}
        self.on_burial()


def _marks(data: bytes) -> list[int]:
    return [int(mark) for mark in _MARK.findall(data)] if b"<" in data else []
