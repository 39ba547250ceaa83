"""What the people of a room know of its document, and the edits that they make in it, in Yjs's update format 1.

A text of a bounded length, and a board of keys that are overwritten: content is replaced all the time, and what there
is stays as large as it was.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Any, NamedTuple

from pycrdt import Doc

from support.wire import Reader, var_bytes, varint

TEXT_LENGTH = 2_000
"""Characters of a room's text, above which the oldest go as new ones come."""
PHRASE = 16
"""Characters that are typed in one edit."""
VALUES = (100, 900)
"""Bytes of a value on the board."""
LARGE_VALUE = 64 << 10
"""Bytes of a value that is written past a member that does not read."""

_STRING, _ANY = 4, 8
_ORIGIN, _KEY = 0x80, 0x20
_letters = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz ", k=2 * LARGE_VALUE))


class Ids(NamedTuple):
    """A run of ids of one Yjs client."""

    client: int
    clock: int
    length: int


class Edit(NamedTuple):
    """One edit: what it adds, and its bytes."""

    added: Ids
    key: str
    """Of the board; "" in the text."""
    update: bytes


def _prose(rng: random.Random, length: int) -> bytes:
    start = rng.randrange(len(_letters) - length)
    return _letters[start : start + length].encode()


def _update(added: Ids, struct: bytes, deleted: list[Ids]) -> bytes:
    deletes = b"".join(varint(ids.client) + b"\1" + varint(ids.clock) + varint(ids.length) for ids in deleted)
    return b"\1\1" + varint(added.client) + varint(added.clock) + struct + varint(len(deleted)) + deletes


class SharedDocument:
    """One room's. Edits are made of what was noted: what the others, or the disk, are known to have."""

    def __init__(self, rng: random.Random) -> None:
        self.doc: Doc[Any] = Doc()
        """All that anybody wrote; whoever is asked by the server answers from it."""
        self.promised: dict[int, int] = {}
        """Yjs client to the clock up to which its edits were acknowledged."""
        self.writers: set[int] = set()
        self._rng = rng
        self._runs: deque[Ids] = deque()
        self._length = 0
        self._board: dict[str, Ids] = {}

    def typed(self, client: int, clock: int, last: Ids | None) -> Edit:
        """A phrase after the client's last one; of what is too much the oldest goes."""
        text = _prose(self._rng, PHRASE)
        if last is None:
            struct = bytes((_STRING, 1)) + var_bytes(b"text") + var_bytes(text)
        else:
            struct = bytes((_STRING | _ORIGIN,)) + varint(client) + varint(last.clock + last.length - 1)
            struct += var_bytes(text)
        deleted = []
        if self._length > TEXT_LENGTH:
            deleted.append(self._runs.popleft())
            self._length -= PHRASE
        return self._made(Ids(client, clock, PHRASE), "", struct, deleted)

    def put(self, client: int, clock: int, key: str, size: int = 0) -> Edit:
        """A new value under a key, over the last one that is known; of a usual size unless one is given."""
        value = _prose(self._rng, size or self._rng.randint(*VALUES))
        content = b"\1" + bytes((119,)) + var_bytes(value)
        last = self._board.get(key)
        if last is None:
            struct = bytes((_ANY | _KEY, 1)) + var_bytes(b"board") + var_bytes(key.encode()) + content
            return self._made(Ids(client, clock, 1), key, struct, [])
        struct = bytes((_ANY | _KEY | _ORIGIN,)) + varint(last.client) + varint(last.clock) + content
        return self._made(Ids(client, clock, 1), key, struct, [last])

    def _made(self, added: Ids, key: str, struct: bytes, deleted: list[Ids]) -> Edit:
        edit = Edit(added, key, _update(added, struct, deleted))
        self.doc.apply_update(edit.update)
        self.writers.add(added.client)
        return edit

    def note(self, edit: Edit) -> None:
        """Others have it, or it is saved."""
        if edit.key:
            self._board[edit.key] = edit.added
        else:
            self._runs.append(edit.added)
            self._length += edit.added.length

    def promise(self, edit: Edit) -> None:
        """It was acknowledged."""
        client, clock, length = edit.added
        self.promised[client] = max(self.promised.get(client, 0), clock + length)

    def broken(self, vector: bytes) -> list[str]:
        """What was promised and is not in this state vector of the server."""
        ends = read_vector(vector)
        return [
            f"client {client}: {clock} was saved, {ends.get(client, 0)} is there"
            for client, clock in self.promised.items()
            if ends.get(client, 0) < clock
        ]


def read_vector(vector: bytes) -> dict[int, int]:
    """A Yjs state vector: client to its next clock."""
    reader = Reader(vector)
    return {reader.varint(): reader.varint() for _ in range(reader.varint())}


def first_ids(update: bytes) -> tuple[int, int] | None:
    """Client and clock of the first struct of an update; None if it only deletes."""
    reader = Reader(update)
    if not reader.varint():
        return None
    reader.varint()
    return reader.varint(), reader.varint()
