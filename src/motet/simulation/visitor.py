"""Visitors: users of their own, in rooms of their own, who say byte for byte what a step has them say.

What they write holds no marks, and nobody else is in their rooms: whatever becomes of it, nothing that the judge knows
is touched but the log, which must be without gaps there too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pycrdt import Array, Doc, Map, Text

from motet import varint
from motet.access.tokens import mint
from motet.config import Settings
from motet.simulation.client_traits import Kind
from motet.simulation.device import COMMENTS, CONTENT
from motet.simulation.network import Conditions, Link, Near
from motet.simulation.people import KEY
from motet.simulation.websocket import BINARY, masked

if TYPE_CHECKING:
    from motet.simulation.world import World

VISITORS: Final = "visitor "
"""How the ids of their users begin."""

_PIECE: Final = 16 * 1024

NEVER: Final = 1 << 30
"""As a number of questions."""

Script = Callable[["Visitor"], Iterator[float]]
"""What one does, from when the socket is open on; it gives the seconds until it goes on."""

STEP1, STEP2, UPDATE = range(3)

NOTHING: Final = b"\0"
"""The state vector of who has nothing; the whole document comes at once."""
SOMETHING: Final = b"\1\1\1"
"""Of who has one id that nobody else has: a large document comes in pieces [R9]."""


def room_of(rnd: Random, name: str = "") -> str:
    """One of a few rooms where visitors meet, or the one of this name."""
    return f"visitors/{name or rnd.randrange(3)}"


def user_of(rnd: Random) -> str:
    """A visitor's user."""
    return f"{VISITORS}{rnd.randrange(10**6)}"


def settings_of(world: World) -> Settings | None:
    """The limits of the server; None while there is none."""
    return world.server.settings if world.server is not None else None


class _Line(Conditions):
    """A visitor's: megabytes are not cut into single bytes, and it is known when they arrive."""

    def __init__(self) -> None:
        super().__init__(jitter=0.0)

    @property
    def cut(self) -> int:
        return self._cut

    @cut.setter
    def cut(self, size: int) -> None:
        self._cut = size and max(size, _PIECE)


class Visitor:
    """One socket. Implements `ports.Endpoint`."""

    def __init__(self, world: World, rnd: Random, room: str, role: str = "editor", user: str = "") -> None:
        self.room = room
        self.rnd = rnd
        self.user = user or user_of(rnd)
        self.doc: Doc[Any] = Doc(client_id=rnd.getrandbits(31) | 1 << 31)
        """What it holds."""
        self.learns_from = 0
        """What comes goes into `doc`, from so many questions on."""
        self.answers = True
        """It answers questions, from `doc`."""
        self.here = False
        self._asked = 0
        self._world = world
        self._role = role
        self._near: Near
        self._link: Link
        self._head = b""
        self._script: Iterator[float]

    # ---- coming and going

    def come(self, script: Script, *, yjs: bool = False, before: bool = False) -> None:
        """Connects, and follows the script when it is open; `before`: at once, whatever comes of it."""
        network = self._world.network
        target = f"/ws/{quote(self.room)}?token={quote(self.token())}" if yjs else "/hocuspocus"
        self._head = b"" if yjs else varint.write_bytes(self.room.encode())
        self._near = network.connect(f"10.0.8.{self.rnd.randrange(1, 250)}", target, {}, self)
        self._link = network.links[-1]
        self._link.conditions = _Line()
        self._script = script(self)
        if before:
            self._go_on()

    def stall(self, seconds: float) -> None:
        """Reads nothing for so long."""
        self._link.conditions.stalled = True
        self._world.timeline.later(seconds, self._link.mend)

    def then(self, call: Callable[[], None]) -> None:
        """Calls at the moment at which what was just said arrives, right after it."""
        now, timeline = self._world.timeline.now(), self._world.timeline
        # In the arithmetic of a pipe: to the last bit the same moment.
        timeline.later(now + self._link.conditions.latency - now, call)

    def _go_on(self) -> None:
        pause = next(self._script, None)
        if pause is not None:
            self._world.timeline.later(pause, self._go_on)
        elif self.rnd.random() < 0.5:
            self._near.close()
        else:
            self._near.abort()

    # ---- what it says

    def token(self, *, seconds: float = 3600.0, user: str = "", role: str = "") -> str:
        """Of its own, or somebody else's."""
        now = self._world.clock.time()
        claims = {
            "sub": user or self.user,
            "rooms": {self.room: role or self._role},
            "iat": int(now),
            "exp": now + seconds,
        }
        return mint(KEY, claims)

    def say(self, *bodies: bytes, address: str | None = None) -> None:
        """Messages about its room, or under another address; all at once."""
        head = self._head if address is None else varint.write_bytes(address.encode())
        self.raw(*[head + body for body in bodies])

    def raw(self, *payloads: bytes) -> None:
        """Messages as they are."""
        self._near.send_raw(b"".join([masked(BINARY, payload) for payload in payloads]))

    def frames(self, data: bytes) -> None:
        """Bytes, framed or not."""
        self._near.send_raw(data)

    def enter(self, token: str | None = None, known: bytes = NOTHING) -> None:
        """Asks to be let in, and for what there is beyond what it knows."""
        self.say(auth(self.token() if token is None else token), ask(known))

    # ---- what it hears

    def opened(self) -> None:
        self.here = True
        if not self._head:
            self.say(ask(NOTHING))
        self._go_on()

    def received(self, payload: bytes) -> None:
        at = len(self._head)
        if not payload.startswith(self._head) or payload[at : at + 1] != bytes((Kind.SYNC,)):
            return
        step, data = payload[at + 1], varint.read_bytes(payload, at + 2)[0]
        if step == STEP1:
            self._asked += 1
            if self.answers:
                self.say(tell(STEP2, self.doc.get_update(data)))
        elif self._asked >= self.learns_from:
            self.doc.apply_update(data)

    def ended(self, code: int, reason: str) -> None:
        self.here = False
        self._script = iter(())


