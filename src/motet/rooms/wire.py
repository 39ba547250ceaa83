"""What rooms see of a socket. The gateway implements it; tests and the simulator have their own."""

from __future__ import annotations

from typing import Protocol

from motet.errors import MotetError


class Wire(Protocol):
    """An open WebSocket. Every method may be called at any time, after the end too, and none raises."""

    def write(self, frame: bytes) -> None:
        """Sends a whole, pre-built WebSocket frame (or, by calls with nothing between, its parts). Does nothing once
        the wire is closing.

        The transport keeps the object, so it is `bytes`, never a bytearray or memoryview that changes later. Look
        `write` up on the wire for each call: it is replaced when the wire closes.
        The connection's `congested` may be called from inside.
        """
        ...

    def close(self, code: int, reason: str = "") -> None:
        """Sends CLOSE, with as much of the reason as fits into 123 bytes of UTF-8, and waits for the answer before the
        socket is closed (for a few seconds, then the socket is aborted). Only the first call counts."""
        ...

    def signed_in(self) -> None:
        """Somebody has signed in on a connection that was pending: it may send messages of the usual size from here on,
        and is no longer one of those of which the oldest is closed."""
        ...

    def turn_away(self, error: MotetError, key: str) -> None:
        """Refuses the peer: closes with the error's code and message; at once, or held for some seconds when the same
        key (who it is, and what it wants) was refused within the last minute. Nothing more is received, and the
        connection's `closed` is called now."""
        ...

    def abort(self) -> None:
        """Ends the socket without a word; what was not sent is lost."""
        ...

    def buffered(self) -> int:
        """Bytes in the transport's write buffer."""
        ...

    def silence(self, now: float) -> float:
        """Seconds since anything came from the peer, about to the second; `now` is monotonic."""
        ...

    def pause_reading(self) -> None:
        """Leaves what comes in the kernel, until `resume_reading`. The end of the peer goes unnoticed meanwhile."""
        ...

    def resume_reading(self) -> None: ...

    def ping(self) -> None:
        """Sends a WebSocket ping now; the connection's `heard` follows when anything comes back, else the wire ends."""
        ...
