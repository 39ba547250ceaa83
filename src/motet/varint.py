"""lib0's unsigned variable-length integers (7 bits a byte, least significant first), as Yjs and y-protocols write."""

from __future__ import annotations

MAX_SAFE = 2**53 - 1
"""JavaScript's Number.MAX_SAFE_INTEGER: no Yjs peer can mean a larger number."""


def write(n: int) -> bytes:
    """The number, encoded; n ≥ 0."""
    if n < 128:
        return bytes((n,))
    if n < 16384:
        return bytes((n & 127 | 128, n >> 7))
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def read(b: bytes | bytearray | memoryview, at: int) -> tuple[int, int]:
    """The number at an offset, and the offset after it. Raises IndexError past the end, ValueError over `MAX_SAFE`."""
    n = b[at]
    at += 1
    if n < 128:
        return n, at
    n &= 127
    shift = 7
    while True:
        c = b[at]
        at += 1
        n |= (c & 127) << shift
        if c < 128:
            if n > MAX_SAFE:
                raise ValueError("number over 2**53")
            return n, at
        shift += 7
        if shift > 49:
            raise ValueError("number over 2**53")


def write_bytes(data: bytes) -> bytes:
    """A byte string with its length in front (lib0's writeVarUint8Array)."""
    return write(len(data)) + data


def read_bytes(b: bytes, at: int) -> tuple[bytes, int]:
    """A byte string with its length in front, and the offset after it. Raises as `read` does."""
    n, at = read(b, at)
    end = at + n
    if end > len(b):
        raise IndexError("byte string past the end")
    return b[at:end], end
