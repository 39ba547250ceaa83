"""A member: one connection inside one room, as the room sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from motet.access import Grant, Role
from motet.ids import MemberId


class Parked(NamedTuple):
    """An update that waits for what it refers to."""

    since: float
    """Seconds; 0.0 until the room is next woken."""
    statuses: int
    """How many statuses its integration owes its author."""


@dataclass(slots=True, eq=False)
class Member:
    """One connection inside a room. The room owns what is in it; whoever made it may keep it as a handle."""

    id: MemberId
    grant: Grant
    role: Role
    """What the grant is worth in this room now."""
    writes_all: bool
    """The role may write every lane of the document, so that its updates need no closer look."""
    wants_status: bool
    """Its dialect tells authors what is saved."""

    strikes: int = 0
    """Malformed updates so far: the first is answered with sync step 1, the second with a close."""
    began: Mapping[int, int] | None = None
    """[H8] Where the client has begun a sync, which it counts as one unsaved change: the clocks that it had. Its next
    sync step 2 has a status of its own, and holds all that it counts, whichever of our questions it answers. Updates
    from before these clocks are of its queue of when its link was broken, and it counts them no more."""
    unanswered: int = 0
    """Sync step 1s that were sent and not answered yet."""
    stale: int = 0
    """Of these, the first so many asked on behalf of a replica that is gone: their answers leave out what was lost."""
    owed: int = 0
    """Statuses withheld for updates that were not taken; they follow the commit of the member's next sync step 2."""
    refused: int = 0
    """Statuses that were false, for what the member might not write; they are owed when it may write more."""
    parked: dict[int, Parked] = field(default_factory=dict)
    """By ticket: its updates that wait for what they refer to."""
    dropped: bool = False
    """Something of it found no room to wait. A part of that may wait all the same, of which no ticket tells."""
    told: set[str] = field(default_factory=set)
    """Why something of it was refused; once is enough."""
    asked: bool = False
    """Sync step 1 was sent because something of it is parked; cleared when nothing is."""

    synced: bool = False
    """It has asked for what it lacks, so it is to hold all that the room holds."""
    probe: Callable[[bytes], None] | None = None
    """[V3] Its next sync step 2 answers a probe, and is told to this: answers come in the order of the questions, and
    nothing was unanswered when it was sent."""

    behind_since: float = 0.0
    """When the member last made progress while it is behind (seconds); 0.0 while it is not."""
    have: bytes = b""
    """While behind: the state vector from which it must catch up."""
    chunks: Iterator[bytes] | None = None
    """While catching up: what is left of the diff from `have`."""
    aim: bytes = b""
    """While catching up: the state vector that the member reaches when `chunks` is empty."""
    rounds: int = 0
    """While catching up: how often a new diff was begun since the member fell behind."""
    answer_due: bool = False
    """While behind: a sync step 1 waits for its sync step 2."""

    def is_behind(self) -> bool:
        """Whether document frames are kept back from it."""
        return self.behind_since > 0.0

    def is_sound(self) -> bool:
        """[V4] Whether it is to hold exactly what the room holds: nothing of it was refused, waits, or is asked for."""
        in_doubt = self.strikes or self.told or self.refused or self.owed or self.parked or self.began is not None
        return self.synced and not (in_doubt or self.unanswered or self.is_behind())
