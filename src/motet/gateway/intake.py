"""What reads the socket of a wire: a parser, a guard for it, or nobody."""

from __future__ import annotations

import asyncio
from typing import NamedTuple, Protocol

from picows import WSMsgType

from motet.gateway.assembly import HEAD
from motet.gateway.parser import Owner, new_parser, unused

_LONGEST_HEAD = 14
"""Bytes of a frame before its payload."""


class FrameHead(NamedTuple):
    """A frame of which the beginning was read."""

    kind: WSMsgType
    """No control frame's."""
    final: bool
    reserved: bool
    """Whether a reserved bit is set."""
    size: int
    """Bytes of payload."""
    beginning: bytes
    """Of the payload."""
    missing: int
    """Bytes that are still to come."""


class IntakeOwner(Owner, Protocol):
    """Who owns the socket."""

    def too_long(self, frame: FrameHead) -> None:
        """More than a guard allows lies in the read buffer of a frame that is under way."""
        ...


class Intake:
    """Which protocol a transport has, and the exchange of one for another.

    It keeps no reference to whoever owns it, so that nothing is left to the garbage collector when a socket ends.
    """

    __slots__ = ("_deaf", "_guard", "_limit", "_max_frame_bytes", "_parser", "_transport", "_unused")

    def __init__(self, transport: asyncio.Transport, max_frame_bytes: int, guard_bytes: int | None) -> None:
        """`guard_bytes` is what may lie in the read buffer of a message under way; None: a frame is all the limit."""
        self._transport = transport
        self._max_frame_bytes = max_frame_bytes
        self._limit = guard_bytes
        self._parser: asyncio.BufferedProtocol | None = None
        self._guard: Guard | None = None
        self._deaf = False
        self._unused = 0  # bytes free in the read buffer at the last look

    @property
    def parses(self) -> bool:
        """Whether frames are read, or will be after one that is skipped."""
        return not self._deaf

    @property
    def guarded(self) -> bool:
        """Whether a guard wants to know of every frame."""
        return self._guard is not None

    @property
    def unused(self) -> int:
        """Bytes free in the read buffer."""
        return 0 if self._parser is None else unused(self._parser)

    def begin(self, owner: IntakeOwner) -> None:
        """Reads frames with a new parser. Not in the middle of one: what lies in the old one's buffer is lost."""
        self._parser = new_parser(owner, self._max_frame_bytes)
        self._guard = None if self._limit is None else Guard(self._parser, owner, self._limit)
        self._transport.set_protocol(self._guard or self._parser)

    def took_frame(self, rest: int) -> None:
        """A frame was read, and so many bytes lie behind it in the buffer."""
        if self._guard is not None:
            self._guard.took_frame(rest)

    def unguard(self) -> None:
        """The parser reads on by itself, from wherever it is in a frame."""
        self._limit = None
        self._dismiss_guard()
        if self._parser is not None:
            self._transport.set_protocol(self._parser)

    def skip(self, owner: IntakeOwner, size: int) -> None:
        """Drops what was read of a frame, and its `size` bytes that are still to come; then reads on as before."""
        self._parser = None
        self._dismiss_guard()
        self._transport.set_protocol(Skip(self, owner, size))

    def stop(self, owner: Owner) -> None:
        """What still comes is read to its end and dropped; what was read is given back."""
        self.end()
        self._transport.set_protocol(Deaf(owner))

    def end(self) -> None:
        """The socket has ended."""
        self._deaf = True
        self._parser = None
        self._dismiss_guard()

    def _dismiss_guard(self) -> None:
        if self._guard is not None:
            self._guard.dismissed = True
            self._guard = None

    def progress(self) -> bool:
        """Whether part of a frame came in since the last look: on a slow line that is all a large one shows."""
        before, self._unused = self._unused, self.unused
        return before != self._unused


class Guard(asyncio.BufferedProtocol):
    """Reads for a parser whose peer is a stranger, so that its buffer holds `limit` bytes of a frame and little more.

    A parser's own limit looks at the length that a frame claims, ends the stream, and could only be raised by
    exchanging the parser between two frames. This one looks at what lies there, knows how to go on behind it, and can
    be taken away at any time. It gives the parser small pieces: the buffer doubles whenever it is filled, by many small
    frames too.
    """

    __slots__ = ("_beginning", "_limit", "_owner", "_parser", "_piece", "_view", "dismissed", "held")
    _PIECE = 1024  # half of the parser's buffer at first

    def __init__(self, parser: asyncio.BufferedProtocol, owner: IntakeOwner, limit: int) -> None:
        self._parser = parser
        self._owner = owner
        self._limit = limit + _LONGEST_HEAD
        self._view = memoryview(b"")  # of the parser's buffer, where the next piece goes
        self._piece = b""  # the last one
        self._beginning = b""  # of the frame that is under way, as far as it is of interest
        self.held = 0
        """Bytes of the frame that is under way."""
        self.dismissed = False
        """It has not to look any more: by something in the piece that it just gave to the parser."""

    def get_buffer(self, sizehint: int) -> memoryview:
        self._view = memoryview(self._parser.get_buffer(sizehint))[: self._PIECE]
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        self._piece = bytes(self._view[:nbytes])
        self.held += nbytes
        self._beginning = (self._beginning + self._piece)[: _LONGEST_HEAD + HEAD]
        self._parser.buffer_updated(nbytes)
        if self.held > self._limit and not self.dismissed:
            self._owner.too_long(_head_of(self._beginning, self.held))

    def took_frame(self, rest: int) -> None:
        """The parser has read a frame, and so many bytes lie behind it."""
        self.held = rest
        self._beginning = self._piece[len(self._piece) - rest :]

    def connection_lost(self, exc: Exception | None) -> None:
        self._parser.connection_lost(exc)

    def pause_writing(self) -> None:
        self._parser.pause_writing()

    def resume_writing(self) -> None:
        self._parser.resume_writing()


def _head_of(beginning: bytes, held: int) -> FrameHead:
    """Of a frame (RFC 6455, section 5.2) that the parser accepted so far: its head is whole, and it has a mask."""
    length, start = beginning[1] & 0x7F, 2
    if length > 125:
        start = 4 if length == 126 else 10
        length = int.from_bytes(beginning[2:start])
    mask, start = beginning[start : start + 4], start + 4
    payload = bytes(byte ^ mask[n & 3] for n, byte in enumerate(beginning[start : start + HEAD]))
    first = beginning[0]
    return FrameHead(
        WSMsgType(first & 0x0F), bool(first & 0x80), bool(first & 0x70), length, payload, start + length - held
    )


class _Unread(asyncio.BufferedProtocol):
    """Reads a socket and drops everything."""

    __slots__ = ("_owner",)
    _scrap = memoryview(bytearray(64 * 1024))  # of all of them: nobody looks at what is in it

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._scrap

    def buffer_updated(self, nbytes: int) -> None:
        self._owner.noticed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.lost()

    def pause_writing(self) -> None:
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        self._owner.resume_writing()


class Deaf(_Unread):
    """To its end, so that what we wrote last is not lost to a reset."""

    __slots__ = ()


class Skip(_Unread):
    """So many bytes of it."""

    __slots__ = ("_intake", "_left", "_reader")

    def __init__(self, intake: Intake, owner: IntakeOwner, size: int) -> None:
        super().__init__(owner)
        self._intake = intake
        self._reader = owner
        self._left = size

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._scrap[: self._left]

    def buffer_updated(self, nbytes: int) -> None:
        self._left -= nbytes
        self._owner.noticed()
        if not self._left:
            self._intake.begin(self._reader)
