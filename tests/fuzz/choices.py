"""What a fuzzer decides, read off its input: any bytes mean something, and similar bytes mean something similar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_LONG = 255
"""The length byte that says: the length is in the two bytes that follow."""


class Choices:
    """Decisions, one after the other. Past the end of the input each is the first there is, and every blob is empty."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        """Whether any of the input is left."""
        return self._at < len(self._data)

    def byte(self) -> int:
        """0 to 255."""
        at = self._at
        self._at += 1
        return self._data[at] if at < len(self._data) else 0

    def below(self, n: int) -> int:
        """A number below n, of at most 256."""
        return self.byte() % n

    def one_of(self, them: Sequence[T]) -> T:
        """One of at most 256."""
        return them[self.below(len(them))]

    def read(self, size: int) -> bytes:
        """So many bytes, or those that are left."""
        at = self._at
        self._at += size
        return self._data[at : self._at]

    def blob(self) -> bytes:
        """A byte string with its length in front."""
        size = self.byte()
        return self.read(self.byte() << 8 | self.byte() if size == _LONG else size)

    def part(self) -> Choices:
        """Choices of their own: however many are read of them, what follows means the same."""
        return Choices(self.blob())

    def text(self) -> str:
        """A blob as text, whatever is in it."""
        return self.blob().decode("utf-8", "surrogateescape")

    def rest(self) -> bytes:
        """All that is left."""
        return self.read(len(self._data))


def blob(data: bytes) -> bytes:
    """What `Choices.blob` reads as these bytes."""
    size = len(data)
    return (bytes((size,)) if size < _LONG else bytes((_LONG, size >> 8, size & 255))) + data
