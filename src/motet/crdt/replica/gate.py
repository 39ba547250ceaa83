"""What waits for its causes: pieces of blocks, and deletes of ids that are not there yet.

A piece waits for one id at a time, in a heap per client, so that taking an update looks only at what it frees. Bounds:
MAX_WAITING bytes, each piece counted with its overhead; beyond it pieces are dropped, and as the state vector does not
claim them, a later sync offers them again.
"""

from __future__ import annotations

from hashlib import blake2b
from heapq import heapify, heappop, heappush
from typing import Final

from motet.crdt.replica.ranges import RANGE_BYTES, Ranges
from motet.crdt.replica.scan import Struct, Walks, scan_block
from motet.varint import write

MAX_WAITING: Final = 4 << 20
"""Bytes that may wait in a document."""
PIECE_BYTES: Final = 400
"""Memory of a piece beside its structs."""


class Ticket:
    """An update of which a part waits: `left` pieces of it. Number 0: a part was lost, it never ripens."""

    __slots__ = ("digest", "left", "number")

    def __init__(self, number: int, digest: bytes) -> None:
        self.number = number
        self.digest = digest
        self.left = 0


class Piece:
    """The rest of a block: `structs[index:]`, then `left` more from `at` on. None of either: a mere wait."""

    __slots__ = (
        "at", "author", "client", "clock", "data", "index", "left", "stop", "structs", "ticket", "walks", "weight",
    )  # fmt: skip

    def __init__(self, client: int, author: int, data: bytes, structs: list[Struct]) -> None:
        self.client = client
        self.author = author
        self.data = data
        self.structs = structs
        self.index = 0
        self.at = self.clock = self.left = 0
        self.stop = structs[-1][3] if structs else 0  # where the block ends
        self.walks: Walks = {}
        self.ticket: Ticket | None = None
        self.weight = PIECE_BYTES

    def refill(self, most: int) -> None:
        """Scans up to `most` more structs. The bytes were validated when the piece was made."""
        count = min(self.left, most)
        self.structs, self.at = scan_block(
            self.data, self.at, write(self.client), self.client, self.clock, count, self.walks
        )
        last = self.structs[-1]
        self.clock = last[0] + last[1]
        self.left -= count
        self.index = 0

    def shrink(self) -> None:
        """Keeps only the bytes from the next struct to the block's end, unscanned."""
        self.rewind()
        self.data = self.data[self.at : self.stop]
        self.at, self.stop = 0, len(self.data)
        self.walks = {}
        self.weight = PIECE_BYTES + len(self.data)

    def rewind(self) -> None:
        """Forgets the scanned structs, to be scanned again."""
        if self.index < len(self.structs):
            first = self.structs[self.index]
            self.left += len(self.structs) - self.index
            self.clock, self.at = first[0], first[2]
        self.structs = []
        self.index = 0


class Waits:
    """Pieces by the id they wait for: taking out what an id frees costs nothing for what it does not free."""

    __slots__ = ("_heaps", "_order")

    def __init__(self) -> None:
        self._order = 0  # breaks ties
        self._heaps: dict[int, list[tuple[int, int, Piece]]] = {}  # by client

    def __bool__(self) -> bool:
        return bool(self._heaps)

    def wait(self, piece: Piece, client: int, clock: int) -> None:
        """The piece lacks the client's id with that clock."""
        self._order += 1
        heappush(self._heaps.setdefault(client, []), (clock, self._order, piece))

    def due(self, client: int, end: int) -> list[Piece]:
        """Takes out the pieces that waited for ids of the client below `end`."""
        heap = self._heaps.get(client)
        if heap is None:
            return []
        due = []
        while heap and heap[0][0] < end:
            due.append(heappop(heap)[2])
        if not heap:
            del self._heaps[client]
        return due

    def drop(self, author: int) -> list[Piece]:
        """Takes out the author's pieces."""
        dropped = []
        for client, heap in list(self._heaps.items()):
            kept = [entry for entry in heap if entry[2].author != author]
            if len(kept) < len(heap):
                dropped += [piece for _, _, piece in heap if piece.author == author]
                heapify(kept)
                self._heaps[client] = kept
                if not kept:
                    del self._heaps[client]
        return dropped

    def rest(self) -> list[tuple[Piece, int, int]]:
        """All that waits: piece, client and clock of the id it lacks."""
        return [(piece, client, clock) for client, heap in self._heaps.items() for clock, _, piece in heap]


