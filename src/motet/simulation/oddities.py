"""What clients rarely say, and what an application may have them say: steps, each by visitors of its own (`visitor`).

Most of it is allowed, some of it costs a document or the socket; none of it may cost anybody else anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Any, Final

from pycrdt import Doc

from motet import varint
from motet.simulation.client_traits import Kind
from motet.simulation.visitor import (
    NEVER,
    NOTHING,
    STEP2,
    UPDATE,
    Visitor,
    ask,
    auth,
    commented,
    empty,
    presence,
    room_of,
    scattered,
    settings_of,
    tell,
    typed,
    user_of,
)

if TYPE_CHECKING:
    from motet.simulation.world import World

_QUERY: Final = bytes((Kind.QUERY_AWARENESS,))
_LEAVE: Final = bytes((Kind.CLOSE, 0))
_STATELESS: Final = bytes((Kind.STATELESS,)) + varint.write_bytes(b"hello")
_BROADCAST: Final = bytes((6,)) + varint.write_bytes(b"hello, everybody")
_PONG: Final = b"\x0a"
_NOT_OF_A_TOKEN: Final = bytes((Kind.AUTH, 2)) + varint.write_bytes(b"read-write")
_TORN: Final = b"\x01\xff\x01\x07\x00"
"""An update that promises 255 structs of one client and ends."""


def chatter(world: World, rnd: Random) -> None:
    """Messages that are not stored: stateless ones, to all who can hear them, more than a socket may; questions."""
    settings = settings_of(world)
    if settings is None:
        return
    burst = int(settings.connection_broadcasts_per_second * settings.rate_seconds)
    room = room_of(rnd)

    def talks(me: Visitor) -> Iterator[float]:
        me.enter()
        yield 0.5
        me.say(_STATELESS, _QUERY, _NOT_OF_A_TOKEN, b"\x63", presence(me.doc.client_id, 1, '{"cursor":1}'))
        me.raw(bytes((Kind.PING,)), _PONG)
        leaves = [_LEAVE] if rnd.random() < 0.3 else []
        me.say(*[_BROADCAST] * (burst + 10), *leaves)
        yield rnd.choice((0.0, 0.3, 3.0))
        me.say(*[_BROADCAST] * 5)
        yield rnd.choice((0.1, 4.0))

    def asks(me: Visitor) -> Iterator[float]:
        me.enter()
        yield 0.5
        me.say(_BROADCAST, _QUERY, bytes((Kind.SYNC, 7, 0)))
        yield 1.0

    def listens(me: Visitor) -> Iterator[float]:
        me.say(_QUERY, b"\x63", _NOT_OF_A_TOKEN)
        yield 3.0
        me.say(bytes((Kind.SYNC, 7, 0)))
        yield 1.0

    Visitor(world, rnd, room).come(talks)
    Visitor(world, rnd, room, "viewer").come(asks)
    Visitor(world, rnd, room, "viewer").come(listens, yjs=True)


def hurry(world: World, rnd: Random) -> None:
    """More messages than a socket may send, of any kind or of presence; more edits than a room takes."""
    settings = settings_of(world)
    if settings is None:
        return
    frames = int(settings.connection_frames_per_second * settings.rate_seconds)
    moves = int(settings.connection_presence_per_second * settings.rate_seconds)
    edits = 10 + int(settings.room_frames_per_second * settings.rate_seconds) // 2

    def sends(me: Visitor) -> Iterator[float]:
        me.enter()
        yield 0.5
        me.raw(*[_PONG] * (frames * rnd.choice((1, 2)) + 100))
        yield rnd.choice((0.0, 4.0))

    def moves_about(me: Visitor) -> Iterator[float]:
        me.enter()
        yield 0.5
        client = me.doc.client_id
        me.say(*[presence(client, n, f'{{"cursor":{n}}}') for n in range(1, moves + 20)])
        yield rnd.choice((0.5, 8.0))

    def types(me: Visitor) -> Iterator[float]:
        me.enter()
        yield 0.5
        for _ in range(4):
            me.say(*[tell(UPDATE, update) for update in typed(me.doc, ["."] * edits)])
            yield 0.3
        yield 6.0

    for script in rnd.sample((sends, moves_about, types), 2):
        Visitor(world, rnd, room_of(rnd)).come(script)


def names(world: World, rnd: Random) -> None:
    """Documents of names that are long or none, under addresses with a session; new ones that have a template."""

    def asks(me: Visitor) -> Iterator[float]:
        token = auth(me.token())
        me.say(token, address="x" * 1100)
        me.say(token, address="a\nb")
        long = f"{me.room}\0{'s' * 200}"
        me.say(token, ask(NOTHING), address=long)
        yield 0.5
        me.say(tell(UPDATE, typed(me.doc, ["to a long address"])[0]), address=long)
        me.raw(b"\xff\x01")
        yield 0.5

    Visitor(world, rnd, room_of(rnd, f"seeded{rnd.randrange(9)}")).come(asks)


def crowd(world: World, rnd: Random) -> None:
    """One user in more rooms than a socket and a user may have, and more members than a room may have, who come again
    and again."""
    settings = settings_of(world)
    if settings is None:
        return
    documents, user, room = settings.max_rooms_per_connection, user_of(rnd), room_of(rnd, "crowd")
    most = min(settings.max_members_per_room, settings.max_rooms_per_user)

    def opens(me: Visitor) -> Iterator[float]:
        token = me.token()
        for n in range(documents + 2):
            me.say(auth(token), ask(NOTHING), address=f"{me.room}\0{n}")
        yield 1.0
        for n in range(documents // 2):
            me.say(_LEAVE, auth(token), _LEAVE, auth(token), address=f"{me.room}\0{n}")
            yield 0.01
        yield 5.0

    def comes(me: Visitor) -> Iterator[float]:
        yield 3.0

    together = rnd.random() < 0.5
    for n in range(min(5, most // documents + 1)):
        Visitor(world, rnd, room if together else f"{room}{n}", user=user).come(opens)
    for _ in range(2):
        Visitor(world, rnd, room, user=user).come(comes, yjs=True)


def impatience(world: World, rnd: Random) -> None:
    """Much is said before a document is open, or what is not understood; or it is left before it is open."""
    settings = settings_of(world)
    if settings is None:
        return
    messages, size = settings.max_pending_messages, settings.max_pending_bytes

    def too_many(me: Visitor) -> Iterator[float]:
        me.say(auth(me.token()), *[_QUERY] * (messages + 5))
        yield 1.0

    def too_much(me: Visitor) -> Iterator[float]:
        me.say(auth("x" * (size - 100)), ask(NOTHING))
        yield 1.0
        me.say(auth("x" * (size + 100)))
        yield 1.0

    def too_soon(me: Visitor) -> Iterator[float]:
        me.say(auth(me.token()), tell(UPDATE, _TORN), tell(UPDATE, _TORN), tell(UPDATE, _TORN), _QUERY)
        yield 1.0

    def not_understood(me: Visitor) -> Iterator[float]:
        me.say(auth(me.token()), bytes((Kind.AWARENESS,)) + varint.write_bytes(b"\xff\xff"))
        yield 1.0

    def leaves(me: Visitor) -> Iterator[float]:
        me.say(auth(me.token()), ask(NOTHING), _LEAVE, presence(me.doc.client_id, 1, "null"))
        yield 1.0

    for script in rnd.sample((too_many, too_much, too_soon, not_understood, leaves), 3):
        Visitor(world, rnd, room_of(rnd)).come(script)


def tokens(world: World, rnd: Random) -> None:
    """Fresh tokens: the same again, two at once, of another role, somebody else's, one that has just ended."""

    def shows(me: Visitor) -> Iterator[float]:
        first = me.token()
        me.enter(first)
        yield 0.5
        fresh = [me.token(seconds=s) for s in (50.0, 60.0, 70.0)]
        me.say(auth(first), *[auth(token) for token in fresh])
        if rnd.random() < 0.3:
            me.say(_LEAVE)
        yield 1.0
        me.say(auth(me.token(role="viewer")), ask(NOTHING))
        yield 0.5
        me.say(auth(me.token(user=user_of(rnd)))) if rnd.random() < 0.5 else me.say(auth("none at all"))
        yield 1.0

    def ends(me: Visitor) -> Iterator[float]:
        short = me.token(seconds=3.0)
        me.enter(short)
        for _ in range(rnd.choice((1, 3, 9))):
            yield 2.0
            me.say(auth(short))
        if rnd.random() < 0.5:
            me.say(auth(me.token()))
        yield rnd.choice((0.5, 15.0))

    Visitor(world, rnd, room_of(rnd)).come(rnd.choice((shows, ends)))


