"""A Hocuspocus provider's connection: each document is opened by its first message, and what comes before waits."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from enum import Enum, auto

from motet.access import Credentials, Grant
from motet.errors import (
    Forbidden,
    MotetError,
    NotAuthenticated,
    OverQuota,
    ProtocolViolation,
    Scope,
    TryLater,
    Unavailable,
)
from motet.ids import RoomName, is_room_name
from motet.presence import EMPTY
from motet.rooms.connection import Connection
from motet.rooms.hub import Hub
from motet.rooms.limits import KEEP_ALIVE
from motet.rooms.seat import Seat
from motet.rooms.wire import Wire
from motet.sync import HOCUSPOCUS, Auth, Leave, Message, Ping, Pong, Session, Update, address_of, frame, split_address

NO_ROOM_NAME = "a room name is 1-256 bytes of UTF-8 without control characters"

MAX_ADDRESS = 1024
"""Characters of a room's name and a session. Who writes a longer one is refused, and it is not remembered."""

FRESH_TOKEN = 10.0
"""Seconds in which a document whose grant has expired must show a fresh token [X6]."""

INTERNAL_ERROR = 1011
"""Close code (RFC 6455)."""

ASK_AGAIN = 5.0
"""Seconds until it is asked again who somebody is, where that could not be known [X64]."""


class State(Enum):
    """What a document of a hocuspocus connection is."""

    OPENING = auto()
    OPEN = auto()
    DENIED = auto()


class Document:
    """One document of a hocuspocus connection, under the address that the client wrote."""

    __slots__ = ("expired", "held", "held_bytes", "renewal", "renewing", "seat", "state", "token")

    def __init__(self, token: str) -> None:
        self.state = State.OPENING
        self.seat: Seat | None = None
        self.token = token
        """The newest that was accepted, or is being asked about."""
        self.renewing = False
        """A fresh token is being asked about."""
        self.renewal: Auth | None = None
        """The newest token that came meanwhile; those between are passed over."""
        self.expired = 0.0
        """When its grant ended and a fresh token was asked for (seconds); 0.0 while it holds."""
        self.held: list[Message] = []
        """What came before the document was open; bounded by max_pending_messages and max_pending_bytes, beyond which
        the document is denied."""
        self.held_bytes = 0


