"""Recognising what a client repeats.

y-websocket sends back every awareness update that it receives. With n members that is n echoes of every frame, each
with up to n entries: read one by one, 100 entries cost 110 µs; recognised as a whole, 1.5 µs.
"""

from __future__ import annotations

from collections import deque

_FRAMES = 4
"""Frames remembered: at 5 Hz, where echoes are large, 0.8 s of round trip. A later echo is read entry by entry."""


class _Frame:
    __slots__ = ("body", "spans")

    def __init__(self, parts: list[tuple[int, bytes]]) -> None:
        self.body = b"".join([entry for _, entry in parts])
        self.spans: dict[int, tuple[int, int]] = {}
        at = 0
        for member, entry in parts:
            self.spans[member] = (at, at + len(entry))
            at += len(entry)


class SentFrames:
    """The last frames that went to everyone, as (member, its entry's bytes)."""

    __slots__ = ("_frames",)

    def __init__(self) -> None:
        # Bounded; when it is full the oldest goes.
        self._frames: deque[_Frame] = deque(maxlen=_FRAMES)

    def add(self, parts: list[tuple[int, bytes]]) -> None:
        """A frame of these entries has left."""
        self._frames.appendleft(_Frame(parts))

    def repeats(self, payload: bytes, member: int) -> bool:
        """Whether an update is one of these frames without the member's own entry, which its client does not apply.

        False for echoes in another order or of a part: they are judged like anything else.
        """
        at = 1 if payload[:1] < b"\x80" else 2
        for frame in self._frames:
            start, end = frame.spans.get(member, (0, 0))
            if (
                len(payload) - at == len(frame.body) - end + start
                and payload.endswith(frame.body[end:])
                and payload.startswith(frame.body[:start], at)
            ):
                return True
        return False
