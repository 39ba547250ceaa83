"""The structural replica: the hot path's view of a Yjs document. Pure; see `Replica`."""

from motet.crdt.replica.assemble import batches
from motet.crdt.replica.difference import Difference
from motet.crdt.replica.gate import MAX_WAITING
from motet.crdt.replica.news import News
from motet.crdt.replica.probe import Holding, Lack, as_text, holding, lack, lowered, state_vector
from motet.crdt.replica.replica import Replica
from motet.crdt.replica.scan import MAX_CLIENTS, MAX_CLOCK, begins_before, read_state_vector
from motet.crdt.replica.slow import SLOW, at_once
from motet.crdt.replica.survey import Touched
from motet.crdt.replica.taker import DROPPED, TAKEN
from motet.crdt.replica.values import MAX_DEPTH

__all__ = [
    "DROPPED",
    "MAX_CLIENTS",
    "MAX_CLOCK",
    "MAX_DEPTH",
    "MAX_WAITING",
    "SLOW",
    "TAKEN",
    "Difference",
    "Holding",
    "Lack",
    "News",
    "Replica",
    "Touched",
    "as_text",
    "at_once",
    "batches",
    "begins_before",
    "holding",
    "lack",
    "lowered",
    "read_state_vector",
    "state_vector",
]
