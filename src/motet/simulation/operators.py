"""What operators do besides ruling: they look at rooms and at the store, and act on what is not there; steps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from motet.access import Grant
from motet.errors import MotetError
from motet.ids import MemberId, RoomName, UserId
from motet.observability import Recent
from motet.rooms import Administrator, Inspection, gauges
from motet.rooms.inspection import ORDERS
from motet.simulation.people import ROOMS
from motet.simulation.visitor import UPDATE, Visitor, presence, room_of, settings_of, tell, typed

if TYPE_CHECKING:
    from motet.simulation.world import World

OPERATOR: Final = Administrator(Grant(UserId("operator"), role="admin"), "10.0.0.8")

_errands: WeakKeyDictionary[World, set[asyncio.Task[None]]] = WeakKeyDictionary()
"""What is being done; held, for the event loop holds tasks weakly."""


def look_around(world: World, rnd: Random) -> None:
    """The console is open: lists of rooms, one of them in detail, the round trips of who is in it, and the figures."""
    server = world.server
    if server is None:
        return
    looks, room = Inspection(server.hub, Recent()), RoomName(rnd.choice((*ROOMS, room_of(rnd), "nobody's")))
    for by in ORDERS:
        looks.top(by, 5)
        looks.top(by, 5, age=1.0)
    looks.probe(room)
    looks.probe(room)
    figures = gauges(server.hub, server.gateway.statistics().connections)
    if figures.rooms_loaded != looks.loaded():
        world.judge.finds(f"{figures.rooms_loaded} rooms in the figures, and {looks.loaded()} in the lists")

    async def look() -> None:
        detail = await looks.room(room)
        if detail is not None and detail.summary.members != len(detail.members):
            world.judge.finds(f"{detail.summary.members} members of {room} are counted and {len(detail.members)} shown")

    _start(world, look)


def check_the_store(world: World, rnd: Random) -> None:
    """`motet doctor`, `motet rooms` beside a server that runs: nothing is ever damaged, whatever has failed."""
    server = world.server
    if server is None:
        return
    store, room = server.hub.store, RoomName(rnd.choice((*ROOMS, room_of(rnd), "nobody's")))

    async def check() -> None:
        problems = [*await store.verify(room), *await store.integrity()]
        if any("damaged" in problem or "missing" in problem or "lost" in problem for problem in problems):
            world.judge.finds(f"the store is damaged: {problems}")
        prefix = rnd.choice(("", "notes/", "w"))
        listed = [info.name async for info in store.rooms(prefix)]
        if listed != sorted(name for name in listed if name.startswith(prefix)):
            world.judge.finds(f"the rooms that begin with {prefix!r} are listed as {listed}")
        await store.statistics()

    _start(world, check)


def act_on_nothing(world: World, rnd: Random) -> None:
    """What was asked for is not there, or not any more: members, rooms, rooms that nobody deleted."""
    server = world.server
    if server is None:
        return
    by, acts, room = OPERATOR, server.administration, RoomName("nobody's")

    async def act() -> None:
        acts.resync(room, by)
        if acts.kick(RoomName(ROOMS[0]), MemberId(1 << 40), by) or acts.kick(room, MemberId(1), by):
            world.judge.finds("a member that is not there was sent away")
        if await acts.delete(room, by) or await acts.recreate(room, by):
            world.judge.finds("a room that never was is deleted, or made anew")

    _start(world, act)


def delete_at_once(world: World, rnd: Random) -> None:
    """A room that nobody has written in is deleted by two, while others open it; then its name is opened again."""
    server = world.server
    if server is None:
        return
    by, acts, room = OPERATOR, server.administration, RoomName(room_of(rnd, f"unwritten{rnd.getrandbits(32):x}"))

    def stays(me: Visitor) -> Iterator[float]:
        me.enter()
        yield 3.0

    async def delete() -> None:
        await acts.delete(room, by)

    async def open_it() -> None:
        await server.hub.open(room)

    async def compact() -> None:
        await acts.compact(room, by)

    for n in range(3):
        Visitor(world, rnd, room).come(stays, yjs=n == 0)
    first = rnd.choice((open_it, compact))

    def go() -> None:
        if world.server is server:
            for work in (first, delete, delete, compact):
                _start(world, work)

    world.timeline.later(rnd.choice((0.0, 0.06, 0.5)), go)


def rule_over_visitors(world: World, rnd: Random) -> None:
    """Somebody gets another role, or none, while something of theirs waits for what it refers to; they are there, or
    have just left."""
    settings = settings_of(world)
    if settings is None:
        return
    role = rnd.choice(("viewer", "commenter", "none", *settings.roles))
    leaves, revoked = rnd.random() < 0.5, rnd.random() < 0.3

    async def rule(me: Visitor) -> None:
        server = world.server
        if server is not None and revoked:
            await server.administration.revoke_user(UserId(me.user), OPERATOR)
        elif server is not None:
            await server.administration.set_role(RoomName(me.room), UserId(me.user), role, OPERATOR)

    def writes(me: Visitor) -> Iterator[float]:
        me.enter()
        yield 0.5
        first, second = typed(me.doc, ["first", "second"])
        me.say(presence(me.doc.client_id, 1, "{}"), tell(UPDATE, second))
        world.timeline.later(0.2, lambda: _start(world, lambda: rule(me)))
        yield 0.05 if leaves else 0.5
        me.say(presence(me.doc.client_id, 2, "{}"), tell(UPDATE, first))
        yield 0.5

    Visitor(world, rnd, room_of(rnd)).come(writes, yjs=rnd.random() < 0.3)


def _start(world: World, work: Callable[[], Awaitable[None]]) -> None:
    """Has the server's loop do it, if there is a server. What the store, or a room that is going, refuses is told."""
    if world.process is None:
        return

    async def done() -> None:
        try:
            await work()
        except MotetError as error:
            world.tell(f"an operator was refused: {error}")

    tasks = _errands.setdefault(world, set())
    task = world.process.loop.create_task(done())
    tasks.add(task)
    task.add_done_callback(tasks.discard)
