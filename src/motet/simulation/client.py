"""What the models of both kinds of client have in common: one page, from its opening to its end.

A model does what a server can see of the real one: what it says first, what it answers, when it gives up, and how often
it comes back. Callbacks only: the socket calls it, timers call it, and whoever plays the user.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

from motet.simulation.client_awareness import Awareness, State
from motet.simulation.device import Device, Edit
from motet.simulation.ports import Internet, Socket, Timers

SILENCE_SECONDS: Final = 30.0
"""A socket without a message for so long is given up by every client."""
CHECK_SECONDS: Final = SILENCE_SECONDS / 10
"""How often they look."""

ABNORMAL: Final = 1006
GOING_AWAY: Final = 1001
"""What a browser closes a page's sockets with."""


class NotUnderstood(Exception):
    """The real client would have thrown or complained, or the message is about a document that it never named.

    A server that is right never causes it."""


class Notices(Protocol):
    """What a judge is told of what a client was told."""

    def attempted(self, client: Client, address: str, target: str) -> None:
        """It tries to connect."""
        ...

    def refused(self, client: Client, room: str, code: int, reason: str) -> None:
        """It may not: by a message that says so (code 0), or by the HTTP status `code` before the WebSocket opened."""
        ...

    def edited(self, device: Device, edit: Edit) -> None:
        """The user did something. It is sent next, if there is a connection."""
        ...

    def saved(self, device: Device, edits: Sequence[Edit]) -> None:
        """Its user sees that nothing is unsaved, and so believes that these edits are safe. Hocuspocus only."""
        ...

    def heard(self, device: Device, payload: bytes, update: bytes | None) -> None:
        """A message about this document came, with changes or without; they are not applied yet."""
        ...

    def closed(self, client: Client, code: int, reason: str) -> None:
        """A connection, or an attempt, ended and the client was told."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the models act on and talk to."""

    internet: Internet
    timers: Timers
    notices: Notices


@dataclass(frozen=True, slots=True)
class Owner:
    """Who sits before the page: the user's id, the IP address, and the application's token function.

    The token is asked for at each connection and at each request for one; "" is none.
    """

    user: str
    address: str
    token: Callable[[], str]
    headers: Mapping[str, str]
    """Of the upgrade request; a browser's `origin`, for one."""


class Provider:
    """One document of a client, and what its user is shown of the server's word about it."""

    def __init__(self, client: Client, device: Device) -> None:
        self.client = client
        self.device = device
        self.synced = False
        self.unsynced = 0
        """Hocuspocus: how many statuses are to come."""
        self.not_saved = 0
        """Statuses that said that something was not saved."""
        self.denied_reason: str | None = None
        """Why it was refused, when it was, since it last asked."""
        self.awareness = Awareness(device.client, client.timers, self.awareness_changed)
        device.on_edit = self._edited

    def _edited(self, edit: Edit, update: bytes) -> None:
        self.client.notices.edited(self.device, edit)
        self.updated(edit, update)

    def awareness_changed(self, clients: list[int], *, by_provider: bool) -> None:
        """Something to be sent."""
        raise NotImplementedError

    def updated(self, edit: Edit, update: bytes) -> None:
        """An edit to be sent."""
        raise NotImplementedError

    def denied(self, reason: str) -> None:
        """The server says no."""
        self.denied_reason = reason
        self.client.notices.refused(self.client, self.device.room, 0, reason)


