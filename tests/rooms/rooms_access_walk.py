"""A random walk through a server with people in it: who come, type, rule, fail and leave in whatever order."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import ClassVar

from rooms_access_harness import ROOT, Wire
from rooms_access_people import LANES, Device, Piece, Socket, auth, marks
from rooms_access_world import ROOMS, USERS, View, World, at_once, turn

from motet.errors import MotetError, Unavailable
from motet.ids import RoomName, UserId
from motet.rooms.connection_hocuspocus import FRESH_TOKEN, HocuspocusConnection
from motet.sync import HOCUSPOCUS, SyncStep2, Update

STEPS = 150
ROLES = ("viewer", "commenter", "commenter", "editor", "editor", "editor", "none")
PADDING = 40_000
"""Makes an update so large that it is taken in steps."""


class Walk:
    """One random schedule."""

    def __init__(self, seed: int) -> None:
        self.rnd = random.Random(seed)
        self.world = World()
        self.tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Steps, and then quiet."""
        for socket in self.world.sockets:
            self._connect(socket, "editor")
        kinds = list(self.STEPS)
        for _ in range(STEPS):
            step = self.rnd.choices(kinds, [self.STEPS[kind] for kind in kinds])[0]
            await step(self)
            self.world.look()
        await self._quiet()
        self._check_end()
        for socket in self.world.sockets:
            self._hang_up(socket)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        self.tasks.add(asyncio.create_task(work))

    # ---- people come and go

    def _connect(self, socket: Socket, role: str) -> None:
        house = self.world.house
        lasts = self.rnd.choice((30.0, 1e6, 1e6))
        token = house.token(socket.user, role, lasts)
        if socket.dialect == "yjs":
            self._start(self._upgrade(socket, token))
            return
        socket.connection, socket.wire = house.socket()
        socket.seen = 0
        for device in socket.devices:
            self._show(device, token)
            device.begin(token)

    def _show(self, device: Device, token: str) -> None:
        grant = self.world.house.source.tokens.get(token)
        if grant is not None:
            device.shown.add(grant.token_id)

    async def _upgrade(self, socket: Socket, token: str) -> None:
        (device,) = socket.devices
        self._show(device, token)
        try:
            connection = await self.world.house.accept_yjs(token, device.room)
        except MotetError:
            return
        for _ in range(self.rnd.randrange(3)):
            await asyncio.sleep(0)
        if socket.connection is not None:
            return
        socket.connection, socket.wire, socket.seen = connection, Wire(), 0
        device.begin(token)
        connection.opened(socket.wire)

    def _hang_up(self, socket: Socket) -> None:
        connection, socket.connection = socket.connection, None
        if connection is not None:
            for device in socket.devices:
                device.end()
            connection.closed(1000, clean=self.rnd.random() < 0.5)

    async def come(self) -> None:
        """Somebody who is not in a room comes, or somebody's socket is at last seen to be closed."""
        socket = self.rnd.choice(self.world.sockets)
        role = self.rnd.choice(ROLES)
        if socket.connection is None:
            self._connect(socket, role)
        elif socket.wire.closed is not None:
            self._hang_up(socket)
        elif socket.dialect == "hocuspocus":
            device = self.rnd.choice(socket.devices)
            if not device.asked:
                token = self.world.house.token(socket.user, role)
                self._show(device, token)
                device.begin(token)

    async def go(self) -> None:
        """Somebody leaves a room, or hangs up."""
        socket = self.rnd.choice(self.world.sockets)
        device = self.rnd.choice(socket.devices)
        if socket.connection is None or self.rnd.random() < 0.5 or socket.wire.closed is not None:
            self._hang_up(socket)
        elif device.address and device.member:
            device.end()
            device.gone = True
            socket.connection.received(HOCUSPOCUS.close(device.address, ""))

    async def renew(self) -> None:
        """A provider shows another token for an open document: good, weaker, somebody else's, or none at all."""
        device = self.rnd.choice([d for d in self.world.devices if d.address])
        house = self.world.house
        other = self.rnd.random() < 0.2
        user = self.rnd.choice(USERS) if other else device.socket.user
        token = house.token(user, self.rnd.choice(ROLES), self.rnd.choice((30.0, 1e6)))
        if self.rnd.random() < 0.1:
            token = "forged"
        if device.member and device.socket.connection is not None and device.socket.wire.closed is None:
            self._show(device, token)
            device.socket.connection.received(auth(device.address, token))

    # ---- people type

    def _pick(self) -> Device:
        here = [device for device in self.world.devices if device.member]
        return self.rnd.choice(here if here and self.rnd.random() < 0.9 else self.world.devices)

    def _typed(self, device: Device, lane: str, after: Piece | None = None, padding: int = 0) -> Piece:
        piece = device.type(next(self.world.marks), lane, after, padding)
        self.world.typed[piece.mark] = (piece, device)
        return piece

    async def typing(self) -> None:
        """One edit; sometimes of both lanes at once, or a very large one."""
        device, rnd = self._pick(), self.rnd
        kind = rnd.random()
        if kind < 0.1:
            device.send(*[self._typed(device, lane) for lane in rnd.sample(LANES, 2)])
        else:
            device.send(self._typed(device, rnd.choice(LANES), padding=PADDING if kind > 0.96 else 0))

    async def reply(self) -> None:
        """Somebody types beside what another has typed, and perhaps not yet sent."""
        device = self._pick()
        others = [d.typed[-1] for d in self.world.devices if d.room == device.room and d.typed]
        if others:
            device.send(self._typed(device, "", self.rnd.choice(others)))

    async def delete(self) -> None:
        """Somebody deletes what is there, and may not always."""
        device = self._pick()
        view = self.world.views[device.room]
        there = [self.world.typed[mark][0] for mark in sorted(view.held) if mark in self.world.typed]
        if there:
            target = self.rnd.choice(there)
            piece = view.deletes.get(target.mark)
            mark = piece.mark if piece is not None else next(self.world.marks)
            view.deletes[target.mark] = piece = device.delete(mark, target)
            device.send(piece)

    async def swap(self) -> None:
        """Two updates come in another order than they were sent, so that one waits for the other."""
        device = self.rnd.choice(self.world.devices)
        box = device.outbox
        if len(box) > 1 and box[0].update and box[1].update:
            box[0], box[1] = box[1], box[0]

    async def deliver(self) -> None:
        """Some frames arrive, of one device."""
        ready = [device for device in self.world.devices if self._can(device)]
        if ready:
            device = self.rnd.choice(ready)
            for _ in range(self.rnd.randrange(1, 4)):
                if self._can(device):
                    self._hand_over(device)

    def _can(self, device: Device) -> bool:
        socket = device.socket
        return bool(device.outbox and socket.connection and socket.wire.closed is None and socket.wire.reading)

    def _hand_over(self, device: Device) -> None:
        try:
            self.world.deliver(device)
        except MotetError as e:
            device.socket.wire.close(e.code, str(e))
        self.world.look()

    # ---- administrators rule

    def _rule(self, work: Coroutine[object, object, None]) -> None:
        with contextlib.suppress(Unavailable):  # it holds all the same
            at_once(work)

    async def set_role(self) -> None:
        """Somebody's role in one room."""
        world, rnd = self.world, self.rnd
        room, user, role = rnd.choice(ROOMS), rnd.choice(USERS), rnd.choice((*ROLES, None))
        if role is None:
            world.judge.roles.pop((room, user), None)
        else:
            world.judge.roles[room, user] = role
        self._rule(world.house.acts.set_role(room, UserId(user), role, ROOT))

    async def revoke(self) -> None:
        """All of a user, all in a room, or one token."""
        world, rnd = self.world, self.rnd
        now = world.house.hub.seconds
        kind = rnd.randrange(4)
        if kind == 0:
            user = rnd.choice(USERS)
            world.judge.users[user] = now
            self._rule(world.house.acts.revoke_user(UserId(user), ROOT))
        elif kind == 1:
            room = rnd.choice(ROOMS)
            world.judge.rooms[room] = now
            self._rule(world.house.acts.revoke_room(room, ROOT))
        else:
            token = rnd.choice([grant.token_id for grant in world.house.source.tokens.values()])
            world.judge.tokens.add(token)
            self._rule(world.house.acts.revoke_token(token, ROOT))
        world.house.hub.seconds += 0.001

    async def delete_room(self) -> None:
        """A room is deleted, and later perhaps made anew."""
        room = self.rnd.choice(ROOMS)
        self._start(self._delete(room))

    async def _delete(self, room: RoomName) -> None:
        world = self.world
        try:
            if not await world.house.acts.delete(room, ROOT):
                return
        except MotetError:
            return
        # What was taken in this very turn was not seen in the replica, and may have reached somebody.
        world.views[room].ever |= {p.mark for p, device in world.typed.values() if device.room == room}
        world.look()
        self._bury(room)
        assert room not in world.house.disk._rooms

    def _bury(self, room: RoomName) -> None:
        """People forget the documents of a deleted room; nothing of them is ever to be seen again. What the server
        holds for a document that is still being opened came to whatever room is then of that name."""
        world = self.world
        world.views[room] = View()
        for device in world.devices:
            if device.room == room:
                world.buried |= {piece.mark for piece in device.typed} - self._held_for(device)
                device.typed, device.deletes, device.clock = [], [], 0
                device.client = next(world.clients)
                device.outbox.clear()

    def _held_for(self, device: Device) -> set[int]:
        connection = device.socket.connection
        document = connection._documents.get(device.address) if isinstance(connection, HocuspocusConnection) else None
        held = () if document is None else document.held
        return {mark for message in held if isinstance(message, Update | SyncStep2) for mark in marks(message.data)}

    async def recreate_room(self) -> None:
        """The name of a deleted room is given free."""
        self._start(self._recreate(self.rnd.choice(ROOMS)))

    async def _recreate(self, room: RoomName) -> None:
        await self.world.house.acts.recreate(room, ROOT)

    # ---- what else happens

    async def time(self) -> None:
        """Time goes by, and the sweep looks for grants that have ended."""
        world = self.world
        hub = world.house.hub
        hub.seconds += self.rnd.choice((0.5, 1.0, 4.0, 12.0))
        world.look()
        world.house.wake()
        world.look()
        for device in world.devices:
            if device.member and device.grant is not None and device.grant.expires <= hub.seconds:
                assert device.address, "here after the end"
                device.warned = hub.seconds if device.warned is None else device.warned
                assert hub.seconds - device.warned < FRESH_TOKEN, "here long after the end"

    async def trouble(self) -> None:
        """The disk or the source of grants fails, is slow, or is well again."""
        disk, source, rnd = self.world.house.disk, self.world.house.source, self.rnd
        disk.broken = rnd.random() < 0.3
        source.down = rnd.random() < 0.2
        disk.turns, source.turns = rnd.randrange(4), rnd.randrange(4)

    async def turns(self) -> None:
        """The loop turns."""
        for _ in range(self.rnd.randrange(1, 5)):
            await turn(self.world)

    STEPS: ClassVar[dict[Callable[[Walk], Awaitable[None]], float]] = {
        deliver: 30, typing: 14, turns: 14, come: 8, set_role: 5, reply: 4, time: 3, renew: 3, swap: 3, delete: 3,
        go: 2, revoke: 1.5, trouble: 1.5, delete_room: 0.4, recreate_room: 0.8,
    }  # fmt: skip

    # ---- the end

    async def _quiet(self) -> None:
        """Nothing fails any more, and everything that is on its way arrives."""
        house = self.world.house
        house.disk.broken = house.source.down = False
        house.disk.turns = house.source.turns = 0
        still = 0
        for _ in range(5000):
            ready = [device for device in self.world.devices if self._can(device)]
            for device in ready:
                if self._can(device):
                    self._hand_over(device)
            await turn(self.world)
            still = 0 if ready or self._is_busy() else still + 1
            if still > 12:
                return
        raise AssertionError("it does not come to rest")

    def _is_busy(self) -> bool:
        hub = self.world.house.hub
        rooms = [served.room for served in hub.served.values()]
        busy = any(r.suspended or r.dirty or r.has_long_takes or r.statuses.in_flight for r in rooms)
        return busy or hub.read_only or not all(task.done() for task in self.tasks)

    def _check_end(self) -> None:
        """Whoever is here and may write all that they typed has it in the log, and has heard what others typed."""
        for task in self.tasks:
            task.result()
        for device in self.world.devices:
            if not device.member or device.grant is None:
                continue
            view, may = self.world.views[device.room], self.world.judge.may(device.grant, device.room)
            replies = any(piece.origin is not None for piece in device.typed)
            if {piece.lane for piece in device.pieces} <= may and (len(may) == 2 or not replies):
                self._check_log(device, view)
            others = {mark for mark in view.held & set(self.world.typed) if mark not in view.deletes}
            unheard = others - {piece.mark for piece in device.typed} - device.heard
            assert not unheard, f"{device.client} never heard of {unheard}"

    def _check_log(self, device: Device, view: View) -> None:
        clients = {(p.client, p.clock + p.length - 1): p.mark for p, _ in self.world.typed.values()}
        for piece in device.typed:
            if piece.origin is not None and clients[piece.origin] not in view.held:
                return  # it waits for what nobody has sent, and so does the rest
            assert piece.mark in view.logged, f"{piece.mark} of {device.client} is lost"


def walk(seed: int) -> None:
    """One schedule; says its seed when it fails."""

    async def run() -> None:
        await Walk(seed).run()

    try:
        asyncio.run(run())
    except BaseException:
        print(f"seed {seed}")
        raise
