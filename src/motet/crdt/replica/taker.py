"""Takes updates: what has its causes is integrated and entered in the ledger, what lacks them waits at the gate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from motet.crdt.replica.compaction import tidy
from motet.crdt.replica.gate import Gate, Piece, Ticket, Waits
from motet.crdt.replica.news import Ledger
from motet.crdt.replica.scan import Block, Deletion, scan
from motet.crdt.replica.store import Intake, Store
from motet.errors import IdConflict, MalformedUpdate

TAKEN: Final = 0
"""Everything in the update is integrated; what was new is in the next news()."""
DROPPED: Final = -1
"""It needs what we lack and the waiting room is full: a part was not kept, and the state vector does not claim it."""
_AHEAD: Final = (8, 256)  # structs that a piece scans ahead: at first, since it may be stopped at each, and at most


class Taker:
    """The one road by which a store changes."""

    __slots__ = ("gate", "ledger", "store")

    def __init__(self, store: Store, gate: Gate, ledger: Ledger) -> None:
        self.store, self.gate, self.ledger = store, gate, ledger

    def take(self, update: bytes, author: int) -> int:
        """As Replica.take."""
        store = self.store
        blocks, deletions = scan(update, store.dead)
        intake = Intake(strict=True)
        rest: Waits | None = None
        if blocks:
            if len(blocks) > 1 or len(blocks[0][1]) > 1:
                intake.trail = {}
            before = (store.size, len(store.roots), len(store.history.marks))
            try:
                rest = self._integrate(intake, update, author, blocks)
                for piece, _, _ in rest.rest() if rest is not None else ():
                    store.refuse_torn(piece.structs[piece.index :])
            except (IdConflict, MalformedUpdate):
                store.take_back(intake.trail or {}, *before)
                raise
        late = self.delete(intake, author, deletions)
        if intake.added or intake.news:
            self.ledger.enter(author, update if intake.whole and not rest and not late else None, intake.added)
        return self.finish(intake, update, author, rest, late)

    def finish(self, intake: Intake, update: bytes, author: int, rest: Waits | None, late: list[Deletion]) -> int:
        """Parks what is left of an update and wakes what waited for it; the answer is take's."""
        ticket: Ticket | None = None
        kept = True
        if rest or late:
            ticket, fresh = self.gate.ticket(update)
            kept = not fresh or self._park(ticket, author, rest, late)
        if self.gate.bytes and intake.added:
            self.wake([client for client, _ in intake.added])
        if self.store.rotten:
            tidy(self.store)  # at most one segment
        if ticket is None:
            return TAKEN
        if not kept:
            return DROPPED
        if ticket.left:
            return ticket.number
        self.ledger.ripe.remove(ticket.number)
        return TAKEN

    def _integrate(self, intake: Intake, update: bytes, author: int, blocks: list[Block]) -> Waits | None:
        """Integrates blocks in causal order; what is left waits in the answer."""
        store = self.store
        waits: Waits | None = None
        if len(blocks) == 1:
            client, structs = blocks[0]
            reached = store.advance(intake, client, structs, 0, update)
            if reached == len(structs):
                return None
            piece = Piece(client, author, update, structs)
            piece.index = reached
            waits = Waits()
            waits.wait(piece, *intake.lack)
            return waits
        waits = Waits()
        todo = [Piece(client, author, update, structs) for client, structs in reversed(blocks) if structs]
        while todo:
            piece = todo.pop()
            before = piece.index
            piece.index = store.advance(intake, piece.client, piece.structs, before, update)
            if piece.index < len(piece.structs):
                waits.wait(piece, *intake.lack)
            if waits and piece.index > before:
                todo += waits.due(piece.client, store.end(piece.client))
        return waits

    def delete(self, intake: Intake, author: int, deletions: Iterable[Deletion]) -> list[Deletion]:
        """Deletes what is there; the rest is the answer."""
        store = self.store
        for client, a, z in intake.gone:
            # Told like any delete: who was shown these ids when they had content keeps that otherwise, where a commit
            # failed in between and their author has deleted them since.
            new = store.gone(client, a, z)
            if new:
                self.ledger.deleted(author, client, new)
                intake.whole = False
        late: list[Deletion] = []
        for client, a, z in deletions:
            lane = store.lanes.get(client)
            end = 0 if lane is None else lane.end
            if z > end:
                late.append((client, max(a, end), z))
                z = end
            new = store.delete(lane, a, z) if lane is not None and a < z else []
            if new:
                intake.news = True
                self.ledger.deleted(author, client, new)
            if len(new) != 1 or new[0] != (a, z):
                intake.whole = False
        return late

    def _park(self, ticket: Ticket, author: int, rest: Waits | None, late: list[Deletion]) -> bool:
        """Hands what is left of an update to the gate. False: a part did not fit, the ticket will not ripen."""
        kept = True
        for piece, client, clock in rest.rest() if rest is not None else ():
            piece.shrink()
            kept = self.gate.park(piece, ticket, client, clock) and kept
        ends: dict[int, int] = {}
        for client, a, z in late:
            kept = self.gate.park_deletion(author, client, a, z) and kept
            ends[client] = max(z, ends.get(client, 0))
        for client, z in ends.items():  # the ticket waits for the last of a client's ids
            kept = self.gate.park(Piece(client, author, b"", []), ticket, client, z - 1) and kept
        if not kept:
            self.gate.spoil(ticket)
        return kept

    def wake(self, clients: list[int]) -> None:
        """Goes on with what waited for these clients' new ids, and with what that frees in turn."""
        gate, store = self.gate, self.store
        while clients:
            client = clients.pop()
            end = store.end(client)
            for piece in gate.due(client, end):
                before = store.end(piece.client)
                lack = self._run(piece)
                if lack is not None:
                    gate.again(piece, *lack)
                if store.end(piece.client) > before:
                    clients.append(piece.client)
            for a, z, author in gate.due_deletions(client, end):
                new = store.delete(store.lanes[client], a, z)
                if new:
                    self.ledger.deleted(author, client, new)
                    self.ledger.enter(author, None, [])

    def _run(self, piece: Piece) -> tuple[int, int] | None:
        """Goes on with a piece; the id it lacks, or None if it is finished with."""
        intake = Intake(strict=False)
        lack: tuple[int, int] | None = None
        ahead, most = _AHEAD
        try:
            while piece.index < len(piece.structs) or piece.left:
                if piece.index == len(piece.structs):
                    piece.refill(ahead)
                    ahead = min(2 * ahead, most)
                piece.index = self.store.advance(intake, piece.client, piece.structs, piece.index, piece.data)
                if piece.index < len(piece.structs):
                    lack = intake.lack
                    break
        except (IdConflict, MalformedUpdate):
            # its sender is long answered, and is never told that this is integrated: the ticket does not ripen
            assert piece.ticket is not None
            self.gate.spoil(piece.ticket)
        if intake.added:
            self.delete(intake, piece.author, ())
            self.ledger.enter(piece.author, None, intake.added)
        if lack is None:
            ticket = self.gate.done(piece)
            if ticket is not None and ticket.number:
                self.gate.close(ticket)
                self.ledger.ripe.append(ticket.number)
        return lack
