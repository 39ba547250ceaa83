"""What was really new since the last tick, and which author delivered which part of it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from motet.crdt.replica.assemble import NOTHING, Cut, assemble, encode_dead
from motet.crdt.replica.lane import Lane
from motet.crdt.replica.ranges import Ranges
from motet.crdt.replica.scan import Deletion


class News(NamedTuple):
    """What a tick brought.

    `update`: one merged update of all that was new (the original bytes when it was one update, wholly new; an update
    that says nothing when only tickets ripened). `authors`: the same, by the author that delivered it: news only, not
    deletes that were known. `ripe`: the tickets of parked updates that are wholly integrated now."""

    update: bytes
    authors: tuple[tuple[int, bytes], ...]
    ripe: tuple[int, ...]


class Ledger:
    """Collects the news of a tick. Bounded by what the tick takes."""

    __slots__ = ("_deleted", "_from", "ripe", "whole")

    def __init__(self) -> None:
        self.whole: dict[int, bytes | None] = {}  # by author: its one update, if that was wholly new
        self.ripe: list[int] = []
        self._from: dict[int, list[tuple[int, int]]] = {}  # by client: from this clock on, by this author
        self._deleted: dict[int, list[Deletion]] = {}  # by author

    def typed(self, author: int, client: int, clock: int, update: bytes) -> None:
        """A whole update was taken that adds structs of one client from a clock on."""
        self.whole[author] = None if author in self.whole else update
        self.added(author, client, clock)

    def added(self, author: int, client: int, clock: int) -> None:
        """Structs of a client were added from a clock on."""
        marks = self._from.get(client)
        if marks is None:
            self._from[client] = [(clock, author)]
        elif marks[-1][1] != author:
            marks.append((clock, author))

    def deleted(self, author: int, client: int, ranges: list[tuple[int, int]]) -> None:
        """Ranges of a client's ids were deleted that were not before."""
        known = self._deleted.get(author)
        if known is None:
            known = self._deleted[author] = []
        for a, z in ranges:
            known.append((client, a, z))

    def taken(self, author: int, update: bytes | None) -> None:
        """Something of the author's is news; the update, if it is nothing but news and this is all of it."""
        self.whole[author] = None if author in self.whole else update

    def drain(self, lanes: Mapping[int, Lane]) -> News | None:
        """The news since the last call."""
        if not self.whole:
            if not self.ripe:
                return None
            news = News(NOTHING, (), tuple(self.ripe))
            self.ripe = []
            return news
        if len(self.whole) == 1:
            ((author, update),) = self.whole.items()
            if update is None:
                update = self._merge(lanes, None)
            news = News(update, ((author, update),), tuple(self.ripe))
        else:
            authors = tuple(
                (author, self._merge(lanes, author) if update is None else update)
                for author, update in self.whole.items()
            )
            news = News(self._merge(lanes, None), authors, tuple(self.ripe))
        self.whole = {}
        self._from = {}
        if self._deleted:
            self._deleted = {}
        if self.ripe:
            self.ripe = []
        return news

    def _merge(self, lanes: Mapping[int, Lane], only: int | None) -> bytes:
        """One update of all news, or of one author's."""
        cuts: dict[int, list[Cut]] = {}
        for client, marks in self._from.items():
            lane = lanes[client]
            if only is None:
                cuts[client] = [Cut(marks[0][0], lane.end, *lane.cut(marks[0][0], lane.end))]
                continue
            for (a, author), (z, _) in pairwise([*marks, (lane.end, 0)]):
                if author == only:
                    cuts.setdefault(client, []).append(Cut(a, z, *lane.cut(a, z)))
        dead: dict[int, Ranges] = {}
        for author, deletions in self._deleted.items():
            if only is None or author == only:
                for client, a, z in deletions:
                    dead.setdefault(client, Ranges()).add(a, z)
        return assemble(cuts, encode_dead(dead))
