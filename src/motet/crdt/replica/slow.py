"""Taking a large update in steps of about 2 ms, between which the replica serves others.

First the whole update is validated, and what is known of it compared, with nothing changed. Then its blocks are
integrated in slices. A slice may be one struct of any size: a megabyte of text takes 1 ms, of JSON text 10.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Final, TypeVar

from motet.crdt.replica.conflict import Comparison
from motet.crdt.replica.gate import Piece, Waits
from motet.crdt.replica.scan import (
    MAX_CLIENTS,
    BigValue,
    Deletion,
    Struct,
    read_head,
    scan_block,
    scan_known_ranges,
    scan_ranges,
)
from motet.crdt.replica.store import Intake
from motet.crdt.replica.survey import May, Survey, Touched, deletes_within, writes_elsewhere
from motet.crdt.replica.taker import Taker
from motet.crdt.replica.values import skip_values
from motet.errors import IdConflict, MalformedUpdate
from motet.varint import read

SLOW: Final = 32 << 10
"""Bytes from which an update is better taken in steps."""
_STRUCTS: Final = 128  # in a slice
_VALUE_BYTES: Final = 8 << 10  # of one struct's values walked in a step
_RANGES: Final = 512  # deleted ranges in a step

Steps = Generator[None, None, None]
T = TypeVar("T")


def at_once(steps: Generator[None, None, T]) -> T:
    """The result of work in steps, with nothing between them."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: T = done.value
            return result


