"""What the gateway gives to the application, and what it wants from it. Nothing here knows of picows or of HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from motet.errors import MotetError
from motet.rooms.wire import Wire

__all__ = ["Accept", "Connection", "Refusal", "Report", "Upgrade", "Wire"]


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A request to open a WebSocket, parsed once. Its head is at most `GatewaySettings.max_head_bytes` long.

    Its `repr` has nothing in which a token can travel, so that none gets into a log by way of a traceback.
    """

    path: str
    """Percent-decoded once, as UTF-8; without the root path."""
    query: Mapping[str, str] = field(repr=False)
    """Of a name given twice, the last."""
    headers: Mapping[str, str] = field(repr=False)
    """By lower-case name; values of a repeated header are joined with ", ", cookies with "; "."""
    address: str
    """The peer's IP address, or "unix"."""
    subprotocols: tuple[str, ...] = field(repr=False)
    """As offered. The gateway answers with the first that is not `bearer.<token>`, or with that where there is no
    other: a browser fails when none of its own comes back."""
    id: str = ""
    """What the connection is called in logs and traces: short, and unique in this process."""


class Connection(Protocol):
    """The application's side of one socket. All calls come from the event loop's thread.

    What `opened`, `received`, `oversized` or `heard` raise closes the wire: a MotetError with its code and message,
    anything else with 1011 after it was logged.
    """

    @property
    def pending(self) -> bool:
        """Whether nobody has signed in on the socket yet. Read once, when the handshake is done; then the connection
        says `Wire.signed_in` when somebody has."""
        ...

    def opened(self, wire: Wire) -> None:
        """The handshake is done. First call, and the only one that may not come: before it there can be `closed`."""
        ...

    def received(self, payload: bytes) -> None:
        """One whole binary message."""
        ...

    def oversized(self, size: int, head: bytes) -> None:
        """A message was longer than `max_message_bytes` (`max_pending_bytes`) and is dropped: at least `size` bytes.

        `head` is its beginning, or empty when even reading it would take too much memory; nothing more can be
        received from this wire then, though it stays open for writing until it is closed.
        """
        ...

    def congested(self) -> None:
        """The write buffer went over its high-water mark. May come from inside `Wire.write`."""
        ...

    def drained(self) -> None:
        """The write buffer is under its low-water mark again."""
        ...

    def heard(self) -> None:
        """Something came from the peer, after a ping of ours."""
        ...

    def closed(self, code: int, clean: bool) -> None:
        """The end, exactly once: the peer's close code, or ours when we closed first; 1005 for a CLOSE without a code,
        1006 for none. `clean`: the peer took part in it."""
        ...


class Refusal(Exception):
    """Raised by `Accept` where HTTP would make the client's retry loop worse: the socket is opened, told, and closed.

    Clients that come back at once with the same key are held before the close (see `holding`).
    """

    def __init__(self, error: MotetError, frames: tuple[bytes, ...] = (), key: str = "") -> None:
        """`error` gives the close code and reason; `frames` are whole WebSocket frames sent before; `key` says who it
        is, in a line for each name: the user, the token, or the address, and the path."""
        super().__init__(str(error))
        self.error = error
        self.frames = frames
        self.key = key


class Report(Protocol):
    """Takes an exception that nobody designed, on the way to a 500 or 1011."""

    def __call__(self, error: Exception, where: str, *, connection: str, event: str) -> None:
        """`event` is what was being done: the path of an upgrade, or the call of a `Connection`."""
        ...


Accept = Callable[[Upgrade], Awaitable[Connection]]
"""Answers an upgrade. It may raise a MotetError, which becomes an HTTP answer before the upgrade, or a Refusal; it is
cancelled when the peer leaves meanwhile, when the server drains, and after `accept_seconds`."""
