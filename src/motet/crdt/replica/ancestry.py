"""Which root type each container lies in, in the end: the walk upwards, remembered."""

from __future__ import annotations

from itertools import islice
from typing import Final

from motet.crdt.replica.lane import IN_MAP, Lane
from motet.varint import read

NOWHERE: Final = "\ud800"
"""The root of what lies in UNKNOWN. No root has this name: UTF-8 has no lone surrogates."""


class Ancestry:
    """Remembers at most one root for each container that there is, and that only of those that were asked for.

    What is integrated never moves, and compaction leaves the containers as they are, so an answer stays true. Only
    `Store.take_back` undoes containers, in the same step that made them, and nobody asks within that step."""

    __slots__ = ("_by_number", "_names", "_numbers", "_roots")

    def __init__(self, by_number: list[Lane], numbers: dict[bytes, int]) -> None:
        self._by_number = by_number  # this and the next are the store's own
        self._numbers = numbers
        self._roots: dict[int, str] = {}  # by container
        self._names = [NOWHERE]  # by root number, as far as they were asked for

    def root(self, container: int) -> str:
        """The name of the root that the container lies in, or NOWHERE."""
        root = self._roots.get(container)
        return self._walk(container) if root is None else root

    def _walk(self, container: int) -> str:
        path: list[int] = []
        root: str | None = None
        while root is None:
            path.append(container)
            number, clock = (container & ~IN_MAP) >> 32, container & 0xFFFFFFFF
            if number:
                container = self._by_number[number - 1].container(clock)
                root = self._roots.get(container)
            else:
                root = self._name(clock)
        for passed in path:
            self._roots[passed] = root
        return root

    def _name(self, number: int) -> str:
        names = self._names
        new = len(self._numbers) + 1 - len(names)
        if new:  # the newest are last, and a document may have a hundred thousand
            for name in reversed(list(islice(reversed(self._numbers), new))):
                names.append(name[read(name, 0)[1] :].decode())
        return names[number]