class HocuspocusConnection(Connection):
    """A Hocuspocus provider's socket: many documents, each refused or left alone."""

    dialect = HOCUSPOCUS

    def __init__(self, hub: Hub, credentials: Credentials, id: str = "") -> None:
        """`credentials` are those of the upgrade: their token is used for documents that show none."""
        super().__init__(hub, credentials.address, id)
        self._credentials = credentials
        self._traceparent = credentials.headers.get("traceparent")
        self._pending_bytes = 0
        self._documents: dict[str, Document] = {}
        self._opening: dict[asyncio.Task[None], None] = {}
        self._session = Session()
        self._keeping_alive: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None  # while the peer does not read what it made us say

    def opened(self, wire: Wire) -> None:
        super().opened(wire)
        self._deadline = asyncio.get_running_loop().call_later(self.hub.settings.pending_seconds, self._too_late)

    def _too_late(self) -> None:
        """[X9] Who has named no room by now is nobody's provider. Documents that were denied keep the socket [H9]."""
        if not self._documents and self.pending:
            error = NotAuthenticated("nobody has signed in (pending_seconds)")
            self.refused("", error)
            self.hang_up(error)

    def received(self, payload: bytes) -> None:
        """One binary message. Raises ProtocolViolation."""
        counts = self.counts
        counts.messages_in += 1
        counts.bytes_in += len(payload)
        meter = self.meter
        meter.frames_left -= 1
        meter.bytes_left -= len(payload)
        if meter.frames_left < 0 or meter.bytes_left < 0:
            self.slow_down(meter.settle(self.hub.now()))
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
            self._say(HOCUSPOCUS.pong(message.document))
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

    def _say(self, answer: bytes) -> None:
        """[X78] What no room says, at the peer's asking. Who does not read it is not read."""
        self.wire.write(frame(answer))
        if self._unread is None and self.wire.buffered() > self.hub.settings.high_water_bytes:
            self.pause()
            self._wait_for_reader()

    def _wait_for_reader(self) -> None:
        seconds, left = self.hub.settings.behind_seconds, self.wire.buffered()
        self._unread = asyncio.get_running_loop().call_later(seconds, self._look_for_reader, left)

    def _look_for_reader(self, left: int) -> None:
        """Of a socket that is not read nobody else can tell that its peer is gone: pings are not answered either."""
        if self.wire.buffered() < left:
            self._wait_for_reader()
        else:
            self.hang_up(TryLater("too slow to follow (behind_seconds)"))

    def drained(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
            self.resume()
        super().drained()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._opening[task] = None
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._opening[task]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.hub.errors.report(error, "connection", connection=self.id, event="join")
            self.wire.close(INTERNAL_ERROR, "internal error")

    def _in_room(self, document: Document, seat: Seat, message: Message) -> None:
        if not isinstance(message, Auth):
            self.take(seat, message)
        elif message.token == document.token and not document.expired:
            self._accept(message, seat)
        elif document.renewing:
            document.renewal = message
        else:
            document.renewing = True
            self._start(self._renew(message, document, seat))

    def _accept(self, auth: Auth, seat: Seat) -> None:
        self._session.admitted(auth)
        self.role_changed(seat)

    def role_changed(self, seat: Seat) -> None:
        """Tells the provider its scope: it may write something, or it may not."""
        readonly = not seat.served.room.permit.may_write(seat.member)
        self._say(HOCUSPOCUS.authenticated(seat.group.document, readonly=readonly))

    # ---- a fresh token

    def expired(self, seat: Seat) -> None:
        """[X6] Asks for a fresh token, and after a while denies the document, alone."""
        address = seat.group.document
        document, now = self._documents[address], self.hub.now()
        if not document.expired:
            document.expired = now
            self._say(HOCUSPOCUS.token_request(address))
        elif now - document.expired >= FRESH_TOKEN:
            super().expired(seat)

    async def _renew(self, auth: Auth, document: Document, seat: Seat) -> None:
        """[X7] A token for a document that is open: it holds from now on, or the document is denied."""
        room = seat.served.name
        try:
            access = self.hub.access
            grant = await access.identify(self._credentials_of(auth.token), room)
            if self._sits(seat):
                seat.served.renew(seat, grant, access.role(grant, room))
                document.token, document.expired = auth.token, 0.0
                self._accept(auth, seat)
        except Unavailable as e:
            # It cannot be known now: what was granted before holds until it ends.
            self.refused(room, e, seat.member.grant.user)
        except MotetError as e:
            # The token that has just ended says nothing new: there is still time for a fresh one.
            if self._sits(seat) and not (document.expired and auth.token == document.token):
                seat.served.expel(seat, e)
        finally:
            document.renewing = False
        newer, document.renewal = document.renewal, None
        if newer is not None and self._sits(seat):
            self._in_room(document, seat, newer)

    def _sits(self, seat: Seat) -> bool:
        """Whether it was neither left nor lost while something was asked."""
        return self.seats.get(seat.group.document) is seat

    def _credentials_of(self, token: str) -> Credentials:
        return replace(self._credentials, token=token) if token else self._credentials

    # ---- opening a document

    def _open(self, message: Message) -> None:
        address = message.document
        if len(address) > MAX_ADDRESS:
            self._deny(address, Forbidden(NO_ROOM_NAME), keep=False)
            return
        limit = self.hub.settings.max_rooms_per_connection
        too_many = address not in self._documents and len(self._documents) >= limit
        if too_many or len(self._opening) >= limit:  # also for documents that were left meanwhile
            self._deny(address, OverQuota(f"over max_rooms_per_connection = {limit}"), keep=False)
            return
        document = self._documents[address] = Document(message.token if isinstance(message, Auth) else "")
        self._hold(document, message)
        if document.state is State.OPENING:
            self._start(self._join(address, document))

    def _hold(self, document: Document, message: Message) -> None:
        settings = self.hub.settings
        size = sum(len(part) for part in message)
        document.held_bytes += size
        held = document.held_bytes
        if self.pending:  # a stranger has as much in all as others have for each document
            self._pending_bytes += size
            held = self._pending_bytes
        if len(document.held) >= settings.max_pending_messages or held > settings.max_pending_bytes:
            self._deny(message.document, OverQuota("over max_pending_messages or max_pending_bytes"))
            return
        document.held.append(message)

    async def _join(self, address: str, document: Document) -> None:
        began, name = self.hub.now(), split_address(address)[0]
        user = ""
        try:
            if not is_room_name(name):
                raise Forbidden(NO_ROOM_NAME)
            with self.hub.join_trace(RoomName(name), self.dialect.name, self.id, self._traceparent) as trace:
                trace.part("identify")
                grant = await self._identify(address, document, RoomName(name))
                user = grant.user
                trace.tell(user=user)
                trace.part("open")
                self.hub.access.role(grant, RoomName(name))  # before it is loaded for somebody who may not read it
                await self.hub.join_in_line(user, self.address, RoomName(name))
                served = await self.hub.open(RoomName(name))
                if not self._is_opening(address, document):
                    trace.end("it left")
                    return
                trace.part("seat")
                document.seat = self.take_seat(served, grant, address, began)
                trace.end()
        except MotetError as e:
            if self._is_opening(address, document):
                self._deny(address, e, user=user)
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

    def _is_opening(self, address: str, document: Document) -> bool:
        return not self.over and self._documents.get(address) is document and document.state is State.OPENING

    async def _identify(self, address: str, document: Document, room: RoomName) -> Grant:
        """[X64] Whose document it is. Where that cannot be known now the document waits, and it is asked again: a
        provider that is told of a refusal does not come back by itself, and one whose socket is closed loops."""
        waits = False
        while True:
            try:
                return await self.hub.access.identify(self._credentials_of(document.token), room)
            except Unavailable as e:
                if not waits:
                    waits = True
                    self.refused(room, e)
                    self._keep_alive_later()
                await asyncio.sleep(ASK_AGAIN)
                if not self._is_opening(address, document):
                    raise

    # ---- leaving

    def _leave(self, address: str) -> None:
        self._documents.pop(address, None)
        self._session.left(address)
        seat = self.give_up_seat(address)
        if seat is not None:
            seat.served.leave(seat, clean=True)

    def _deny(self, address: str, error: MotetError, user: str = "", keep: bool = True) -> None:
        """[H9] Refusals are the document's; the socket stays, or every provider on it would reconnect in a loop."""
        self.refused(split_address(address)[0], error, user)
        self._mark_denied(address, error, keep)

    def _mark_denied(self, address: str, error: MotetError, keep: bool = True) -> None:
        if keep:
            document = self._documents.setdefault(address, Document(""))
            document.state, document.seat, document.held = State.DENIED, None, []
            document.token, document.expired = "", 0.0
            self._keep_alive_later()
        self._say(HOCUSPOCUS.denied(address, str(error)))

    def _keep_alive_later(self) -> None:
        if self._keeping_alive is None and not self.over:
            self._keeping_alive = asyncio.get_running_loop().call_later(KEEP_ALIVE, self._keep_alive)

    def _keep_alive(self) -> None:
        """[R7] No room speaks on a socket whose documents are all denied, or wait; a silent one is given up and opened
        anew."""
        self._keeping_alive = None
        outside = next((a for a, document in self._documents.items() if document.state is not State.OPEN), None)
        if outside is not None:
            if not self.seats:
                self._say(HOCUSPOCUS.awareness(outside, EMPTY))
            self._keep_alive_later()

    def oversized(self, size: int, head: bytes) -> None:
        """A message over the largest that is read costs its document; where that cannot be told, all of them."""
        if not head and not self.seats:
            # It went so far over the limit that nothing after it is read either, and no room is there to say so.
            self.hang_up(OverQuota(f"a message of {size} bytes"))
            return
        address = address_of(head)
        if address is not None and len(address) <= MAX_ADDRESS and not self.seats:
            # [R8] No room is there to say so, and a provider that hears nothing waits for ever.
            keep = address in self._documents or len(self._documents) < self.hub.settings.max_rooms_per_connection
            self._deny(address, OverQuota(f"a message of {size} bytes is over max_pending_bytes"), keep=keep)
            return
        seats = [self.seats[address]] if address in self.seats else list(self.seats.values())
        for seat in seats:
            seat.served.perform(seat.served.room.oversized(seat.member, size))

    def must_be_queried(self, seat: Seat) -> bool:
        return self._session.must_be_queried(seat.group.document)

    def dismissed(self, seat: Seat, error: MotetError) -> None:
        """A room sent us away: one document's end, unless the socket itself is the trouble, or has no other: it is
        opened again, and a document is not."""
        address = seat.group.document
        self.give_up_seat(address)
        is_of_socket = error.scope is Scope.CONNECTION or len(self._documents) == 1
        if is_of_socket and error.code in (1012, 1013):
            self.hang_up(error)
        else:
            self._mark_denied(address, error)

    def closed(self, code: int, clean: bool) -> None:
        super().closed(code, clean)
        for timer in (self._keeping_alive, self._deadline, self._unread):
            if timer is not None:
                timer.cancel()
        for task in self._opening:
            task.cancel()
        self._documents.clear()
