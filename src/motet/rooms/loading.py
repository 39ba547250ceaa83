"""From what is stored of a room to its replica, and back to a snapshot."""

from __future__ import annotations

from collections.abc import Generator

from motet.crdt.replica import SLOW, Replica, at_once
from motet.errors import MalformedUpdate, StoreCorrupt
from motet.ids import Seq
from motet.persistence import Snapshot, StoredRoom

ROWS_PER_STEP = 200
"""Log rows that are taken before the loop may do something else; about 1 ms."""


def loading(stored: StoredRoom) -> Generator[None, None, Replica]:
    """The replica of a stored room, in steps of about a millisecond. Raises StoreCorrupt for bytes that do not load."""
    try:
        snapshot = stored.snapshot
        replica = Replica.open(snapshot.data, snapshot.sidecar) if snapshot is not None else Replica()
        for n, row in enumerate(stored.tail, 1):
            if len(row.data) > SLOW:
                yield from replica.take_slowly(row.data, 0)
            else:
                replica.take(row.data, 0)
            if n % ROWS_PER_STEP == 0:
                replica.news()
                yield
    except MalformedUpdate as e:
        raise StoreCorrupt(f"what is stored does not load: {e}") from e
    replica.news()
    return replica


def load(stored: StoredRoom) -> Replica:
    """The same, at once."""
    return at_once(loading(stored))


def snapshot_of(replica: Replica, head: Seq, at: int) -> Snapshot:
    """The replica as a snapshot at the newest row on disk; `at` in milliseconds since the epoch."""
    return Snapshot(head, replica.encode(), replica.sidecar(), at)
