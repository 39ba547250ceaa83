"""Whether a room's memory is what its log says: a replay of the log beside the room, and a comparison of the two."""

from __future__ import annotations

from typing import NamedTuple

from motet.crdt import Documents, Replica, View
from motet.crdt.replica import Difference
from motet.rooms.hub import Hub
from motet.rooms.served import Served
from motet.rooms.steps import run

LOG_BYTES = 8 << 20
"""Documents over it are not replayed: reading so much each time would be felt by the disk."""


class LogDiffers(NamedTuple):
    """In what the log differs from memory, and what it has."""

    what: Difference
    replayed: Replica


class Replaying:
    """Looks at logs; the exact state hash decides where structures alone cannot."""

    def __init__(self, hub: Hub, documents: Documents) -> None:
        self._hub = hub
        self._documents = documents

    async def look(self, served: Served) -> LogDiffers | None:
        """[V2] None: they are one. It says nothing if the room changed meanwhile. Raises Unavailable, StoreCorrupt,
        RoomDeleted."""
        replayed = await self._hub.replica_of(await self._hub.store.load(served.name))
        found = await run(served.room.replica.differs(replayed))
        return None if found is None else LogDiffers(found, replayed)

    async def is_real(self, found: LogDiffers, memory: Replica) -> bool:
        """[V2] Whether a reader of both would see a difference. A delete that only one has may be implicit: no update
        says it, and every reader draws it by itself. Raises DocumentFailed, TryLater."""
        return found.what.content or await self._hash(memory) != await self._hash(found.replayed)

    async def _hash(self, replica: Replica) -> str:
        return await self._documents.view(replica.encode(), View.HASH)
