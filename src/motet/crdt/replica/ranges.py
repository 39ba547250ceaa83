"""A client's deleted ids: sorted, merged, half-open ranges of clocks, in pages.

Pages keep every operation local: adding a range moves at most one page (not the whole set), and a page's encoding is
kept until the page changes, so that the delete set which opens every sync is a join of bytes. A page read from a
snapshot stays bytes until something asks about its clocks.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from motet.varint import read, write

PAGE = 1024
"""Ranges in a page before it is halved; 0.4 ms to encode one again."""
RANGE_BYTES = 8
"""Memory of one range: two 32-bit clocks."""


class Page:
    """Up to PAGE ranges; `low` is the first clock. Its numbers are there once `load` was called."""

    __slots__ = ("_encoded", "_highs", "_loaded", "_lows", "count", "low")

    def __init__(self, lows: array[int], highs: array[int]) -> None:
        self._lows, self._highs = lows, highs
        self._encoded: bytes | None = None
        self._loaded = True
        self.low = lows[0]
        self.count = len(lows)

    @classmethod
    def stored(cls, low: int, count: int, encoded: bytes) -> Page:
        """A page that stays bytes until it is asked about."""
        page = cls.__new__(cls)
        page._lows, page._highs = array("I"), array("I")
        page._encoded, page._loaded = encoded, False
        page.low, page.count = low, count
        return page

    def load(self) -> tuple[array[int], array[int]]:
        """First clocks and ends. Raises ValueError or IndexError if the stored bytes are not this page's."""
        if not self._loaded:
            encoded, at = self.encode(), 0
            for _ in range(self.count):
                low, at = read(encoded, at)
                length, at = read(encoded, at)
                self._lows.append(low)
                self._highs.append(low + length)
            self._loaded = True
        return self._lows, self._highs

    def encode(self) -> bytes:
        """`clock length` of each range."""
        if self._encoded is None:
            self._encoded = b"".join([write(a) + write(z - a) for a, z in zip(self._lows, self._highs, strict=True)])
        return self._encoded

    def add(self, a: int, z: int) -> list[tuple[int, int]]:
        """Adds [a, z); returns the parts of it that are new."""
        lows, highs = (self._lows, self._highs) if self._loaded else self.load()
        first = bisect_left(highs, a)
        if first == len(lows) or z < lows[first]:  # touches none
            lows.insert(first, a)
            highs.insert(first, z)
            new = [(a, z)]
        elif lows[first] <= a and z <= highs[first]:
            return []
        else:
            new = self._join(lows, highs, first, a, z)
        self._encoded = None
        self.low = lows[0]
        self.count = len(lows)
        return new

    @staticmethod
    def _join(lows: array[int], highs: array[int], first: int, a: int, z: int) -> list[tuple[int, int]]:
        """Adds [a, z), which touches range `first` and perhaps more."""
        last, at = first, a
        new: list[tuple[int, int]] = []
        while last < len(lows) and lows[last] <= z:
            if lows[last] > at:
                new.append((at, lows[last]))
            at = max(at, highs[last])
            last += 1
        if at < z:
            new.append((at, z))
        lows[first] = min(a, lows[first])
        highs[first] = max(at, z)
        del lows[first + 1 : last], highs[first + 1 : last]
        return new


class Ranges:
    """All deleted ranges of one client."""

    __slots__ = ("_encoded", "_firsts", "count", "pages")

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self._firsts: list[int] = []  # each page's low, to bisect in
        self.count = 0
        self._encoded: bytes | None = None

    def append(self, page: Page) -> None:
        """Adds a page after all others."""
        self._encoded = None
        self.pages.append(page)
        self._firsts.append(page.low)
        self.count += page.count

    def add(self, a: int, z: int) -> list[tuple[int, int]]:
        """Adds [a, z), not empty; returns the parts of it that are new, in order."""
        if not self.pages:
            self.append(Page(array("I", (a,)), array("I", (z,))))
            return [(a, z)]
        i = max(0, bisect_right(self._firsts, a) - 1)
        page = self.pages[i]
        before = page.count
        if i + 1 < len(self.pages) and z >= self._firsts[i + 1]:
            before += self._join(i, z)
        new = page.add(a, z)
        if new:
            self._encoded = None
            self._firsts[i] = page.low
            self.count += page.count - before
            if page.count > PAGE:
                self._split(i)
        return new

    def _join(self, i: int, z: int) -> int:
        """Takes the pages that z reaches into page i: what lies under z goes away with the add that follows."""
        lows, highs = self.pages[i].load()
        last = bisect_right(self._firsts, z)
        joined = 0
        for page in self.pages[i + 1 : last]:
            more_lows, more_highs = page.load()
            lows.extend(more_lows)
            highs.extend(more_highs)
            joined += page.count
        del self.pages[i + 1 : last]
        del self._firsts[i + 1 : last]
        self.pages[i].count = len(lows)
        return joined

    def _split(self, i: int) -> None:
        lows, highs = self.pages[i].load()
        half = PAGE // 2
        pages = [Page(lows[k : k + half], highs[k : k + half]) for k in range(0, len(lows), half)]
        self.pages[i : i + 1] = pages
        self._firsts[i : i + 1] = [page.low for page in pages]

    def within(self, a: int, z: int) -> Iterator[tuple[int, int]]:
        """The deleted parts of [a, z), in order."""
        i = max(0, bisect_right(self._firsts, a) - 1)
        while i < len(self.pages) and self._firsts[i] < z:
            lows, highs = self.pages[i].load()
            k = bisect_right(highs, a)
            while k < len(lows) and lows[k] < z:
                yield max(lows[k], a), min(highs[k], z)
                k += 1
            i += 1

    def missing(self, a: int, z: int) -> Iterator[tuple[int, int]]:
        """The parts of [a, z) that are not deleted, in order."""
        for low, high in self.within(a, z):
            if a < low:
                yield a, low
            a = high
        if a < z:
            yield a, z

    def below(self, end: int) -> Iterator[tuple[int, bytes]]:
        """The ranges of clocks below `end`, page by page: how many, and their encoding."""
        for page in list(self.pages):
            if page.low >= end:
                return
            if page.load()[1][-1] <= end:
                yield page.count, page.encode()
            else:
                parts = list(self.within(page.low, end))
                yield len(parts), b"".join([write(a) + write(z - a) for a, z in parts])
                return

    def __contains__(self, clock: int) -> bool:
        return next(self.within(clock, clock + 1), None) is not None

    def encode(self) -> bytes:
        """As in a delete set: the number of ranges, then `clock length` of each."""
        if self._encoded is None:
            self._encoded = write(self.count) + b"".join([page.encode() for page in self.pages])
        return self._encoded
