"""People for the model of rooms under changing grants: typists on devices, and the judge who knows what each may do.

A device types pieces, each a marked text in one lane or the delete of somebody's piece, on one Yjs client id, so what
was refused poisons what it types later. What it sends waits in an outbox until the model delivers it.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from rooms_access_harness import Wire, payload_of

from motet.access import Grant
from motet.crdt.replica import read_state_vector
from motet.ids import RoomName
from motet.rooms import Connection
from motet.sync import HOCUSPOCUS, YJS, SyncStep1
from motet.varint import write, write_bytes

LANES = ("content", "comments")
MAY = {
    "viewer": frozenset[str](),
    "commenter": frozenset({"comments"}),
    "editor": frozenset(LANES),
    "admin": frozenset(LANES),
}
"""What the documentation says, by hand: the judge does not ask the server. Who is `none` may not be here."""
MARK = re.compile(rb"<(\d+)>")


class Piece(NamedTuple):
    """A change with a name of its own: "<12>" is in the bytes, or the delete of the ids of piece 12."""

    mark: int
    lane: str
    client: int
    clock: int
    length: int
    struct: bytes
    """Empty for a delete."""
    origin: tuple[int, int] | None


class Frame(NamedTuple):
    """What a device sends, and the pieces in it."""

    payload: bytes
    pieces: tuple[Piece, ...] = ()
    update: bool = False
    """An Update: it may come in another order than it was sent, and its deletes count. Those of an answer that may not
    be made are left out."""


class Judge:
    """Knows every ruling that was made, and what follows."""

    def __init__(self) -> None:
        self.roles: dict[tuple[str, str], str] = {}
        self.users: dict[str, float] = {}
        self.rooms: dict[str, float] = {}
        self.tokens: set[str] = set()

    def role(self, grant: Grant, room: str) -> str:
        """The role, "none" for who may not be in the room. Whether the grant has ended is another question."""
        revoked = max(self.users.get(grant.user, -1.0), self.rooms.get(room, -1.0))
        if grant.token_id in self.tokens or grant.issued <= revoked:
            return "none"
        return self.roles.get((room, grant.user), grant.rooms["**"])

    def may(self, grant: Grant, room: str) -> frozenset[str]:
        """The lanes that may be written."""
        return MAY.get(self.role(grant, room), frozenset())


@dataclass(eq=False)
class Socket:
    """A connection, with a device for each document on it."""

    user: str
    dialect: str
    devices: list[Device] = field(default_factory=list)
    connection: Connection | None = None
    wire: Wire = field(default_factory=Wire)
    seen: int = 0
    """Frames that were read."""


@dataclass(eq=False)
class Device:
    """Someone's replica of one room."""

    socket: Socket
    room: RoomName
    client: int
    clock: int = 0
    typed: list[Piece] = field(default_factory=list)
    deletes: list[Piece] = field(default_factory=list)
    outbox: deque[Frame] = field(default_factory=deque)
    asked: bool = False
    """It has asked to be in the room, and was not refused or expelled since."""
    member: int = 0
    """The member that it is; 0 while it is none."""
    grant: Grant | None = None
    shown: set[str] = field(default_factory=set)
    """Ids of the tokens that it has shown on this socket."""
    held: list[Frame] = field(default_factory=list)
    """What was handed over before the document was open."""
    unsaved: int = 0
    """As a provider counts."""
    heard: set[int] = field(default_factory=set)
    """Marks that it was sent."""
    gone: bool = False
    """It was told that it is not in the room, or said so itself: from here on it hears nothing."""
    warned: float | None = None
    """When the server first looked after the end of its grant."""

    @property
    def address(self) -> str:
        return self.room if self.socket.dialect == "hocuspocus" else ""

    @property
    def pieces(self) -> list[Piece]:
        return [*self.typed, *self.deletes]

    # ---- typing

    def type(self, mark: int, lane: str, after: Piece | None = None, padding: int = 0) -> Piece:
        """Types a piece, after somebody's if that is given, which it then lies beside."""
        text = b"<%d>" % mark + b"." * padding
        origin = (after.client, after.clock + after.length - 1) if after is not None else None
        if origin is not None:
            head = b"\x84" + write(origin[0]) + write(origin[1])
        else:
            head = b"\x04\x01" + write_bytes(lane.encode())
        lane = after.lane if after is not None else lane
        piece = Piece(mark, lane, self.client, self.clock, len(text), head + write_bytes(text), origin)
        self.clock += len(text)
        self.typed.append(piece)
        return piece

    def delete(self, mark: int, target: Piece) -> Piece:
        """Deletes somebody's piece."""
        piece = Piece(mark, target.lane, target.client, target.clock, target.length, b"", None)
        self.deletes.append(piece)
        return piece

    def send(self, *pieces: Piece) -> None:
        """An Update of these, if there is somebody to send it to."""
        if self.asked:
            data = update_of([p for p in pieces if p.struct], [p for p in pieces if not p.struct])
            dialect = HOCUSPOCUS if self.address else YJS
            self.outbox.append(Frame(dialect.update(self.address, data), pieces, update=True))
            self.unsaved += 1

    # ---- reading

    def begin(self, token: str) -> None:
        """The first words of a client in a room."""
        self.outbox.clear()
        self.asked, self.gone = True, False
        if self.address:
            self.outbox.append(Frame(auth(self.address, token)))
        dialect = HOCUSPOCUS if self.address else YJS
        self.outbox.append(Frame(dialect.sync_step1(self.address, b"\0")))
        self.unsaved = 1  # [H8]

    def end(self) -> None:
        """It is not in the room any more, nor on its way."""
        self.outbox.clear()
        self.held.clear()
        self.heard.clear()
        self.asked, self.member = False, 0

    def answer(self, state_vector: bytes) -> None:
        """Sync step 2: what the server lacks, and every delete."""
        known = read_state_vector(state_vector).get(self.client, 0)
        lacking = [piece for piece in self.typed if piece.clock + piece.length > known]
        data = update_of(lacking, self.deletes)
        dialect = HOCUSPOCUS if self.address else YJS
        self.outbox.append(Frame(dialect.sync_step2(self.address, data), (*lacking, *self.deletes)))

    def read(self, frame: bytes) -> None:
        """One message of the server to this device."""
        payload = payload_of(frame)
        self.heard |= marks(frame)
        body = payload[len(write_bytes(self.address.encode())) :] if self.address else payload
        if body[:1] == b"\x08" and self.address:
            self.unsaved -= body[1]
        elif body[:2] == b"\0\0":
            (step1,) = HOCUSPOCUS.decode(payload) if self.address else YJS.decode(payload)
            assert isinstance(step1, SyncStep1)
            self.answer(step1.state_vector)
        elif body[:2] == b"\x02\x01" and self.address and not self.member:
            self.end()


