"""The client's side of RFC 6455: frames that are masked, and a reader of those that are not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

_FIN, _MASKED = 0x80, 0x80
_MASK = b"\x00\x00\x00\x00"  # as good as any other, and it need not be applied


class Frame(NamedTuple):
    """One frame of the server's, which never fragments."""

    opcode: int
    payload: bytes


def masked(opcode: int, payload: bytes, *, first: bool = True, last: bool = True) -> bytes:
    """A frame of the client's; parts of a fragmented message say which they are."""
    size = len(payload)
    head = bytearray((opcode if first else 0,))
    if last:
        head[0] |= _FIN
    if size < 126:
        head.append(_MASKED | size)
    elif size < 1 << 16:
        head.append(_MASKED | 126)
        head += size.to_bytes(2)
    else:
        head.append(_MASKED | 127)
        head += size.to_bytes(8)
    return bytes(head + _MASK + payload)


class Reader:
    """Takes bytes as they come and gives frames. Raises ValueError for what no server may send."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now."""
        buffer = self._buffer + data if self._buffer else data
        at = 0
        while (found := _frame_at(buffer, at)) is not None:
            frame, at = found
            self._buffer = buffer[at:]  # before it is given: whoever takes it may end the connection
            yield frame
        self._buffer = buffer[at:]

    @property
    def is_between_frames(self) -> bool:
        """Whether nothing of a frame was read yet."""
        return not self._buffer


def _frame_at(buffer: bytes, at: int) -> tuple[Frame, int] | None:
    if len(buffer) - at < 2:
        return None
    first, second = buffer[at], buffer[at + 1]
    if not first & _FIN or first & 0x70 or second & _MASKED:
        raise ValueError(f"not a server's frame: {buffer[at : at + 2].hex()}")
    size, start = second, at + 2
    if second > 125:
        width = 2 if second == 126 else 8
        start += width
        if len(buffer) < start:
            return None
        size = int.from_bytes(buffer[start - width : start])
    if len(buffer) < start + size:
        return None
    return Frame(first & 0x0F, buffer[start : start + size]), start + size
