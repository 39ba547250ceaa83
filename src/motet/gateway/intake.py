"""What reads the socket of a wire: a parser, a guard for it, or nobody."""

from __future__ import annotations

import asyncio

from picows import WSListener

from motet.gateway.parser import Owner, new_parser, unused

_LONGEST_HEAD = 14
"""Bytes of a frame before its payload."""


class Intake:
    """Which protocol a transport has, and the exchange of one for another.

    It keeps no reference to whoever owns it, so that nothing is left to the garbage collector when a socket ends.
    """

    __slots__ = ("_guard", "_limit", "_max_frame_bytes", "_parser", "_transport", "_unused")

    def __init__(self, transport: asyncio.Transport, max_frame_bytes: int, guard_bytes: int | None) -> None:
        """`guard_bytes` is what may lie in the read buffer of a message under way; None: a frame is all the limit."""
        self._transport = transport
        self._max_frame_bytes = max_frame_bytes
        self._limit = guard_bytes
        self._parser: asyncio.BufferedProtocol | None = None
        self._guard: Guard | None = None
        self._unused = 0  # bytes free in the read buffer at the last look

    @property
    def parses(self) -> bool:
        """Whether frames are read."""
        return self._parser is not None

    @property
    def guarded(self) -> bool:
        """Whether a guard wants to know of every frame."""
        return self._guard is not None

    @property
    def unused(self) -> int:
        """Bytes free in the read buffer."""
        return 0 if self._parser is None else unused(self._parser)

    def begin(self, listener: WSListener, owner: Owner) -> None:
        """Reads frames with a new parser. Not in the middle of one: what lies in the old one's buffer is lost."""
        self._parser = new_parser(listener, owner, self._max_frame_bytes)
        self._guard = None if self._limit is None else Guard(self._parser, owner, self._limit)
        self._transport.set_protocol(self._guard or self._parser)

    def took_frame(self, rest: int) -> None:
        """A frame was read, and so many bytes lie behind it in the buffer."""
        if self._guard is not None:
            self._guard.held = rest

    def unguard(self) -> None:
        """The parser reads on by itself, from wherever it is in a frame."""
        self._limit = self._guard = None
        if self._parser is not None:
            self._transport.set_protocol(self._parser)

    def stop(self, owner: Owner) -> None:
        """What still comes is read to its end and dropped; what was read is given back."""
        self.end()
        self._transport.set_protocol(Deaf(owner))

    def end(self) -> None:
        """The socket has ended."""
        self._parser = self._guard = None

    def progress(self) -> bool:
        """Whether part of a frame came in since the last look: on a slow line that is all a large one shows."""
        before, self._unused = self._unused, self.unused
        return before != self._unused


class Guard(asyncio.BufferedProtocol):
    """Reads for a parser whose peer is a stranger, so that its buffer holds `limit` bytes of a message and little more.

    A parser's own limit looks at the length that a frame claims, and could only be raised by exchanging the parser
    between two frames; so this one looks at what lies there, and can be taken away at any time. It gives the parser
    small pieces: the buffer doubles whenever it is filled, by many small frames too.
    """

    __slots__ = ("_limit", "_owner", "_parser", "held")
    _PIECE = 1024  # half of the parser's buffer at first

    def __init__(self, parser: asyncio.BufferedProtocol, owner: Owner, limit: int) -> None:
        self._parser = parser
        self._owner = owner
        self._limit = limit + _LONGEST_HEAD
        self.held = 0
        """Bytes since the last frame; whoever gets the frames keeps it right."""

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self._parser.get_buffer(sizehint))[: self._PIECE]

    def buffer_updated(self, nbytes: int) -> None:
        self.held += nbytes
        self._parser.buffer_updated(nbytes)
        if self.held > self._limit:
            self._owner.holds_too_much(self.held)

    def connection_lost(self, exc: Exception | None) -> None:
        self._parser.connection_lost(exc)

    def pause_writing(self) -> None:
        self._parser.pause_writing()

    def resume_writing(self) -> None:
        self._parser.resume_writing()


class Deaf(asyncio.BufferedProtocol):
    """Reads a socket to its end and drops everything, so that what we wrote last is not lost to a reset."""

    __slots__ = ("_owner",)
    _scrap = bytearray(64 * 1024)  # of all of them: nobody looks at what is in it

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._scrap

    def buffer_updated(self, nbytes: int) -> None:
        self._owner.noticed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.lost()

    def pause_writing(self) -> None:
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        self._owner.resume_writing()