def early(world: World, rnd: Random) -> None:
    """Updates come before what they refer to, which comes late, when it is asked for, or never."""
    answers = rnd.random() < 0.5

    def writes(me: Visitor) -> Iterator[float]:
        me.answers = answers
        me.enter()
        yield 0.5
        first, second, third = typed(me.doc, ["one", " two", " three"])
        me.say(tell(UPDATE, third), tell(UPDATE, third), tell(UPDATE, second))
        yield rnd.choice((0.5, 8.0, 16.0))
        if rnd.random() < 0.5:
            me.say(tell(UPDATE, first))
        yield 0.5

    def comments(me: Visitor) -> Iterator[float]:
        me.answers = answers
        me.enter()
        yield 0.5
        first, second, third, *_ = commented(me.doc, ["one", "two", "three", "four"])
        me.say(tell(UPDATE, third), tell(UPDATE, second))
        yield 1.0
        if not answers:
            me.say(tell(STEP2, b"\0\0"))
        me.say(tell(UPDATE, third))
        yield 0.5
        me.say(tell(UPDATE, first), tell(UPDATE, second))
        yield 1.0

    role = rnd.choice(("editor", "editor", "commenter"))
    yjs = rnd.random() < 0.5
    Visitor(world, rnd, room_of(rnd), role).come(comments if role == "commenter" else writes, yjs=yjs)