# ---- bodies of messages, after the address


def auth(token: str, version: str = "4.8.0") -> bytes:
    """Who somebody is."""
    body = varint.write_bytes(token.encode()) + (varint.write_bytes(version.encode()) if version else b"")
    return bytes((Kind.AUTH, 0)) + body


def ask(state_vector: bytes) -> bytes:
    """What is there beyond this?"""
    return tell(STEP1, state_vector)


def tell(step: int, data: bytes) -> bytes:
    """A sync message."""
    return bytes((Kind.SYNC, step)) + varint.write_bytes(data)


def presence(client: int, clock: int, state: str) -> bytes:
    """One entry."""
    entry = varint.write(1) + varint.write(client) + varint.write(clock) + varint.write_bytes(state.encode())
    return bytes((Kind.AWARENESS,)) + varint.write_bytes(entry)


# ---- updates


def empty(client: int) -> bytes:
    """The update of an id without content."""
    return b"\1\1" + varint.write(client) + b"\0\0\1\0"


def typed(doc: Doc[Any], texts: list[str]) -> list[bytes]:
    """The updates of somebody who types these at the end, one after the other."""
    text: Text = doc.get(CONTENT, type=Text)
    return _observed(doc, [lambda piece=piece: text.insert(len(text), piece) for piece in texts])  # type: ignore[misc]


def scattered(doc: Doc[Any], count: int, root: str = "list", value: str = "x") -> bytes:
    """One update of so many structs, of 15 bytes or so and the value each: a map in an array.

    In an array alone they would all be concurrent to those of others, and each compared with each."""
    array: Array[Any] = doc.get(root, type=Array)
    return _observed(doc, [lambda: array.append(Map({f"k{n}": value for n in range(count)}))])[0]


def commented(doc: Doc[Any], texts: list[str]) -> list[bytes]:
    """The updates of somebody who comments."""
    array: Array[Any] = doc.get(COMMENTS, type=Array)
    return _observed(doc, [lambda piece=piece: array.append(piece) for piece in texts])  # type: ignore[misc]


def _observed(doc: Doc[Any], changes: list[Callable[[], object]]) -> list[bytes]:
    found: list[bytes] = []
    watching = doc.observe(lambda event: found.append(event.update))
    for change in changes:
        change()
    doc.unobserve(watching)
    return found
