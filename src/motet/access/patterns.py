"""Patterns of room names: a name's segments lie between slashes, `*` is one segment, `**` any number of them.

Names are compared character by character, after the one decoding of the path: no dots are resolved, no case is folded,
no Unicode is normalised, so two names that look alike are two rooms and a grant for one is none for the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from motet.ids import MAX_ROOM_NAME

ONE, ANY = "*", "**"


class Rank(NamedTuple):
    """How closely a pattern fits; the greater is the closer."""

    exact: bool
    prefix: int
    """Characters before the first wildcard."""
    literals: int
    """Segments that are no wildcards."""
    ones: int
    """`*` fits closer than `**`."""


class Pattern:
    """A pattern, taken apart. Raises ValueError for one that is none."""

    __slots__ = ("_segments", "rank", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._segments = tuple(text.split("/"))
        literals = [s for s in self._segments if s not in (ONE, ANY)]
        if not text or any(ONE in s for s in literals):
            raise ValueError(
                f"{text[:80]!r} is no pattern of rooms: * and ** stand for whole segments, between slashes"
            )
        if len(text) > MAX_ROOM_NAME:  # what it may cost to match is bounded with it
            raise ValueError(f"{text[:80]!r}… is no pattern of rooms: it has more than {MAX_ROOM_NAME} characters")
        wild = next((i for i, s in enumerate(self._segments) if s in (ONE, ANY)), None)
        prefix = len(text) if wild is None else sum(len(s) + 1 for s in self._segments[:wild])
        self.rank = Rank(wild is None, prefix, len(literals), self._segments.count(ONE))

    def matches(self, room: str) -> bool:
        """Whether the room's name fits."""
        if self.rank.exact:
            return room == self.text
        return _matches(self._segments, room.split("/"))


def _matches(pattern: tuple[str, ...], segments: list[str]) -> bool:
    """Wildcard matching with one step back to the last `**`: time is at most the product of the two lengths."""
    p = s = 0
    back: tuple[int, int] | None = None
    while s < len(segments):
        if p < len(pattern) and pattern[p] == ANY:
            back = (p, s)
            p += 1
        elif p < len(pattern) and ((pattern[p] == ONE and segments[s] != "") or pattern[p] == segments[s]):
            p, s = p + 1, s + 1
        elif back is not None:
            back = (back[0], back[1] + 1)
            p, s = back[0] + 1, back[1]
        else:
            return False
    return all(rest == ANY for rest in pattern[p:])


@lru_cache(4096)
def parsed(text: str) -> Pattern:
    """The pattern; raises ValueError. The cache holds the patterns of the tokens that come again and again."""
    return Pattern(text)


def closest(patterns: Iterable[str], room: str) -> str | None:
    """The pattern that fits a room best, if any does: its exact name, else the longest literal prefix, else the most
    literal segments, else the most `*`, else the first by its text. Raises ValueError."""
    fitting = [pattern for pattern in map(parsed, patterns) if pattern.matches(room)]
    return min(fitting, key=lambda p: (*(-n for n in p.rank), p.text)).text if fitting else None