def mistakes(world: World, rnd: Random) -> None:
    """Updates that are none, or not its sender's to make: small and large, once and again, and of somebody's ids."""
    good = rnd.random() < 0.5

    def writes(me: Visitor) -> Iterator[float]:
        me.enter()
        yield 0.5
        update = rnd.choice((_TORN, scattered(me.doc, 3000)[:-1] + b"\7"))
        step = rnd.choice((UPDATE, STEP2))
        me.say(tell(step, update))
        yield 0.5
        if good:
            me.say(tell(UPDATE, typed(me.doc, ["better"])[0]))
        me.say(tell(step, update), tell(step, update), _QUERY)
        yield 0.5

    def conflicts(me: Visitor) -> Iterator[float]:
        me.learns_from = NEVER
        other: Doc[Any] = Doc(client_id=me.doc.client_id)
        me.enter()
        yield 0.5
        for mine, theirs in zip(typed(me.doc, ["a", "b"]), typed(other, ["x", "y"]), strict=True):
            me.say(tell(UPDATE, mine), tell(UPDATE, theirs))
            yield 0.3

    def may_not(me: Visitor) -> Iterator[float]:
        me.enter()
        yield 0.5
        me.say(tell(UPDATE, typed(me.doc, ["not mine"])[0]), tell(UPDATE, scattered(me.doc, 3000)))
        yield 0.5
        me.say(tell(UPDATE, scattered(me.doc, 3000, "comments")))
        yield 0.5

    def says_nothing(me: Visitor) -> Iterator[float]:
        me.enter()
        yield 0.5
        me.say(tell(UPDATE, empty(me.doc.client_id)))
        yield 0.5

    def under_an_id(me: Visitor) -> Iterator[float]:
        other = Visitor(world, rnd, me.room)

        def shows(it: Visitor) -> Iterator[float]:
            it.enter()
            yield 0.5
            it.say(presence(me.doc.client_id, 1, "{}"))
            yield 3.0

        other.come(shows)
        me.enter()
        yield 1.5
        me.say(tell(UPDATE, commented(me.doc, ["under another's id"])[0]))
        yield 0.5

    scripts = (
        (writes, "editor"),
        (writes, "viewer"),
        (conflicts, "editor"),
        (may_not, "commenter"),
        (says_nothing, "viewer"),
        (under_an_id, "commenter"),
    )
    script, role = rnd.choice(scripts)
    Visitor(world, rnd, room_of(rnd), role).come(script, yjs=rnd.random() < 0.5)


def forgetful(world: World, rnd: Random) -> None:
    """Somebody says that it holds less than it was sent, or nothing: the server finds out, and sends it anew."""
    room = room_of(rnd, f"forgetful{rnd.randrange(3)}")

    def writes(me: Visitor) -> Iterator[float]:
        me.enter()
        yield 0.5
        for update in typed(me.doc, ["something ", "to ", "forget"]):
            me.say(tell(UPDATE, update))
        yield 40.0

    def forgets(me: Visitor) -> Iterator[float]:
        me.learns_from = rnd.choice((3, 3, NEVER))  # it is greeted, and asked twice before it is sent everything
        if rnd.random() < 0.5:
            typed(me.doc, ["something of its own"])
        me.enter()
        yield rnd.choice((15.0, 40.0, 60.0))

    Visitor(world, rnd, room).come(writes)
    forgetter = Visitor(world, rnd, room)
    world.timeline.later(1.0, lambda: forgetter.come(forgets))