class SlowTake:
    """One large update on its way in; with `may`, only into these roots, as Replica.take_within."""

    def __init__(self, taker: Taker, update: bytes, author: int, may: May | None = None) -> None:
        self._taker = taker
        self._may = may
        self._update = update
        self._author = author
        self._pieces: list[Piece] = []
        self._deletions: list[tuple[int, int, int]] = []  # client, how many ranges, where
        self._comparison = Comparison()

    def steps(self) -> Generator[None, None, int]:
        """Runs it; the answer is as Replica.take's."""
        yield from self.validate()
        return (yield from self.integrate())

    def survey(self) -> Generator[None, None, Touched]:
        """Only looks; the answer is as Replica.touched's."""
        yield from self.validate()
        seen, waits = Survey(self._taker.store), Waits()
        todo = self._pieces[::-1]
        while todo:
            piece = todo.pop()
            before = seen.end(piece.client)
            yield from self._look(seen, piece)
            if piece.index < len(piece.structs):
                waits.wait(piece, *seen.lack)
            end = seen.end(piece.client)
            if waits and end > before:
                todo += waits.due(piece.client, end)
        seen.unresolved = bool(waits)
        for deletions in self._slices():
            for deletion in deletions:
                seen.delete(*deletion)
            yield
        return seen.touched()

    def validate(self) -> Steps:
        """Finds the blocks and deletes. Raises MalformedUpdate, IdConflict."""
        try:
            blocks, at = read(self._update, 0)
            if blocks > MAX_CLIENTS:
                raise MalformedUpdate(f"more than {MAX_CLIENTS} clients")
            for _ in range(blocks):
                at = yield from self._validate_block(at)
            at = yield from self._validate_deletions(at)
        except (IndexError, ValueError, RecursionError) as error:
            raise MalformedUpdate(f"not an update: {error}") from None
        if len({piece.client for piece in self._pieces}) < len(self._pieces):
            raise MalformedUpdate("two blocks of one client")  # readers forget the first
        if at != len(self._update):
            raise MalformedUpdate("bytes after the update's end")

    def _validate_block(self, at: int) -> Generator[None, None, int]:
        b = self._update
        count, client, me, clock, at = read_head(b, at)
        piece = Piece(client, self._author, b, [])
        piece.left, piece.clock, piece.at = count, clock, at
        while count:
            slice_ = min(count, _STRUCTS)
            try:
                structs, at = scan_block(b, at, me, client, clock, slice_, piece.walks, _VALUE_BYTES)
            except BigValue as big:
                piece.walks[big.content] = yield from self._walk(big)
                continue
            self._compare(client, structs)
            count -= slice_
            clock = structs[-1][0] + structs[-1][1]
            yield
        piece.stop = at
        self._pieces.append(piece)
        return at

    def _walk(self, big: BigValue) -> Generator[None, None, list[tuple[int, int]]]:
        """Walks a big content in steps, noting where it may be split."""
        count, _ = read(self._update, big.content)
        at, walk = big.at, []
        while big.stack:
            if len(big.stack) == 1 and big.stack[0] > 1:  # between two of its values, not inside one
                walk.append((count - (big.stack[0] >> 1), at))
            yield
            at = skip_values(self._update, at, big.stack, at + _VALUE_BYTES)
        return [*walk, (count, at)]

    def _compare(self, client: int, structs: list[Struct]) -> None:
        lane = self._taker.store.lanes.get(client)
        if lane is None:
            return
        for struct in structs:
            if struct[0] >= lane.end:
                return
            if not self._comparison.same(lane, self._update, struct, lane.end):
                raise IdConflict(f"id_conflict: client id {client} is used by two replicas")

    def _validate_deletions(self, at: int) -> Generator[None, None, int]:
        """Only finds where each client's ranges are: a million of them would fill 100 MB."""
        clients, at = read(self._update, at)
        for _ in range(clients):
            client, at = read(self._update, at)
            count, at = read(self._update, at)
            self._deletions.append((client, count, at))
            while count:
                ranges = min(count, _RANGES)
                at = scan_ranges(self._update, at, client, ranges, [])
                count -= ranges
                yield
        return at

    def _slices(self) -> Iterator[list[Deletion]]:
        """The deletes that are not plainly known, some at a time; what is known is asked for each time."""
        for client, count, at in self._deletions:
            while count:
                ranges = min(count, _RANGES)
                deletions: list[Deletion] = []
                known = self._taker.store.dead.get(client)
                if known is None:
                    at = scan_ranges(self._update, at, client, ranges, deletions)
                else:
                    at = scan_known_ranges(self._update, at, client, ranges, known, deletions)
                count -= ranges
                yield deletions

    def _delete(self) -> Generator[None, None, list[Deletion]]:
        """Deletes what is there; the rest is the answer."""
        late: list[Deletion] = []
        for deletions in self._slices():
            if self._may is not None:
                deletions = list(deletes_within(self._taker.store, deletions, self._may))
            intake = Intake(strict=False)
            late += self._taker.delete(intake, self._author, deletions)
            self._enter(intake)
            yield
        return late

    def integrate(self) -> Generator[None, None, int]:
        """Takes in what was validated, in causal order; what is left goes to the gate.

        Raises IdConflict if another replica used the same ids between the steps: what is integrated by then stays."""
        store = self._taker.store
        waits = Waits()
        todo = self._pieces[::-1]
        while todo:
            piece = todo.pop()
            before = store.end(piece.client)
            lack = yield from self._run(piece)
            if lack is not None:
                waits.wait(piece, *lack)
            if waits and store.end(piece.client) > before:
                todo += waits.due(piece.client, store.end(piece.client))
        if waits and self._may is not None:
            raise MalformedUpdate("it refers to what is not here")  # what waits is not looked at when it comes up
        late = yield from self._delete()
        intake = Intake(strict=False)
        intake.added = [(client, 0) for _, client, _ in waits.rest()]  # others may have brought it between the steps
        return self._taker.finish(intake, self._update, self._author, waits, late)

    def _run(self, piece: Piece) -> Generator[None, None, tuple[int, int] | None]:
        """Integrates a piece as far as its causes are there; the id it lacks, or None."""
        while piece.index < len(piece.structs) or piece.left:
            if piece.index == len(piece.structs):
                piece.refill(_STRUCTS)
            if self._may is not None and writes_elsewhere(self._taker.store, piece, self._may):
                raise IdConflict("id_conflict: another replica used the ids that this one claims")
            intake = Intake(strict=False)
            intake.walks = piece.walks
            piece.index = self._taker.store.advance(intake, piece.client, piece.structs, piece.index, piece.data)
            if intake.added:
                self._taker.delete(intake, self._author, ())
                self._enter(intake)
                self._taker.wake([client for client, _ in intake.added])
            yield
            if piece.index < len(piece.structs):
                return intake.lack
        return None

    def _look(self, seen: Survey, piece: Piece) -> Steps:
        """Looks at a piece as far as its causes are there."""
        while piece.index < len(piece.structs) or piece.left:
            if piece.index == len(piece.structs):
                piece.refill(_STRUCTS)
            piece.index = seen.advance(piece.client, piece.structs, piece.index, piece.data)
            yield
            if piece.index < len(piece.structs):
                return

    def _enter(self, intake: Intake) -> None:
        if intake.added or intake.news:
            self._taker.ledger.enter(self._author, None, intake.added)
