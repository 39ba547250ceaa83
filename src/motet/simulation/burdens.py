"""What costs a server much: large documents, large updates, readers who do not read; steps, each by visitors."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Final

from motet.config import MIB
from motet.ids import RoomName
from motet.simulation.client_traits import Kind
from motet.simulation.operators import OPERATOR
from motet.simulation.visitor import (
    NEVER,
    SOMETHING,
    STEP2,
    UPDATE,
    Visitor,
    ask,
    auth,
    room_of,
    scattered,
    settings_of,
    tell,
    typed,
)
from motet.simulation.websocket import BINARY, masked

if TYPE_CHECKING:
    from motet.simulation.world import World

_PING: Final = bytes((Kind.PING,))
_LEAVE: Final = bytes((Kind.CLOSE, 0))
_SMALL: Final = 8 * MIB
"""Limits above it are not tried: a world has less than a second."""


def huge(world: World, rnd: Random) -> None:
    """Large updates of two, which are taken in steps; their authors stay, leave in between, or are sent away. Others
    come together while somebody types."""
    room, role = room_of(rnd), rnd.choice(("editor", "editor", "commenter"))

    def sent_away(me: Visitor) -> None:
        server = world.server
        served = server.hub.served.get(RoomName(room)) if server is not None else None
        if server is not None and served is not None:
            for seat in [seat for seat in served.seats.values() if seat.member.grant.user == me.user]:
                server.administration.kick(served.name, seat.member.id, OPERATOR)

    def writes(me: Visitor) -> Iterator[float]:
        me.enter()
        yield 0.5
        root = "list" if role == "editor" else "comments"
        me.say(*[tell(UPDATE, scattered(me.doc, 3000, root)) for _ in range(rnd.choice((1, 2)))])
        if rnd.random() < 0.3:
            me.then(lambda: sent_away(me))
        yield rnd.choice((0.03, 0.03, 2.0))
        for word in ("while ", "others ", "come "):
            me.say(tell(UPDATE, typed(me.doc, [word])[0]))
            yield 0.1
        yield 2.0

    def reads(me: Visitor) -> Iterator[float]:
        me.enter()
        yield 2.0

    for _ in range(2):
        Visitor(world, rnd, room, role).come(writes, yjs=rnd.random() < 0.3)
    for n in range(6):
        reader = Visitor(world, rnd, room)
        world.timeline.later(2.4 + 0.1 * n, lambda reader=reader: reader.come(reads))  # type: ignore[misc]


def slow_reader(world: World, rnd: Random) -> None:
    """A document that is a little larger than a piece of it may be is read by those who have a part of it, too slowly,
    and who ask again meanwhile; an operator has all of it sent to all."""
    room = room_of(rnd, f"large{rnd.getrandbits(32):x}")

    def writes(me: Visitor) -> Iterator[float]:
        me.enter(known=SOMETHING)
        yield 0.5
        for _ in range(3):
            me.say(tell(UPDATE, scattered(me.doc, 37, value="y" * 10_000)))
            yield 0.3
        yield 3.0
        for n in range(20):
            me.say(tell(UPDATE, typed(me.doc, [f"word {n} "])[0]))
            yield 0.2

    def reads(me: Visitor) -> Iterator[float]:
        me.learns_from, me.answers = NEVER, False
        me.say(auth(me.token()))
        yield 0.5
        me.stall(rnd.choice((0.5, 3.0, 8.0)))
        word = tell(UPDATE, typed(me.doc, ["and "])[0])
        me.say(*[word] * (rnd.random() < 0.5), ask(SOMETHING))
        yield 0.3
        me.say(auth(me.token()), address=f"{me.room}\0later")
        yield 0.2
        me.say(ask(SOMETHING), bytes((Kind.QUERY_AWARENESS,)))
        server = world.server
        if server is not None and rnd.random() < 0.5:
            server.administration.resync(RoomName(room), OPERATOR)
        yield 10.0

    def reads_two(me: Visitor) -> Iterator[float]:
        me.learns_from, me.answers = NEVER, False
        for n in range(2):
            me.say(auth(me.token()), address=f"{me.room}\0{n}")
        yield 0.5
        me.stall(rnd.choice((0.5, 3.0)))
        for n in range(2):
            me.say(ask(SOMETHING), address=f"{me.room}\0{n}")
        yield 10.0

    Visitor(world, rnd, room).come(writes)
    for script in (reads, rnd.choice((reads, reads_two))):
        reader = Visitor(world, rnd, room)
        world.timeline.later(3.0 * rnd.random(), lambda reader=reader, script=script: reader.come(script))  # type: ignore[misc]


def deaf(world: World, rnd: Random) -> None:
    """Somebody who reads nothing has the server answer much."""
    settings = settings_of(world)
    if settings is None:
        return
    room = room_of(rnd, "d" * 200)
    answers = (settings.high_water_bytes + 128 * 1024) // 200

    def asks(me: Visitor) -> Iterator[float]:
        token = me.token()
        me.enter(token)
        yield 0.5
        me.stall(rnd.choice((2.0, 5.0)))
        me.say(*[auth(token)] * min(answers, 2000))
        yield rnd.choice((3.0, 7.0))

    Visitor(world, rnd, room).come(asks)


def oversized(world: World, rnd: Random) -> None:
    """Messages that are too long to be read: whole, in parts, or by what their head says."""
    settings = settings_of(world)
    if settings is None or settings.max_room_bytes > _SMALL:
        return
    size = settings.max_room_bytes + 70 * 1024

    def sends(me: Visitor) -> Iterator[float]:
        enters = rnd.random() < 0.7
        if enters:
            me.enter()
            yield 0.5
        how = rnd.randrange(3)
        if how == 0:
            me.say(tell(UPDATE, bytes(size)), address=rnd.choice((me.room, "somewhere else")))
        elif how == 1:
            me.frames(masked(BINARY, bytes(size // 2), last=False) + masked(BINARY, bytes(size), first=False))
        else:
            me.frames(masked(BINARY, bytes(size * 2))[: size + 5000])
        yield 1.0

    def sends_yjs(me: Visitor) -> Iterator[float]:
        me.say(tell(UPDATE, bytes(size)), tell(UPDATE, bytes(size)))
        yield 1.0

    if rnd.random() < 0.3:
        Visitor(world, rnd, room_of(rnd)).come(sends_yjs, yjs=True)
    else:
        Visitor(world, rnd, room_of(rnd)).come(sends)


def full(world: World, rnd: Random) -> None:
    """A room is filled beyond its quota, and then no more is taken in it but deletes; an update is too large."""
    settings = settings_of(world)
    if settings is None or settings.max_room_bytes > _SMALL:
        return
    room, most, whole = room_of(rnd, "full"), settings.max_update_bytes, settings.max_room_bytes

    def fills(me: Visitor) -> Iterator[float]:
        me.enter(known=SOMETHING)
        yield 0.5
        part = "z" * (min(most, whole // 3) - 1000)
        for _ in range(whole // len(part) + 2):
            me.say(tell(UPDATE, scattered(me.doc, 1, value=part)))
            yield 0.2
        yield rnd.choice((0.5, 20.0))

    def too_large(me: Visitor) -> Iterator[float]:
        me.enter(known=SOMETHING)
        yield 0.5
        me.say(tell(UPDATE, typed(me.doc, ["w" * (most + 1000)])[0]))
        yield 0.5

    def comes_late(me: Visitor) -> Iterator[float]:
        me.enter(known=SOMETHING)
        yield 4.0
        me.say(tell(rnd.choice((UPDATE, STEP2)), typed(me.doc, ["no room for this"])[0]))
        yield 15.0

    Visitor(world, rnd, room).come(fills)
    Visitor(world, rnd, room_of(rnd)).come(too_large)
    Visitor(world, rnd, room).come(comes_late)


def waits_long(world: World, rnd: Random) -> None:
    """More waits for what it refers to than a room keeps."""

    def writes(me: Visitor) -> Iterator[float]:
        me.answers = rnd.random() < 0.3
        me.enter(known=SOMETHING)
        yield 0.5
        _, *late = typed(me.doc, ["first", *["v" * 700_000] * 7])
        for update in late:
            me.say(tell(UPDATE, update))
            yield 0.05
        if not me.answers:
            me.say(tell(STEP2, b"\0\0"), tell(UPDATE, late[-1]))
        yield rnd.choice((0.5, 8.0))

    Visitor(world, rnd, room_of(rnd, "waits")).come(writes)
