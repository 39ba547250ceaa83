"""Connections: one per socket, between what a client says and the rooms it is in.

A yjs connection is in the one room that its path names, opened before the upgrade was answered. A hocuspocus connection
names a document in every message; each is opened by its first message, and what comes before it is open waits.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from enum import Enum, auto

from motet.access import Admission, Credentials
from motet.errors import Forbidden, MotetError, OverQuota, ProtocolViolation, Scope, TryLater
from motet.ids import RoomName, is_room_name
from motet.presence import EMPTY
from motet.rooms.hub import Hub
from motet.rooms.limits import KEEP_ALIVE
from motet.rooms.member import Member
from motet.rooms.served import Seat, Served
from motet.rooms.wire import Wire
from motet.sync import (
    HOCUSPOCUS,
    YJS,
    Auth,
    Dialect,
    Leave,
    Message,
    Ping,
    Pong,
    Session,
    Update,
    address_of,
    frame,
    split_address,
)

CHALLENGE = 2.0
"""Seconds in which the owner of a claimed presence entry must show a sign of life [A6]."""


class Connection(ABC):
    """What both dialects have in common: the socket, and seats in rooms."""

    dialect: Dialect

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.counts = hub.counts
        self.seats: dict[str, Seat] = {}
        self.over = False
        self._heard = 0.0

    def opened(self, wire: Wire) -> None:
        """The upgrade is done."""
        self.wire = wire
        self.counts.connections += 1

    def take_seat(self, served: Served, admission: Admission, document: str) -> Seat:
        """Joins the room under the name that the client has for it. Raises TryLater."""
        grant, role = admission
        writes_all = self.hub.access.roles.writes_all(role)
        member = Member(self.hub.member_id(), grant, role, writes_all, self.dialect is HOCUSPOCUS)
        seat = served.join(member, self.dialect, document, self.wire, self)
        self.seats[document] = seat
        return seat

    @abstractmethod
    def received(self, payload: bytes) -> None:
        """One binary message. Raises ProtocolViolation."""

    @abstractmethod
    def oversized(self, size: int, head: bytes) -> None:
        """A message over the largest that is read; `head` is its beginning."""

    def must_be_queried(self, seat: Seat) -> bool:
        """Whether this client repeats its presence only when it is asked."""
        return False

    @abstractmethod
    def dismissed(self, seat: Seat, error: MotetError) -> None:
        """A room sent us away: tell the client, in the way that its dialect understands without looping."""

    def heard(self) -> None:
        """The socket showed a sign of life after a ping."""
        self._heard = self.hub.now()

    def challenged(self, seat: Seat) -> None:
        """Another device claims an entry of ours: ours stays if this socket still answers."""
        asked = self.hub.now()
        self.wire.ping()

        def judge() -> None:
            if not self.over:
                seat.served.challenge_over(seat, answered=self._heard >= asked)

        asyncio.get_running_loop().call_later(CHALLENGE, judge)

    def congested(self) -> None:
        """The write buffer is over its mark: every room on this socket waits for it."""
        for seat in self.seats.values():
            seat.served.congested(seat)

    def drained(self) -> None:
        """The write buffer is low: the rooms go on, one piece at a time."""
        for seat in list(self.seats.values()):
            if self.wire.buffered() > self.hub.settings.high_water_bytes // 4:
                return
            seat.served.drained(seat)
        if not self.over and any(seat.member.behind_since for seat in self.seats.values()):
            # The kernel took all of it at once, so the transport will not call again.
            if self.wire.buffered() <= self.hub.settings.high_water_bytes // 4:
                asyncio.get_running_loop().call_soon(self.drained)

    def closed(self, code: int, clean: bool) -> None:
        """The socket is gone."""
        self.over = True
        for seat in list(self.seats.values()):
            seat.served.leave(seat, clean)
        self.seats.clear()

    def hang_up(self, error: MotetError) -> None:
        """Closes the socket with the error's code and message."""
        self.wire.close(error.code, str(error))


