"""What was really new since the last tick, and which author delivered which part of it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from motet.crdt.replica.assemble import NOTHING, Cut, assemble, encode_dead
from motet.crdt.replica.lane import Lane
from motet.crdt.replica.ranges import Ranges
from motet.varint import write

MAX_BLOCKS = 8
"""Lanes that grew in a tick, up to which each is cut once and looked through for each author: beyond, that would be
quadratic."""


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

    __slots__ = ("_deleted", "_from", "_one", "_typist", "_typist_lane", "_whole", "ripe")

    def __init__(self) -> None:
        self.ripe: list[int] = []
        self._typist = 0
        self._typist_lane = -1  # the client whose lane that author types on in, with nobody between
        self._one: tuple[int, bytes, list[tuple[int, int]]] | None = None  # the only entry, while that is whole
        self._whole: dict[int, bytes | None] = {}  # by author: its one update, if that was wholly new
        self._from: dict[int, list[tuple[int, int]]] = {}  # by client: from this clock on, by this author
        self._deleted: dict[int, list[tuple[int, list[tuple[int, int]]]]] = {}  # by author: client, ranges

    def typed(self, author: int, client: int, clock: int, update: bytes) -> None:
        """`enter` for an update that types on: who goes on in the same lane has been entered with its first ones."""
        if client == self._typist_lane and author == self._typist:
            return
        self.enter(author, update, [(client, clock)])
        if self._one is None and self._whole[author] is None:
            self._typist, self._typist_lane = author, client

    def enter(self, author: int, update: bytes | None, added: list[tuple[int, int]]) -> None:
        """The author brought news: structs of these clients from these clocks on, or deletes.

        The update, if it is nothing but that: when it stays the author's only one, it is the news as it came."""
        self._typist_lane = -1
        if self._one is None and not self._whole and update is not None:
            self._one = (author, update, added)
            return
        if self._one is not None:
            one, self._one = self._one, None
            self._add(*one)
        self._add(author, update, added)

    def _add(self, author: int, update: bytes | None, added: list[tuple[int, int]]) -> None:
        self._whole[author] = None if author in self._whole else update
        for client, clock in added:
            marks = self._from.get(client)
            if marks is None:
                self._from[client] = [(clock, author)]
            elif marks[-1][1] != author:
                marks.append((clock, author))

    def deleted(self, author: int, client: int, ranges: list[tuple[int, int]]) -> None:
        """Ranges of a client's ids were deleted that were not before; an entry follows."""
        known = self._deleted.get(author)
        if known is None:
            known = self._deleted[author] = []
        known.append((client, ranges))

    def drain(self, lanes: Mapping[int, Lane]) -> News | None:
        """The news since the last call."""
        ripe: tuple[int, ...] = ()
        if self.ripe:
            ripe = tuple(self.ripe)
            self.ripe = []
        if self._one is not None:
            author, update, _ = self._one
            self._one = None
            if self._deleted:
                self._deleted = {}
            return News(update, ((author, update),), ripe)
        if not self._whole:
            return News(NOTHING, (), ripe) if ripe else None
        self._typist_lane = -1
        blocks = self._blocks(lanes) if not self._deleted else None
        merged = self._merge(lanes, None) if blocks is None else _update_of([block for _, _, block in blocks])
        if len(self._whole) == 1:
            authors = tuple([(author, merged) for author in self._whole])
        elif blocks is None:
            authors = tuple([(author, own or self._merge(lanes, author)) for author, own in self._whole.items()])
        else:
            authors = tuple(
                [
                    (author, own or _update_of([block for _, who, block in blocks if who == author]))
                    for author, own in self._whole.items()
                ]
            )
        self._whole = {}
        self._from = {}
        self._deleted = {}
        return News(merged, authors, ripe)

    def _blocks(self, lanes: Mapping[int, Lane]) -> list[tuple[int, int, bytes]] | None:
        """Client, author and encoded structs of each lane that grew, from the highest client down; None if a lane has
        several authors. So each lane is cut once for all who get a part of it: the common case of a busy room."""
        if len(self._from) > MAX_BLOCKS:
            return None
        blocks = []
        for client, marks in self._from.items():
            if len(marks) > 1:
                return None
            clock, author = marks[0]
            lane = lanes[client]
            structs, data = lane.cut(clock, lane.end)
            blocks.append((client, author, b"".join((write(structs), lane.me, write(clock), data))))
        blocks.sort(reverse=True)
        return blocks

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
                for client, ranges in deletions:
                    for a, z in ranges:
                        dead.setdefault(client, Ranges()).add(a, z)
        return assemble(cuts, encode_dead(dead))


def _update_of(blocks: list[bytes]) -> bytes:
    """An update of encoded blocks of structs, without deletes."""
    return b"".join((write(len(blocks)), *blocks, b"\0"))
