"""The names of things that travel between components."""

from __future__ import annotations

from typing import NewType

RoomName = NewType("RoomName", str)
"""One document and the people in it: 1-256 bytes of UTF-8 without control characters; may contain "/"."""

MemberId = NewType("MemberId", int)
"""A connection inside a room; unique in the process, never reused, never 0."""

UserId = NewType("UserId", str)
"""A person, whatever the number of their devices."""

ClientId = NewType("ClientId", int)
"""Yjs's number for one replica of a document (0 ≤ id < 2**53)."""

Seq = NewType("Seq", int)
"""The gapless number of a stored update within its room; the first is 1, 0 is "nothing stored"."""

MAX_ROOM_NAME = 256
"""Bytes of UTF-8."""


def is_room_name(name: str) -> bool:
    """Whether the name may be a room's: 1-256 bytes of UTF-8, no control characters, no lone surrogates."""
    if not name or any(c < " " or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" for c in name):
        return False
    return len(name.encode()) <= MAX_ROOM_NAME
