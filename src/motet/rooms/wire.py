"""What rooms see of a socket. The gateway implements it; tests and the simulator have their own."""

from __future__ import annotations

from typing import Protocol


class Wire(Protocol):
    """One open WebSocket."""

    def write(self, frame: bytes) -> None:
        """Sends a whole WebSocket frame. Does nothing once closed; never raises."""
        ...

    def close(self, code: int, reason: str = "") -> None:
        """Starts the closing handshake; may be called again."""
        ...

    def buffered(self) -> int:
        """Bytes written that the peer has not taken yet."""
        ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def ping(self) -> None:
        """Sends a WebSocket ping; the connection's `heard` is called when anything comes back."""
        ...
