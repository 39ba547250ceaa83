"""The diff in updates of bounded size, in dependency order: a Yjs reader that applies them so never has any pending.

What a replica held at any moment refers to nothing outside itself. So the cuts are the state vectors of the past, noted
every STEP bytes; a peer that has all up to one of them, and what it had before, never lacks a cause.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from motet.crdt.replica.assemble import Cut, assemble
from motet.varint import write

if TYPE_CHECKING:
    from motet.crdt.replica.store import Store

STEP: Final = 64 << 10
"""Bytes taken between two notes: what a cut may exceed the asked size by."""


class History:
    """Past state vectors, each as the clocks that differ from the one before. A note takes 8 bytes a lane that grew."""

    __slots__ = ("clocks", "lanes", "marks")

    def __init__(self) -> None:
        self.lanes: array[int] = array("I")  # a lane's number, and …
        self.clocks: array[int] = array("I")  # … its end then
        self.marks: array[int] = array("I")  # how many rows each note has, all before it included

    def note(self, store: Store) -> None:
        """Notes where the lanes end now."""
        for lane in store.by_number:
            if lane.noted != lane.end:
                lane.noted = lane.end
                self.lanes.append(lane.number)
                self.clocks.append(lane.end)
        self.marks.append(len(self.lanes))

    def take_back(self, notes: int, store: Store) -> None:
        """Forgets all notes but the first so many."""
        if len(self.marks) > notes:
            rows = self.marks[notes - 1] if notes else 0
            for number in self.lanes[rows:]:
                if number <= len(store.by_number):
                    store.by_number[number - 1].noted = 0  # the next note names it once too often: that is harmless
            del self.marks[notes:], self.lanes[rows:], self.clocks[rows:]

    def thin(self, store: Store) -> None:
        """Joins notes between which, by now, less than a STEP of bytes is left."""
        ends = dict.fromkeys(range(1, len(store.by_number) + 1), 0)
        joined = History()
        pending: dict[int, int] = {}
        left = row = 0
        for mark in self.marks:
            for number, clock in zip(self.lanes[row:mark], self.clocks[row:mark], strict=True):
                if clock > ends[number]:
                    left += store.by_number[number - 1].bytes_between(ends[number], clock)
                    pending[number] = ends[number] = clock
            row = mark
            if left >= STEP:
                joined._flush(pending)
                left, pending = 0, {}
        if pending:
            joined._flush(pending)
        self.lanes, self.clocks, self.marks = joined.lanes, joined.clocks, joined.marks

    def _flush(self, ends: Mapping[int, int]) -> None:
        self.lanes.extend(ends.keys())
        self.clocks.extend(ends.values())
        self.marks.append(len(self.lanes))


class CatchUp:
    """One peer's catch-up, from its clocks to what the store held when it began."""

    def __init__(self, store: Store, have: Mapping[int, int], limit: int) -> None:
        self._store = store
        self._limit = limit
        self._sent = {client: have.get(client, 0) for client in store.lanes}
        self._goal = {client: lane.end for client, lane in store.lanes.items()}

    def updates(self) -> Iterator[bytes]:
        """The updates; at least one."""
        store, goal, sent = self._store, self._goal, self._sent
        history = store.history
        lanes, clocks, marks = history.lanes[:], history.clocks[:], history.marks[:]
        cut = dict(sent)  # how far this update goes
        row = size = 0
        for mark in marks:
            for number, clock in zip(lanes[row:mark], clocks[row:mark], strict=True):
                lane = store.by_number[number - 1]
                clock = min(clock, goal[lane.client])
                if clock > cut[lane.client]:
                    size += lane.bytes_between(cut[lane.client], clock)
                    cut[lane.client] = clock
            row = mark
            if size >= self._limit:
                yield assemble(self._cuts(cut), ())
                size = 0
        yield from self._deletes(self._cuts({client: max(cut[client], end) for client, end in goal.items()}))

    def _cuts(self, to: Mapping[int, int]) -> dict[int, list[Cut]]:
        """The structs up to these clocks, which are sent by that."""
        cuts = {}
        for client, end in to.items():
            at = self._sent[client]
            if end > at:
                cuts[client] = [Cut(at, end, *self._store.lanes[client].cut(at, end))]
                self._sent[client] = end
        return cuts

    def _deletes(self, cuts: dict[int, list[Cut]]) -> Iterator[bytes]:
        """The last structs, and the deletes of what was sent."""
        sets: list[tuple[int, bytes]] = []
        size = sum(len(cut.data) for client_cuts in cuts.values() for cut in client_cuts)
        for client, goal in sorted(self._goal.items(), reverse=True):
            ranges = self._store.dead.get(client)
            count, body = 0, b""
            for n, encoded in ranges.below(goal) if ranges is not None else ():
                count += n
                body += encoded
                if size + len(body) >= self._limit:
                    sets.append((client, write(count) + body))
                    yield assemble(cuts, sets)
                    cuts, size, sets, count, body = {}, 0, [], 0, b""
            if count:
                sets.append((client, write(count) + body))
                size += len(body)
        yield assemble(cuts, sets)
