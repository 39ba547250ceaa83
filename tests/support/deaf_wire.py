"""A socket that nobody is at: what a room or a connection sees of one."""

from __future__ import annotations

from motet.errors import MotetError


class DeafWire:
    """Notes how it was closed, and whether it is read. What is written is for whoever inherits it."""

    def __init__(self) -> None:
        self.closed: tuple[int, str] | None = None
        self.reading = True
        self.size = 0
        """Bytes that wait in it."""

    def close(self, code: int, reason: str = "") -> None:
        self.closed = self.closed or (code, reason)

    def turn_away(self, error: MotetError, key: str) -> None:
        self.close(error.code, str(error))

    def abort(self) -> None:
        self.close(1006)

    def buffered(self) -> int:
        return self.size

    def silence(self, now: float) -> float:
        return 0.0

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    def ping(self) -> None: ...

    def signed_in(self) -> None: ...
