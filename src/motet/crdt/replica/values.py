"""Strings and values inside contents: lib0's Any, JSON text, UTF-8. Only where each ends, and whether it can be read.

Follows lib0/encoding.js and lib0/decoding.js. Nothing recurses: values are walked with a stack of at most MAX_DEPTH.
"""

from __future__ import annotations

import re
from json import loads
from typing import Final

from motet.varint import read

MAX_DEPTH: Final = 100
"""How deep JSON and Any values may nest; readers recurse, and some of them overflow."""

Bytes = bytes | bytearray

# An offset may run past the end in here: the read that follows, or scan_block's last check, raises IndexError for it.


def skip_text(b: Bytes, at: int) -> int:
    """The offset after a string. Raises ValueError unless it is UTF-8."""
    size, at = read(b, at)
    text = b[at : at + size]
    if not text.isascii():
        text.decode()
    return at + size


def skip_bytes(b: Bytes, at: int) -> int:
    """The offset after a byte string."""
    size, at = read(b, at)
    return at + size


_SIZES: Final = {127: 0, 126: 0, 124: 4, 123: 8, 122: 8, 121: 0, 120: 0}
"""undefined, null, float32, float64, bigint, false, true"""


def skip_values(b: Bytes, at: int, stack: list[int], bound: int) -> int:
    """Walks lib0 Any values. The stack has, per level, twice the number of values to come (+ 1 where they have keys).

    Stops after the value that passes `bound`, with the stack telling what is left. The walk is most of what a map's
    update costs, so the reads of one byte are written out."""
    while stack:
        left = stack.pop()
        while left > 1:
            if at > bound:
                stack.append(left)
                return at
            left -= 2
            if left & 1:
                size = b[at]
                text = b[at + 1 : at + 1 + size]
                if size < 128 and text.isascii():
                    at += 1 + size
                else:
                    at = skip_text(b, at)
            tag = b[at]
            at += 1
            if tag == 125:
                first = at
                while b[at] & 128:
                    at += 1
                if at - first > 8:
                    raise ValueError("integer")
                at += 1
            elif tag == 119:
                at = skip_text(b, at)
            elif tag in _SIZES:
                at += _SIZES[tag]
            elif tag == 118 or tag == 117:
                if len(stack) >= MAX_DEPTH:
                    raise ValueError("value nests too deep")
                stack.append(left)
                left, at = read(b, at)
                left = left << 1 | (tag == 118)
            elif tag == 116:
                at = skip_bytes(b, at)
            else:
                raise ValueError("value")
    return at


_PLAIN_JSON = frozenset((b"true", b"null", b"false", b'""'))
_JSON_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_depth(text: bytes) -> None:
    depth = 0
    for c in _JSON_STRING.sub(b"", text):
        if c == 0x5B or c == 0x7B:
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError("JSON nests too deep")
        elif c == 0x5D or c == 0x7D:
            depth -= 1


def skip_json(b: Bytes, at: int) -> int:
    """The offset after a JSON text. Embeds and formats hold such; one that does not parse poisons its readers."""
    size, at = read(b, at)
    text = bytes(b[at : at + size])
    if text not in _PLAIN_JSON:
        if text.count(b"[") + text.count(b"{") > MAX_DEPTH:
            _check_depth(text)
        loads(text.decode(), parse_constant=_refuse_constant)
    return at + size


def utf16_length(text: Bytes) -> int:
    """How many ids a string takes: its length in UTF-16 code units."""
    return len(text.decode().encode("utf-16-le")) >> 1


def skip_json_array(b: Bytes, at: int, count: int) -> int:
    """The offset after a ContentJSON's texts, where `undefined` is allowed."""
    for _ in range(count):
        at = skip_text(b, at) if b[at : at + 10] == b"\x09undefined" else skip_json(b, at)
    return at
