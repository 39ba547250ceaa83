"""What a room asks the hub to do. A room does nothing itself: it answers each call with a list of these."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from motet.errors import MotetError
from motet.rooms.member import Member


class Out(Enum):
    """What leaves: a message that each dialect words in its own way (or cannot say, then nothing is sent)."""

    UPDATE = auto()
    SYNC_STEP_1 = auto()
    SYNC_STEP_2 = auto()
    AWARENESS = auto()
    QUERY_AWARENESS = auto()
    """Asks a client to say its own state again."""
    SAVED = auto()
    """SyncStatus(true): everything in one Update or SyncStep2 of the member is on disk, or added nothing."""
    NOT_SAVED = auto()
    """SyncStatus(false): one Update or SyncStep2 was refused."""
    DENIED = auto()
    """The reason (UTF-8) why something was refused."""
    STATELESS = auto()


class Why(Enum):
    """What made us ask a member for what we lack."""

    GREETING = "greeting"
    """It has just come, or has asked us the same."""
    MALFORMED = "malformed"
    EARLY = "early"
    """Something of it refers to what is not here."""
    ROLE = "role"
    STORE = "store"
    OPERATOR = "operator"
    DIVERGENCE = "divergence"


class Broadcast(NamedTuple):
    """To every member that is not behind, but one; encoded once per dialect."""

    out: Out
    data: bytes
    but: Member | None


class Send(NamedTuple):
    """To one member."""

    member: Member
    out: Out
    data: bytes
    why: Why = Why.GREETING
    """Of a SYNC_STEP_1."""


class Refused(NamedTuple):
    """An edit of this member was not taken. What is said and done about it are effects of their own."""

    member: Member
    error: MotetError
    is_news: bool
    """It was not refused for this reason before."""


class Persist(NamedTuple):
    """Append one row per author; `Room.committed` or `Room.failed` is called, in order, when it is known."""

    rows: Sequence[tuple[str, bytes]]


class Dismiss(NamedTuple):
    """The member leaves the room, told why in the way that its dialect's clients understand without looping."""

    member: Member
    error: MotetError


class Challenge(NamedTuple):
    """Ping this member's socket: another device claims its entry, and silence gives it up."""

    member: Member


class WorkOn(NamedTuple):
    """`Room.work` has a long take to go on with: call it once per loop turn until it answers that it is done. The
    member's socket is not read until its own take is done, which bounds what can wait here."""

    member: Member


class WorkDone(NamedTuple):
    """A long take of this member is done: read from it again."""

    member: Member


Effect = Broadcast | Send | Refused | Persist | Dismiss | Challenge | WorkOn | WorkDone
Effects = Sequence[Effect]

NOTHING: Effects = ()
