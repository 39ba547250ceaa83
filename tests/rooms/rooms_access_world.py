"""The model of rooms under changing grants: what must be true after each step, by a judge who does not ask the room."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from itertools import count

from rooms_access_harness import House
from rooms_access_people import Device, Frame, Judge, Piece, Socket, address_of_frame, marks, update_of

from motet.access import Grant
from motet.crdt import Replica
from motet.crdt.replica import SLOW
from motet.ids import MemberId, RoomName
from motet.rooms import Served
from motet.sync import HOCUSPOCUS

ROOMS = (RoomName("notes/a"), RoomName("notes/b"))
USERS = ("ada", "bob", "cyd")


class Past:
    """A membership, as long as something of it may wait: what it may or, when it has left, might write."""

    def __init__(self, device: Device, grant: Grant, may: frozenset[str]) -> None:
        self.device = device
        self.grant = grant
        self.may = may
        self.large: list[Frame] = []
        """What was handed over and is so large that it is judged some turns later."""


class View:
    """What the judge holds to be true of one room."""

    def __init__(self) -> None:
        self.replica: Replica | None = None
        self.held: set[int] = set()
        """Marks of the pieces that were in the replica at the last look."""
        self.ever: set[int] = set()
        self.logged: set[int] = set()
        self.rows = 0
        """Log rows that were looked at."""
        self.allowed: dict[int, set[int]] = {}
        """By mark: the memberships that handed the piece over while they might."""
        self.pasts: dict[int, Past] = {}
        self.deletes: dict[int, Piece] = {}
        """By the mark of what they delete."""


class World:
    """A server, its people, and everything that they did."""

    def __init__(self) -> None:
        self.house = House(max_update_bytes=1 << 20, pending_seconds=3600.0)
        self.judge = Judge()
        self.views = {name: View() for name in ROOMS}
        self.typed: dict[int, tuple[Piece, Device]] = {}
        self.buried: set[int] = set()
        """Marks in rooms that were deleted."""
        self.marks = count(1)
        self.clients = count(100)
        self.sockets: list[Socket] = []
        for user in USERS:
            for dialect in ("yjs", "hocuspocus", "yjs") if user == "ada" else ("yjs", "hocuspocus"):
                socket = Socket(user, dialect)
                rooms = ROOMS if dialect == "hocuspocus" else ROOMS[:1]
                socket.devices = [Device(socket, room, next(self.clients)) for room in rooms]
                self.sockets.append(socket)
        self.devices = [device for socket in self.sockets for device in socket.devices]

    def served(self, room: RoomName) -> Served | None:
        return self.house.hub.served.get(room)

    # ---- what is handed over

    def deliver(self, device: Device) -> None:
        """Hands the device's next frame to the server, and notes which of its pieces might be written at this moment:
        none, if any that is new may not."""
        frame, socket = device.outbox.popleft(), device.socket
        assert socket.connection is not None
        if device.member:
            self._note(device, frame)
        else:
            device.held.append(frame)
        socket.connection.received(frame.payload)

    def _note(self, device: Device, frame: Frame) -> None:
        assert device.grant is not None
        view, may = self.views[device.room], self.judge.may(device.grant, device.room)
        if len(frame.payload) > SLOW:
            view.pasts[device.member].large.append(frame)
        new = [p for p in frame.pieces if p.mark not in view.held and not view.allowed.get(p.mark)]
        if {piece.lane for piece in new if piece.struct or frame.update} <= may:
            for piece in frame.pieces:
                if piece.mark not in view.held and piece.lane in may:
                    view.allowed.setdefault(piece.mark, set()).add(device.member)

    # ---- what is true

    def look(self) -> None:
        """Compares the server with what the judge knows."""
        assert not self.house.hub.faults, self.house.hub.faults
        for name, view in self.views.items():
            self._look_for_a_load(name, view)
            self._look_at_seats(name)
            self._look_at_replica(name, view)
            self._look_at_pasts(name, view)
        for socket in self.sockets:
            self._read(socket)
        for name, view in self.views.items():
            self._look_at_log(name, view)
        for device in self.devices:
            if device.address and device.asked:
                assert device.unsaved >= 0, "more statuses than changes"
                if not device.unsaved:
                    lost = {piece.mark for piece in device.typed} - self.views[device.room].logged
                    assert not lost, f"{lost} of {device.client} was said to be saved"

    def _look_for_a_load(self, name: RoomName, view: View) -> None:
        """A replica that was made from the log holds what is in the log, and nothing waits any more."""
        served = self.served(name)
        if served is not None and served.room.replica is not view.replica:
            view.replica, view.allowed = served.room.replica, {}
            stored = self.house.disk._rooms.get(name)
            logged = marks(b"".join(row.data for row in stored.rows)) if stored is not None else set()
            deleted = {piece.mark for piece in view.deletes.values()} & view.ever
            view.held = self._in(view.replica, view) & (logged | deleted)

    def _in(self, replica: Replica, view: View) -> set[int]:
        """The marks of the pieces that a replica holds."""
        found = marks(replica.encode())
        for piece in view.deletes.values():
            touched = replica.touched(update_of([], [piece]))
            if not touched.roots and not touched.unresolved:
                found.add(piece.mark)
        return found

    def _look_at_replica(self, name: RoomName, view: View) -> None:
        served = self.served(name)
        if served is None:
            return
        now = self._in(served.room.replica, view)
        for mark in now - view.held:
            assert view.allowed.get(mark), f"{mark} was taken of somebody who might not write it"
        view.held = now
        view.ever |= now

    def _look_at_pasts(self, name: RoomName, view: View) -> None:
        """Who lost a lane, or the right to be here, has lost what waited [X2] [X3]."""
        for member, past in view.pasts.items():
            here = past.device.member == member
            if here and past.device.grant is not None:
                past.grant = past.device.grant
            may = self.judge.may(past.grant, name)
            if not may >= past.may or self.judge.role(past.grant, name) == "none":
                for mark, members in view.allowed.items():
                    if mark not in view.held:
                        members.discard(member)
            if here and not past.may >= may:
                large, past.large = past.large, []
                for frame in large:
                    self._note(past.device, frame)
            if here:
                past.may = may

    def _look_at_seats(self, name: RoomName) -> None:
        served = self.served(name)
        members = set()
        for device in self.devices:
            if device.room != name:
                continue
            connection = device.socket.connection
            seat = connection.seats.get(device.address) if connection is not None else None
            if seat is not None:
                assert seat.served is served, "a seat in a room that is gone"
                members.add(seat.member.id)
                self._look_at_seat(device, seat.member.id, seat.member.grant, seat.member.role.name)
            elif device.member:
                self._look_at_end(device)
        assert members == (set(served.seats) if served is not None else set()), "the room has other members"

    def _look_at_seat(self, device: Device, member: MemberId, grant: Grant, role: str) -> None:
        assert grant.token_id in device.shown and grant.user == device.socket.user
        right = self.judge.role(grant, device.room)
        assert right != "none", "here without the right"
        assert role == right, f"{role}, and should be {right}"
        if grant is not device.grant:
            assert grant.expires > self.house.hub.seconds, "let in after the end"
            device.warned = None
        before = device.member
        device.member, device.grant = member, grant
        self.views[device.room].pasts.setdefault(member, Past(device, grant, self.judge.may(grant, device.room)))
        if before != member:
            held, device.held = device.held, []
            for frame in held:
                self._note(device, frame)

    def _look_at_end(self, device: Device) -> None:
        """The server has sent a member away: it was told, and if by its right, then by the right reason."""
        wire = device.socket.wire
        if device.address and wire.closed is None:
            denied = HOCUSPOCUS.denied(device.address, "")[:-1]
            assert any(denied in frame for frame in wire.frames[device.socket.seen :]), "gone without a word"
        else:
            assert wire.closed is not None, "gone without a word"
            if wire.closed[0] in (4401, 4403):
                assert device.grant is not None
                over = device.grant.expires <= self.house.hub.seconds
                assert over or self.judge.role(device.grant, device.room) == "none", wire.closed
        device.end()

    def _read(self, socket: Socket) -> None:
        frames, socket.seen = socket.wire.frames[socket.seen :], len(socket.wire.frames)
        addresses = [address_of_frame(frame, socket.dialect == "hocuspocus") for frame in frames]
        for device in socket.devices:
            own = [frame for frame, address in zip(frames, addresses, strict=True) if address == device.address]
            denied = HOCUSPOCUS.denied(device.address, "")[:-1]
            ends = [n for n, frame in enumerate(own) if denied in frame[:200]] if not device.member else []
            for n, frame in enumerate(own):
                view, shown = self.views[device.room], marks(frame)
                assert shown <= view.ever, f"{shown - view.ever} reached {device.client}, and is in no document"
                assert not shown or not device.gone, "told after the end"
                device.gone = device.gone or (n in ends and n == ends[-1] and device.asked is False)
                if device.asked:
                    device.read(frame)

    def _look_at_log(self, name: RoomName, view: View) -> None:
        stored = self.house.disk._rooms.get(name)
        rows = stored.rows[view.rows :] if stored is not None else []
        for row in rows:
            found = marks(row.data)
            assert found <= view.ever, f"{found - view.ever} is in the log, and was in no document"
            assert not found & self.buried, "back from the dead"
            assert row.author in USERS, f"a row by {row.author!r}"
            for mark in found:
                assert self.typed[mark][1].socket.user == row.author, "in somebody else's name"
            view.logged |= found
        view.rows += len(rows)


def at_once(work: Coroutine[object, object, None]) -> None:
    """Runs what waits for nothing."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


async def turn(world: World) -> None:
    """One turn of the loop, and a look."""
    await asyncio.sleep(0)
    world.look()
