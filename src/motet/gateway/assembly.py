"""Puts messages together from their frames (RFC 6455, section 5.4). Pure."""

from __future__ import annotations

from dataclasses import dataclass

HEAD = 1024
"""Bytes of a message that is too long which are kept for whoever must say what it was: Hocuspocus puts the document's
name, at most 256 bytes, and a session id in front."""


class FragmentError(Exception):
    """A continuation of nothing, or a new message inside another."""


@dataclass(frozen=True, slots=True)
class TooLong:
    """A message that went over the limit and was dropped."""

    size: int
    """Bytes so far."""
    head: bytes


class Assembly:
    """At most one message under way. It holds at most `limit` bytes and what a bytearray allocates beyond that."""

    __slots__ = ("_bound", "_message", "_size", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        """Of the messages that begin from now on; the one under way keeps the limit that it began with."""
        self._bound = limit
        self._message: bytearray | None = None
        self._size = 0

    @property
    def empty(self) -> bool:
        """Whether no message is under way."""
        return self._message is None

    def add(
        self, payload: bytes | memoryview, *, first: bool, last: bool, size: int | None = None
    ) -> bytes | TooLong | None:
        """Takes a frame; the whole message at its end, TooLong once where the limit is crossed, else None.

        `size` is the payload's when only its beginning is at hand; then it is over the limit by itself.
        Raises FragmentError where the frame fits nowhere.
        """
        if first is not self.empty:
            raise FragmentError("a message began inside another" if first else "a continuation of no message")
        size = len(payload) if size is None else size
        if first and last and size <= self.limit:
            return bytes(payload)
        if self._message is None:
            self._message, self._bound = bytearray(), self.limit
        message = self._message
        before, self._size = self._size, self._size + size
        answer: bytes | TooLong | None = None
        if self._size <= self._bound:
            message += payload
            answer = bytes(message) if last else None
        elif before <= self._bound:
            answer = TooLong(self._size, bytes(message[:HEAD]) + bytes(payload[: max(0, HEAD - len(message))]))
            message.clear()
        if last:
            self._message, self._size = None, 0
        return answer
