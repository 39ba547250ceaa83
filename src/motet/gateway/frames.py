"""Control frames as a server sends them (RFC 6455, section 5.5). Messages are framed by whoever makes them."""

from __future__ import annotations

_FIN_CLOSE, _FIN_PING, _FIN_PONG = 0x88, 0x89, 0x8A

PING = bytes((_FIN_PING, 0))
MAX_REASON = 123
"""Bytes of UTF-8: a control frame's payload is at most 125 bytes, two of which are the code."""

NO_CODE, LOST = 1005, 1006
"""What is reported for a CLOSE without a code and for no CLOSE at all; never sent."""


def pong(payload: bytes) -> bytes:
    """The answer to a ping; at most 125 bytes of payload."""
    return bytes((_FIN_PONG, len(payload))) + payload


def close(code: int, reason: str = "") -> bytes:
    """A CLOSE frame; the reason is cut between two characters where it does not fit."""
    payload = code.to_bytes(2) + reason.encode(errors="replace")[:MAX_REASON].decode(errors="ignore").encode()
    return bytes((_FIN_CLOSE, len(payload))) + payload


def close_code(payload: bytes) -> int | None:
    """The code of a CLOSE frame's payload; NO_CODE when it has none, None when no peer may send it (section 7.4)."""
    if not payload:
        return NO_CODE
    code = int.from_bytes(payload[:2])
    may_be_sent = 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
    return code if len(payload) >= 2 and may_be_sent else None
