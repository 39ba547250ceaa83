"""WebSocket frames as the server writes them."""

from __future__ import annotations

_BINARY_FINAL = 0x82


def frame(payload: bytes) -> bytes:
    """One whole binary message as one unmasked frame (RFC 6455 §5.2), ready to be shared by every member it goes to."""
    n = len(payload)
    if n < 126:
        return bytes((_BINARY_FINAL, n)) + payload
    return frame_head(n) + payload


def frame_head(n: int) -> bytes:
    """What comes before a payload of so many bytes in its frame."""
    if n < 126:
        return bytes((_BINARY_FINAL, n))
    if n < 65536:
        return bytes((_BINARY_FINAL, 126, n >> 8, n & 255))
    return bytes((_BINARY_FINAL, 127)) + n.to_bytes(8, "big")