class Gate:
    """The waiting room of one replica."""

    __slots__ = ("_by_digest", "_late", "_tickets", "_waits", "bytes")

    def __init__(self) -> None:
        self.bytes = 0
        self._tickets = 0  # how many were given
        self._waits = Waits()
        self._late: dict[int, tuple[Ranges, list[tuple[int, int, int]]]] = {}  # client → coverage; first, end, author
        self._by_digest: dict[bytes, Ticket] = {}

    def ticket(self, update: bytes) -> tuple[Ticket, bool]:
        """The ticket of an update, and whether it is new."""
        digest = blake2b(update, digest_size=16).digest()
        ticket = self._by_digest.get(digest)
        if ticket is not None:
            return ticket, False
        self._tickets += 1
        ticket = self._by_digest[digest] = Ticket(self._tickets, digest)
        return ticket, True

    def close(self, ticket: Ticket) -> None:
        """Forgets a ticket: all of its update is integrated."""
        self._by_digest.pop(ticket.digest, None)

    def spoil(self, ticket: Ticket) -> None:
        """A part of the ticket's update never will be integrated from here: the ticket never ripens."""
        ticket.number = 0
        self._by_digest.pop(ticket.digest, None)

    def park(self, piece: Piece, ticket: Ticket, client: int, clock: int) -> bool:
        """Holds a piece until the client's id with that clock is there. False: no room, it was dropped."""
        if self.bytes + piece.weight > MAX_WAITING:
            return False
        self.bytes += piece.weight
        piece.ticket = ticket
        ticket.left += 1
        self._waits.wait(piece, client, clock)
        return True

    def again(self, piece: Piece, client: int, clock: int) -> None:
        """A piece that was due lacks something else."""
        piece.rewind()
        self._waits.wait(piece, client, clock)

    def done(self, piece: Piece) -> Ticket | None:
        """A piece is finished with; its ticket, if that was the last of it."""
        self.bytes -= piece.weight
        ticket = piece.ticket
        assert ticket is not None
        ticket.left -= 1
        return None if ticket.left else ticket

    def park_deletion(self, author: int, client: int, a: int, z: int) -> bool:
        """Holds the delete of ids that are not there. False: no room. Ranges that wait already keep their author."""
        coverage, heap = self._late.get(client) or (Ranges(), [])
        parts = list(coverage.missing(a, z))  # as many as wait already, if it goes over all of them
        weight = (0 if heap else PIECE_BYTES) + 8 * RANGE_BYTES * len(parts)
        if self.bytes + weight > MAX_WAITING:
            return False
        self.bytes += weight
        coverage.add(a, z)
        self._late[client] = (coverage, heap)
        for part in parts:
            heappush(heap, (*part, author))
        return True

    def due(self, client: int, end: int) -> list[Piece]:
        """Takes out the pieces that waited for ids of the client below `end`."""
        return self._waits.due(client, end)

    def due_deletions(self, client: int, end: int) -> list[tuple[int, int, int]]:
        """Takes out the deleted ranges below `end`: first clock, end, author."""
        known = self._late.get(client)
        if known is None:
            return []
        coverage, heap = known
        due = []
        while heap and heap[0][0] < end:
            a, z, author = heappop(heap)
            due.append((a, min(z, end), author))
            if z > end:
                heappush(heap, (end, z, author))
            else:
                self.bytes -= 8 * RANGE_BYTES
        if not heap or coverage.count > 2 * len(heap) + 64:  # what was due is covered for nothing
            self._keep_late(client, heap)
        return due

    def forget(self, author: int) -> None:
        """Drops what waits of this author. Its tickets never ripen, and neither do those of others that rely on it."""
        for piece in self._waits.drop(author):
            self.bytes -= piece.weight
            self._spoil_piece(piece)
        forgotten: set[int] = set()
        for client, (_, heap) in list(self._late.items()):
            kept = [entry for entry in heap if entry[2] != author]
            if len(kept) < len(heap):
                self.bytes -= 8 * RANGE_BYTES * (len(heap) - len(kept))
                self._keep_late(client, kept)
                forgotten.add(client)
        for piece, _, _ in self._waits.rest():
            # another's delete of the same ids may have been left out as covered: it must be asked for again
            if not piece.data and piece.client in forgotten:
                self._spoil_piece(piece)

    def _spoil_piece(self, piece: Piece) -> None:
        if piece.ticket is not None and piece.ticket.number:
            self.spoil(piece.ticket)

    def _keep_late(self, client: int, kept: list[tuple[int, int, int]]) -> None:
        """Only these deletes of a client's ids go on waiting."""
        coverage = Ranges()
        for a, z, _ in kept:
            coverage.add(a, z)
        heapify(kept)
        self._late[client] = (coverage, kept)
        if not kept:
            del self._late[client]
            self.bytes -= PIECE_BYTES