def auth(address: str, token: str) -> bytes:
    """A provider's Auth message, with its version."""
    return write_bytes(address.encode()) + b"\x02\0" + write_bytes(token.encode()) + write_bytes(b"4.8.0")


def update_of(typed: list[Piece], deletes: list[Piece]) -> bytes:
    """A Yjs update of pieces of one client, in the order of their clocks, and deletes."""
    out = b"\0"
    if typed:
        head = write(len(typed)) + write(typed[0].client) + write(typed[0].clock)
        out = b"\1" + head + b"".join(piece.struct for piece in typed)
    by_client: dict[int, set[tuple[int, int]]] = {}
    for piece in deletes:
        by_client.setdefault(piece.client, set()).add((piece.clock, piece.length))
    out += write(len(by_client))
    for client, ranges in by_client.items():
        out += write(client) + write(len(ranges)) + b"".join(write(a) + write(n) for a, n in sorted(ranges))
    return out


def marks(data: bytes) -> set[int]:
    """The marks in any bytes."""
    return {int(mark) for mark in MARK.findall(data)}


def address_of_frame(frame: bytes, hocuspocus: bool) -> str:
    """The document that a frame is about."""
    payload = payload_of(frame)
    return payload[1 : 1 + payload[0]].decode() if hocuspocus else ""
