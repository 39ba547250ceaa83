"""CRDT ENGINE: Yjs documents, in two parts that meet only in bytes.

`Replica` (pure; the hot path): takes updates from strangers, and gives news, diffs and snapshots. It knows structs, ids
and deletes, and nothing of what they mean. `Document` (off the hot path): views and edits of the content, with pycrdt.

May import motet.errors, motet.ids, motet.varint; `crdt/replica` nothing else: no clock, randomness or I/O.
"""

from motet.crdt.build import update_of_file, update_of_json
from motet.crdt.document import Documents, view_blocking
from motet.crdt.frames import View
from motet.crdt.replica import (
    DROPPED,
    MAX_CLIENTS,
    MAX_CLOCK,
    MAX_DEPTH,
    MAX_WAITING,
    SLOW,
    TAKEN,
    News,
    Replica,
    Touched,
    batches,
    read_state_vector,
)

__all__ = [
    "DROPPED",
    "MAX_CLIENTS",
    "MAX_CLOCK",
    "MAX_DEPTH",
    "MAX_WAITING",
    "SLOW",
    "TAKEN",
    "Documents",
    "News",
    "Replica",
    "Touched",
    "View",
    "batches",
    "read_state_vector",
    "update_of_file",
    "update_of_json",
    "view_blocking",
]