class Line:
    """One WebSocket of a client, from the attempt on. The client forgets it when it closes it for good."""

    def __init__(self, client: Client) -> None:
        self._client: Client | None = client
        self._socket: Socket | None = None
        self.open = False
        """It can be sent on. Not any more once the client has closed it; then nothing is received either."""

    def dial(self, internet: Internet, address: str, target: str, headers: Mapping[str, str]) -> None:
        """Tries to connect."""
        self._socket = internet.connect(address, target, headers, self)

    def opened(self) -> None:
        if self._client is not None:
            self.open = True
            self._client.line_opened()

    def received(self, payload: bytes) -> None:
        if self._client is not None and self.open:
            self._client.line_received(payload)

    def ended(self, code: int, reason: str) -> None:
        client, self._client, self.open = self._client, None, False
        if client is not None:
            client.line_ended(code, reason, self._socket.status if self._socket is not None else 0)

    def send(self, payload: bytes) -> None:
        if self.open and self._socket is not None:
            self._socket.send(payload)

    def close(self, code: int = 1000) -> None:
        """Asks for the end, and is told when it has come."""
        self.open = False
        if self._socket is not None:
            self._socket.close(code)

    def forget(self, code: int = 1000) -> None:
        """Closes, and does not care what comes of it."""
        self._client = None
        self.close(code)

    def abort(self) -> None:
        """The network is gone: it is over at once, and nobody is told."""
        self._client, self.open = None, False
        if self._socket is not None:
            self._socket.abort()


class Client(ABC):
    """A page with its documents and one socket. It is opened once and closed once; the devices outlive it."""

    providers: Sequence[Provider]

    def __init__(self, owner: Owner, surroundings: Surroundings, rnd: Random) -> None:
        self.owner = owner
        self.timers = surroundings.timers
        self.notices = surroundings.notices
        self.connected = False
        """It shows itself connected."""
        self._internet = surroundings.internet
        self._rnd = rnd
        self._line: Line | None = None
        self._reachable = True
        self._dials_later = False
        self._over = False

    @property
    def devices(self) -> list[Device]:
        """Its documents."""
        return [provider.device for provider in self.providers]

    @property
    def synced(self) -> bool:
        """It shows every document as synced."""
        return all(provider.synced for provider in self.providers)

    # ---- the user

    @abstractmethod
    def start(self) -> None:
        """The page is opened; it connects."""

    @abstractmethod
    def stop(self) -> None:
        """The application destroys its provider: a clean goodbye."""

    @abstractmethod
    def close_page(self) -> None:
        """The tab is closed or loaded anew: what the browser lets it say in that moment, and CLOSE with 1001."""

    def edit(self, device: Device, lane: str | None = None) -> Edit | None:
        """The user does something to a document, connected or not; None if it came to nothing."""
        return device.edit(lane)

    def set_presence(self, device: Device, state: State | None) -> None:
        """Shows the user so; None: does not show them."""
        for provider in self.providers:
            if provider.device is device:
                provider.awareness.set_local(state)

    def offline(self) -> None:
        """The network is lost and the page knows: the socket is gone, and attempts wait until it is back."""
        self._reachable = False
        line = self._line
        if line is not None:
            line.abort()
            self.line_ended(ABNORMAL, "", 0)

    def online(self) -> None:
        """The network is back."""
        self._reachable = True
        if self._dials_later and not self._over:
            self._dial()

    # ---- the line

    @abstractmethod
    def target(self) -> str:
        """Where its WebSocket is, as it stands in the request line."""

    @abstractmethod
    def line_opened(self) -> None:
        """The socket is open."""

    @abstractmethod
    def line_received(self, payload: bytes) -> None:
        """A message."""

    def line_ended(self, code: int, reason: str, status: int) -> None:
        """The socket is closed. `status` is that of the HTTP answer, 0 if there was none."""
        self._line = None
        self.notices.closed(self, code, reason)
        if status >= 400:
            for provider in self.providers:
                self.notices.refused(self, provider.device.room, status, reason)
        self.on_closed(code)

    @abstractmethod
    def on_closed(self, code: int) -> None:
        """What the provider does about it."""

    def _dial(self) -> None:
        self._dials_later = not self._reachable
        if self._dials_later:
            return
        address, target = self.owner.address, self.target()
        self.notices.attempted(self, address, target)
        self._line = Line(self)
        self._line.dial(self._internet, address, target, self.owner.headers)

    def _every(self, seconds: float, call: Callable[[], None]) -> None:
        """Calls again and again, until the page is closed."""

        def again() -> None:
            if not self._over:
                self._every(seconds, call)
                call()

        self.timers.later(seconds, again)

    def _end(self) -> None:
        """Nothing is sent or tried any more."""
        self._over = True
        self.connected = False
        for provider in self.providers:
            provider.synced = False
            provider.device.on_edit = None