class YjsConnection(Connection):
    """A y-websocket client: one room, its errors told by an auth message and the close code."""

    dialect = YJS

    def __init__(self, hub: Hub, served: Served, admission: Admission, key: str) -> None:
        """`key` says who it is and what it wants, for refusals."""
        super().__init__(hub)
        self._key = key
        self._served = served
        self._admission = admission
        self._seat: Seat | None = None

    def opened(self, wire: Wire) -> None:
        super().opened(wire)
        if self._served.closed:
            # It left memory between the upgrade and now.
            self.hang_up(TryLater("the room was closed just now"))
            return
        try:
            self._seat = self.take_seat(self._served, self._admission, "")
        except MotetError as e:
            self._refused(e)

    def received(self, payload: bytes) -> None:
        """One binary message. Raises ProtocolViolation."""
        counts = self.counts
        counts.messages_in += 1
        counts.bytes_in += len(payload)
        seat = self._seat
        if seat is None:
            return
        data = YJS.small_update(payload)
        if data is not None:
            seat.served.update(seat, data)
            return
        for message in YJS.decode(payload):
            seat.served.receive(seat, message)

    def oversized(self, size: int, head: bytes) -> None:
        """A message over the largest that is read."""
        if self._seat is not None:
            self._seat.served.perform(self._seat.served.room.oversized(self._seat.member, size))

    def dismissed(self, seat: Seat, error: MotetError) -> None:
        """The room sent us away."""
        self._seat = None
        self.seats.clear()
        if error.permanent:
            self._refused(error)
        else:
            self.hang_up(error)

    def _refused(self, error: MotetError) -> None:
        """[G1] Says why, in the two ways there are. Old clients come back at once, whatever the code says."""
        self.wire.write(frame(YJS.denied("", str(error))))
        self.wire.turn_away(error, self._key)


class State(Enum):
    """What a document of a hocuspocus connection is."""

    OPENING = auto()
    OPEN = auto()
    DENIED = auto()


class Document:
    """One document of a hocuspocus connection, under the address that the client wrote."""

    __slots__ = ("auth", "held", "held_bytes", "seat", "state")

    def __init__(self) -> None:
        self.state = State.OPENING
        self.seat: Seat | None = None
        self.auth: Auth | None = None
        self.held: list[Message] = []
        """What came before the document was open; bounded by max_pending_messages and max_pending_bytes, beyond which
        the document is denied."""
        self.held_bytes = 0


