"""A Yjs document as raw structs: state vector, diff and integrate, without a linked list and without native code."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from hashlib import sha256

from motet.crdt.replica.catchup import CatchUp
from motet.crdt.replica.compaction import Compaction
from motet.crdt.replica.difference import Difference, difference
from motet.crdt.replica.gate import Gate
from motet.crdt.replica.lane import Lane
from motet.crdt.replica.news import Ledger, News
from motet.crdt.replica.scan import read_state_vector
from motet.crdt.replica.sidecar import open_store, write_sidecar
from motet.crdt.replica.slow import SlowTake
from motet.crdt.replica.store import Store
from motet.crdt.replica.survey import May, Touched, survey
from motet.crdt.replica.taker import TAKEN, Taker
from motet.varint import read, write


class Replica:
    """A Yjs document, structurally. Not thread-safe; every method is one step, every generator many."""

    __slots__ = ("_gate", "_ledger", "_store", "_taker", "_typing")

    def __init__(self) -> None:
        self._start(Store())

    def _start(self, store: Store) -> None:
        self._store = store
        self._gate = Gate()
        self._ledger = Ledger()
        self._taker = Taker(store, self._gate, self._ledger)
        self._typing: Lane | None = None  # where the last typing went

    @classmethod
    def open(cls, encoded: bytes, sidecar: bytes) -> Replica:
        """The replica that gave `encode()` and `sidecar()`: a read, not a scan.

        Both are trusted to be what a replica wrote, and checked to fit: raises MalformedUpdate if they do not."""
        self = cls.__new__(cls)
        self._start(open_store(encoded, sidecar))
        return self

    @classmethod
    def load(cls, encoded: bytes) -> Replica:
        """A replica that holds an update, by scanning it (0.2 s a megabyte). Raises MalformedUpdate."""
        self = cls()
        for _ in SlowTake(self._taker, encoded, 0).steps():
            pass
        self._ledger.drain(self._store.lanes)
        return self

    # -- taking

    def take(self, update: bytes, author: int) -> int:
        """Takes in what is new, attributed to the author, for the next news().

        TAKEN, DROPPED, or a ticket > 0: a part waits for what it lacks (a duplicate gets the same ticket).
        Raises MalformedUpdate or IdConflict, with nothing changed."""
        lane = self._typing
        if lane is None or not update.startswith(lane.expected):
            lane = self._typed_lane(update)
        if lane is not None:
            clock = lane.end
            size = lane.type_update(update)
            if size:
                self._typing = lane
                self._store.size += size
                self._ledger.typed(author, lane.client, clock, update)
                if self._gate.bytes:
                    self._taker.wake([lane.client])
                return TAKEN
        return self._taker.take(update, author)

    def _typed_lane(self, update: bytes) -> Lane | None:
        """The lane whose last text the update seems to go on with."""
        if not update.endswith(b"\0") or not update.startswith(b"\1\1"):
            return None  # it deletes, or it is not one struct
        try:
            lane = self._store.lanes.get(read(update, 2)[0])
        except (IndexError, ValueError):
            return None  # the scan will say what is wrong with it
        return lane if lane is not None and update.startswith(lane.expected) else None

    def take_slowly(self, update: bytes, author: int) -> Generator[None, None, int]:
        """The same for a large update (more than SLOW bytes), in steps of about 2 ms.

        Between the steps anything else may be called. The format is validated, and known ids are compared, before
        anything changes; an IdConflict that only arises between the steps leaves what was integrated by then."""
        return (yield from SlowTake(self._taker, update, author).steps())

    def touched(self, update: bytes) -> Touched:
        """What `take` would change now, by root type; changes nothing. Raises MalformedUpdate.

        Bytes of deletes that are known, and of structs that are, touch nothing: a sync step 2 repeats its sender's
        whole delete set. But it also has deletes that no update ever said, as every reader draws them by itself (the
        loser of two concurrent sets of a map's key): new here, in `roots` and not in `written`, and no violation.
        Costs 2 µs (typing) to 6 µs on top
        of the scan of a small update, in a document of 0.7 MB."""
        return survey(self._store, update)

    def touching(self, update: bytes) -> Generator[None, None, Touched]:
        """The same for a large update (more than SLOW bytes), in steps of about 2 ms; IdConflict is raised too.

        Between the steps anything else may be called."""
        return (yield from SlowTake(self._taker, update, 0).survey())

    def take_within(self, update: bytes, author: int, may: May) -> Generator[None, None, int]:
        """take_slowly for an author that may write some roots only, of an update for which touched() said no more.

        Its deletes in other roots are left out, and nothing of it waits. Each slice is looked at once more before it is
        integrated: raises IdConflict if others brought ids that the update claims between the steps, elsewhere."""
        return (yield from SlowTake(self._taker, update, author, may).steps())

    def forget(self, author: int) -> None:
        """Drops what waits of this author: it is not claimed, so a later sync offers it again. What is integrated
        stays. Its tickets never ripen, nor those of others who sent the same: they have to be asked."""
        self._gate.forget(author)

    def news(self) -> News | None:
        """What was really new since the last call, and who delivered it; None if nothing was and no ticket ripened."""
        return self._ledger.drain(self._store.lanes)

    # -- giving

    def state_vector(self) -> bytes:
        """Every client's next clock, encoded; of what is integrated, never of what waits."""
        return self._store.state_vector()

    def ends(self) -> dict[int, int]:
        """The same, not encoded."""
        return {client: lane.end for client, lane in self._store.lanes.items()}

    def diff(self, state_vector: bytes = b"\0") -> bytes:
        """An update: the structs that a peer with this state vector lacks, and every delete. Raises MalformedUpdate."""
        return self._store.diff(read_state_vector(state_vector))

    def encode(self) -> bytes:
        """All that is integrated, as one update."""
        return b"".join(self._store.pieces())

    def pieces(self) -> list[bytes]:
        """The same, to be joined: pieces of a few kilobytes (one struct may exceed it), of which nothing is a copy, so
        that a large document costs what its number of pieces does (64 MiB: 5 ms, of which joining them takes 45)."""
        return self._store.pieces()

    def lacks(self, state_vector: bytes) -> bool:
        """Whether the peer with this state vector has structs that are not here. Raises MalformedUpdate."""
        return any(clock > self._store.end(client) for client, clock in read_state_vector(state_vector).items())

    def differs(self, other: Replica) -> Generator[None, None, Difference | None]:
        """The first ids in which the other differs, of what is integrated; in steps of about a millisecond.

        As with state_hash, a delete that only one knows is a question: it may be an implicit one."""
        return (yield from difference(self._store, other._store))

    def chunks(self, state_vector: bytes, limit: int = 1 << 20) -> Iterator[bytes]:
        """The diff as updates of about `limit` bytes at most (one struct may exceed it), at least one, deletes last.

        A Yjs reader that applies them in order never has pending structs. Each is made when it is asked for; nothing
        that is here at the start is missed, whatever is taken in between. Raises MalformedUpdate."""
        return CatchUp(self._store, read_state_vector(state_vector), limit).updates()

    def sidecar(self) -> bytes:
        """What `open` wants beside `encode()`."""
        return write_sidecar(self._store)

    def state_hash(self) -> str:
        """SHA-256 of Yjs's encodeSnapshot: delete set and state vector, clients from the highest id down.

        It equals a peer's only when both know every delete: implicit ones (losers of concurrent map sets, children of
        deleted types) travel in full syncs only. A difference is a question, not an alarm."""
        store = self._store
        out = [write(len(store.dead))]
        for client in sorted(store.dead, reverse=True):
            out += [write(client), store.dead[client].encode()]
        out.append(write(len(store.lanes)))
        for client in sorted(store.lanes, reverse=True):
            out += [write(client), write(store.lanes[client].end)]
        return sha256(b"".join(out)).hexdigest()

    # -- housekeeping

    def compact(self) -> Generator[None, None, None]:
        """Drops deleted content and squashes neighbours, in steps of about 2 ms; anything may be called in between.

        Every id stays, with its origins and parent; only children of deleted types become GC."""
        return Compaction(self._store).steps()

    @property
    def size(self) -> int:
        """Bytes held: structs, deleted ranges, and what each client id takes by itself."""
        return self._store.size

    @property
    def probe_size(self) -> int:
        """About how many bytes a peer that holds the same answers to a probe (`lowered`) with: the last id of each
        client, and every delete."""
        return self._store.probe_size()

    @property
    def waiting_bytes(self) -> int:
        """Bytes held for lack of what they refer to."""
        return self._gate.bytes

    @property
    def garbage(self) -> int:
        """About how many bytes of deleted content compact() would look at; 0 after it."""
        return self._store.garbage
