"""picows as a frame parser, and no more: it reads frames and checks them; every byte that leaves is written by us.

picows 2.3.1 is pinned, since its protocol class and constructor are private. What it would do by itself and must not:
write to the file descriptor behind the transport's back, hand memory that it reuses to uvloop (which corrupts the
stream once the socket is backed up), accept only `Connection: upgrade` exactly, set TCP options on unix sockets, make
a logger, a task and timers for each connection. So it gets a transport on which all that does nothing, and a
handshake that never fails. That is cheap enough (40 µs) to be done again in the middle of a connection, which is how
a read buffer becomes small again: picows itself never shrinks it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from picows import WSAutoPingStrategy
from picows.picows import WSProtocol  # type: ignore[attr-defined]

_log = logging.getLogger(__name__)

READ_BUFFER = 2048
"""Bytes at first, picows's minimum. It doubles whenever a read fills it."""

_HANDSHAKE = (
    b"GET / HTTP/1.1\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
_CLOSE = 0x88
MESSAGE_TOO_BIG = 1009


class Owner(Protocol):
    """Who owns the socket that a parser reads; a WSListener too, to which it gives the frames."""

    def parser_failed(self, code: int) -> None:
        """The stream cannot be read any further, for the reason that this close code tells."""
        ...

    def noticed(self) -> None:
        """Something came that nobody will read."""
        ...

    def lost(self) -> None:
        """The socket has ended."""
        ...

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...


class _Logger:
    """What picows calls a logger. It says at length what hostile peers do; only its own failures are of interest."""

    def isEnabledFor(self, level: int) -> bool:
        return False

    def debug(self, *args: object) -> None:
        return None

    info = warning = error = debug

    def exception(self, message: str, *args: object) -> None:
        _log.exception(message, *args)


class _Socket:
    """The socket that picows may set options on."""

    def fileno(self) -> int:
        return -1

    def setsockopt(self, *args: object) -> None:
        return None

    def getsockopt(self, *args: object) -> int:
        return 0


_LOGGER, _SOCKET = _Logger(), _Socket()


class _Outlet:
    """The transport that picows may write to. Nothing gets out; a CLOSE frame tells that the parser has given up."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if data[0] == _CLOSE:
            self._owner.parser_failed(int.from_bytes(data[2:4]))

    def get_write_buffer_size(self) -> int:
        return 1  # "backed up", so that picows asks us instead of writing to the file descriptor

    def get_extra_info(self, name: str) -> _Socket | None:
        return _SOCKET if name == "socket" else None

    def close(self) -> None:
        return None

    def abort(self) -> None:
        return None


def new_parser(owner: Owner, max_frame_bytes: int) -> asyncio.BufferedProtocol:
    """A protocol that gives every frame to the owner's `on_ws_frame`, ready for the bytes after the handshake."""
    parser: asyncio.BufferedProtocol = WSProtocol(
        None,
        None,
        False,  # is_client_side
        lambda request: owner,
        _LOGGER,
        True,  # disconnect_on_exception
        None,  # websocket_handshake_timeout
        False,  # enable_auto_ping: one sweep looks after all sockets
        0.0,
        0.0,
        WSAutoPingStrategy.PING_WHEN_IDLE,
        False,  # enable_auto_pong: it would write
        max_frame_bytes,
        None,
        READ_BUFFER,
    )
    parser.connection_made(_Outlet(owner))  # type: ignore[arg-type]
    memoryview(parser.get_buffer(-1))[: len(_HANDSHAKE)] = _HANDSHAKE
    parser.buffer_updated(len(_HANDSHAKE))
    return parser


def unused(parser: asyncio.BufferedProtocol) -> int:
    """Bytes free in its read buffer: all of it, when no frame is under way."""
    return memoryview(parser.get_buffer(-1)).nbytes