class HocuspocusConnection(Connection):
    """A Hocuspocus provider's socket: many documents, each refused or left alone."""

    dialect = HOCUSPOCUS

    def __init__(self, hub: Hub, address: str) -> None:
        super().__init__(hub)
        self._address = address
        self._documents: dict[str, Document] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._session = Session()
        self._keeping_alive: asyncio.TimerHandle | None = None

    def received(self, payload: bytes) -> None:
        """One binary message. Raises ProtocolViolation."""
        counts = self.counts
        counts.messages_in += 1
        counts.bytes_in += len(payload)
        for message in HOCUSPOCUS.decode(payload):
            document = self._documents.get(message.document)
            if document is not None and type(message) is Update:
                seat = document.seat
                if seat is not None:
                    seat.served.receive(seat, message)
                    continue
            self._handle(message, document)

    def _handle(self, message: Message, document: Document | None) -> None:
        if isinstance(message, Ping):
            pong = HOCUSPOCUS.pong(message.document)
            self.wire.write(frame(pong))
        elif isinstance(message, Pong):
            pass
        elif isinstance(message, Leave):
            self._leave(message.document)
        elif document is None or (document.state is State.DENIED and isinstance(message, Auth)):
            if Session.opens(message):
                self._open(message)
        elif document.state is State.OPENING:
            self._hold(document, message)
        elif document.seat is not None:
            self._in_room(document, document.seat, message)

    def _in_room(self, document: Document, seat: Seat, message: Message) -> None:
        if isinstance(message, Auth):
            self._accept(message)
        else:
            seat.served.receive(seat, message)

    def _accept(self, auth: Auth) -> None:
        self._session.admitted(auth)
        seat = self.seats[auth.document]
        self.wire.write(frame(HOCUSPOCUS.authenticated(auth.document, readonly=not seat.member.writes_all)))

    # ---- opening a document

    def _open(self, message: Message) -> None:
        address = message.document
        if address not in self._documents and len(self._documents) >= self.hub.settings.max_rooms_per_connection:
            limit = self.hub.settings.max_rooms_per_connection
            self._deny(address, OverQuota(f"over max_rooms_per_connection = {limit}"), keep=False)
            return
        document = self._documents[address] = Document()
        self._hold(document, message)
        token = message.token if isinstance(message, Auth) else ""
        task = asyncio.create_task(self._join(address, document, token))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def _hold(self, document: Document, message: Message) -> None:
        settings = self.hub.settings
        size = sum(len(part) for part in message)
        document.held_bytes += size
        if len(document.held) >= settings.max_pending_messages or document.held_bytes > settings.max_pending_bytes:
            self._deny(message.document, OverQuota("over max_pending_messages or max_pending_bytes"))
            return
        document.held.append(message)

    async def _join(self, address: str, document: Document, token: str) -> None:
        name = split_address(address)[0]
        try:
            if not is_room_name(name):
                raise Forbidden("a room name is 1-256 bytes of UTF-8 without control characters")
            admission = await self.hub.access.admit(Credentials(token, self._address), RoomName(name))
            served = await self.hub.open(RoomName(name))
            if self.over or self._documents.get(address) is not document or document.state is not State.OPENING:
                return
            document.seat = self.take_seat(served, admission, address)
        except MotetError as e:
            if self._documents.get(address) is document and not self.over:
                self._deny(address, e)
            return
        document.state = State.OPEN
        held, document.held = document.held, []
        for message in held:
            if address not in self.seats:  # dismissed by the message before
                break
            try:
                self._in_room(document, document.seat, message)
            except ProtocolViolation as e:
                self.hang_up(e)
                break

    # ---- leaving

    def _leave(self, address: str) -> None:
        self._documents.pop(address, None)
        self._session.left(address)
        seat = self.seats.pop(address, None)
        if seat is not None:
            seat.served.leave(seat, clean=True)

    def _deny(self, address: str, error: MotetError, keep: bool = True) -> None:
        """[H9] Refusals are the document's; the socket stays, or every provider on it would reconnect in a loop."""
        self.counts.refused += 1
        if keep:
            document = self._documents.setdefault(address, Document())
            document.state, document.seat, document.held = State.DENIED, None, []
            self._keep_alive_later()
        self.wire.write(frame(HOCUSPOCUS.denied(address, str(error))))

    def _keep_alive_later(self) -> None:
        if self._keeping_alive is None and not self.over:
            self._keeping_alive = asyncio.get_running_loop().call_later(KEEP_ALIVE, self._keep_alive)

    def _keep_alive(self) -> None:
        """[R7] No room speaks on a socket whose documents are all denied; a silent one is given up and opened anew."""
        self._keeping_alive = None
        denied = next((a for a, document in self._documents.items() if document.state is State.DENIED), None)
        if denied is not None:
            if not self.seats:
                self.wire.write(frame(HOCUSPOCUS.awareness(denied, EMPTY)))
            self._keep_alive_later()

    def oversized(self, size: int, head: bytes) -> None:
        """A message over the largest that is read costs its document; where that cannot be told, all of them."""
        address = address_of(head)
        seats = [self.seats[address]] if address in self.seats else list(self.seats.values())
        for seat in seats:
            seat.served.perform(seat.served.room.oversized(seat.member, size))

    def must_be_queried(self, seat: Seat) -> bool:
        return self._session.must_be_queried(seat.group.document)

    def dismissed(self, seat: Seat, error: MotetError) -> None:
        """A room sent us away: one document's end, unless the socket itself is the trouble."""
        address = seat.group.document
        self.seats.pop(address, None)
        if error.scope is Scope.CONNECTION and error.code in (1012, 1013):
            self.hang_up(error)
        else:
            self._deny(address, error)

    def closed(self, code: int, clean: bool) -> None:
        super().closed(code, clean)
        if self._keeping_alive is not None:
            self._keeping_alive.cancel()
        for task in self._opening:
            task.cancel()
        self._documents.clear()
