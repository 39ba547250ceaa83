"""What the parts of a simulation know of each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol


class Timer(Protocol):
    """Something that will be called."""

    def cancel(self) -> None:
        """It will not. May be called at any time."""
        ...


class Timers(Protocol):
    """Virtual time."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Calls once, after so many seconds."""
        ...


class Endpoint(Protocol):
    """A client, as its socket sees it. Nothing is called after `ended`."""

    def opened(self) -> None:
        """The WebSocket is open."""
        ...

    def received(self, payload: bytes) -> None:
        """One whole binary message."""
        ...

    def ended(self, code: int, reason: str) -> None:
        """As a browser's close event: the code of the peer's CLOSE frame; 1006 when there was none, as after a refusal
        over HTTP, before which `opened` was never called."""
        ...


class Socket(Protocol):
    """The client's side of a WebSocket, from the attempt on. Every method may be called at any time."""

    @property
    def status(self) -> int:
        """The status of the HTTP answer; 0 until there is one."""
        ...

    def send(self, payload: bytes) -> None:
        """One binary message. Does nothing before it is open and once it is closing."""
        ...

    def close(self, code: int = 1000) -> None:
        """Sends CLOSE; `ended` follows when it is answered, or after a while."""
        ...

    def abort(self) -> None:
        """The network is gone: nothing is sent any more, and `ended` is not called."""
        ...


class Internet(Protocol):
    """Where the server is."""

    def connect(self, address: str, target: str, headers: Mapping[str, str], endpoint: Endpoint) -> Socket:
        """Tries to open a WebSocket, from an IP address, at a target as it stands in the request line."""
        ...
