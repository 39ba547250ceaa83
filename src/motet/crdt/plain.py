"""Plain values (what lib0's `readAny` reads) as JSON; see views.py for what JSON has no word for."""

from __future__ import annotations

import json
from base64 import b64encode

from motet.errors import DocumentFailed

MAX_LEVELS = 150
"""Levels of types and values nested in each other, in a view: up to four of Python's 1,000 frames each."""

EXACT = 2**53
"""pycrdt gives every number as a double; up to this a whole one is written as the integer that it was."""

Json = str | int | float | bool | list["Json"] | dict[str, "Json"] | None


def dumps(value: Json) -> str:
    """The same text for the same content."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def check_depth(depth: int) -> None:
    """Raises DocumentFailed where a view goes too deep."""
    if depth > MAX_LEVELS:
        raise DocumentFailed(f"the document is nested over {MAX_LEVELS} levels deep")


def plain(value: object, depth: int) -> Json:
    """A value that pycrdt gave, as JSON."""
    check_depth(depth)
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        if value.is_integer() and abs(value) <= EXACT:
            return int(value)
        return value if value - value == 0 else None  # NaN and the infinities are null, as in JSON.stringify
    if isinstance(value, (bytes, bytearray)):
        return {"$binary": b64encode(value).decode()}
    if isinstance(value, list):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    raise DocumentFailed(f"no view of a {type(value).__name__}")
