"""Named events: what components tell, once, to whoever listens. No event holds a token or a document's content.

What happens for every edit is no event: the hot path adds to `Counts` and to histograms, once a tick. `UpdateApplied`
and `CommitDone` are told of a sample. docs/OBSERVABILITY.md has a row for each event, made from this file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from motet.errors import MotetError, Unavailable
from motet.observability.tracebacks import told_of

NAME_SHOWN = 256
"""Characters of a room's name in an event: what is refused for being no name may have millions, and events are kept."""

# ---- connections and members


@dataclass(frozen=True, slots=True)
class ConnectionOpened:
    """A WebSocket was opened."""

    connection: str
    dialect: str
    address: str


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """A WebSocket has ended, `clean` if the peer took part in it."""

    connection: str
    dialect: str
    address: str
    code: int
    clean: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class AccessGranted:
    """Somebody was let into a room."""

    user: str
    room: str
    role: str
    dialect: str
    address: str
    token_id: str
    connection: str = ""


@dataclass(frozen=True, slots=True)
class AccessRefused:
    """Somebody was not let in. The user is "" where nobody was recognised; `cause` is for the operator alone."""

    user: str
    room: str
    reason: str
    code: int
    dialect: str
    address: str
    cause: str = ""
    connection: str = ""

    @classmethod
    def by(
        cls, error: MotetError, *, user: str, room: str, dialect: str, address: str, connection: str = ""
    ) -> AccessRefused:
        """The event of this error, with what lies behind one that is no fault of the peer's."""
        behind = error.__cause__
        cause = told_of(behind) if isinstance(error, Unavailable) and behind is not None else ""
        return cls(user, room[:NAME_SHOWN], str(error), error.code, dialect, address, cause, connection)


@dataclass(frozen=True, slots=True)
class AccessEnded:
    """Somebody who was in had to go: the grant expired or was revoked, the role was taken away, the room was deleted,
    or the server sent them away for what they did."""

    user: str
    room: str
    reason: str
    code: int
    dialect: str
    address: str
    connection: str = ""


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """Somebody who is in may do other things from now on."""

    user: str
    room: str
    before: str
    role: str
    address: str
    connection: str = ""


@dataclass(frozen=True, slots=True)
class Ruled:
    """An administrator decided something; `act`: revoke_user, revoke_token, revoke_room, set_role, delete_room,
    recreate_room, kick, resync, compact, log_level."""

    by: str
    act: str
    subject: str
    room: str
    role: str
    address: str


@dataclass(frozen=True, slots=True)
class MemberJoined:
    """A connection is in a room; `seconds` from the upgrade, or from the document's first message."""

    room: str
    user: str
    dialect: str
    address: str
    connection: str
    seconds: float


@dataclass(frozen=True, slots=True)
class MemberLeft:
    """A connection has left a room, or was sent away."""

    room: str
    user: str
    dialect: str
    address: str
    connection: str
    seconds: float
    """That it was in."""


@dataclass(frozen=True, slots=True)
class MemberBehind:
    """A member reads more slowly than the room writes: it gets no updates until it has drained."""

    room: str
    user: str
    connection: str
    size: int
    """Bytes in its write buffer."""


@dataclass(frozen=True, slots=True)
class MemberCaughtUp:
    """A member that was behind has everything again."""

    room: str
    user: str
    connection: str
    seconds: float


@dataclass(frozen=True, slots=True)
class PeerSlowed:
    """A socket is not read for some seconds, since it is over a rate; `kind`: socket or room."""

    connection: str
    room: str
    user: str
    kind: str
    seconds: float


# ---- edits


@dataclass(frozen=True, slots=True)
class UpdateApplied:
    """A sample of ticks: what a room took in one turn of the loop went to the others after so many seconds."""

    room: str
    connection: str
    """Whose update was the first."""
    rows: int
    """Authors."""
    size: int
    """Bytes that were new."""
    seconds: float
    trace: str = ""
    """Trace id, or "" where there is none."""


@dataclass(frozen=True, slots=True)
class EditRefused:
    """An edit was not taken; told once for each reason while its author is in. `kind`: lane, quota, malformed,
    conflict."""

    user: str
    room: str
    kind: str
    reason: str
    address: str
    connection: str = ""


@dataclass(frozen=True, slots=True)
class Resynced:
    """A member was asked for what the server lacks, by sync step 1; `reason`: malformed, early, role, store, operator,
    divergence."""

    room: str
    user: str
    reason: str


# ---- rooms and the store


@dataclass(frozen=True, slots=True)
class RoomOpened:
    """A room came into memory."""

    room: str
    seconds: float
    size: int
    """Bytes of its document."""


@dataclass(frozen=True, slots=True)
class RoomClosed:
    """A room left memory."""

    room: str


@dataclass(frozen=True, slots=True)
class CommitDone:
    """A sample of commits: so many rows are on disk."""

    rows: int
    size: int
    """Bytes of their updates."""
    seconds: float


@dataclass(frozen=True, slots=True)
class SnapshotWritten:
    """A room's log was folded into a snapshot."""

    room: str
    seq: int
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SnapshotFailed:
    """A snapshot could not be written; it is tried again."""

    room: str
    reason: str


@dataclass(frozen=True, slots=True)
class StoreFailed:
    """The store could not write or read what it had to; told once for each commit, and each room that does not load."""

    reason: str
    room: str = ""


@dataclass(frozen=True, slots=True)
class ReadOnlyBegan:
    """No edit is taken until the store is back."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReadOnlyEnded:
    """The store is back, and edits are taken again."""

    seconds: float


# ---- the server itself


@dataclass(frozen=True, slots=True)
class LoopLagged:
    """Something kept the event loop busy for so long; told at most once a second."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Drained:
    """The server has stopped: everybody was sent away, and what they sent is on disk."""

    seconds: float
    """Since it was told to."""


@dataclass(frozen=True, slots=True)
class KeysUnavailable:
    """The published keys of tokens cannot be fetched; told when it begins, and once a minute."""

    reason: str
    seconds: float
    """Since the first failure."""


@dataclass(frozen=True, slots=True)
class DivergenceFound:
    """Two that should hold the same do not; confirmed. `kind`: log (a room's memory and its log), member."""

    room: str
    user: str
    kind: str
    ours: str
    theirs: str
    """State vectors, as text."""
    client: int
    start: int
    end: int
    """The first range of a client's ids in which they differ."""


@dataclass(frozen=True, slots=True)
class DivergenceHealed:
    """They hold the same again; `how`: resync, reload."""

    room: str
    user: str
    how: str


@dataclass(frozen=True, slots=True)
class Unexpected:
    """An exception that nobody designed: a bug of ours, or of what we use."""

    where: str
    error: str
    room: str = ""
    user: str = ""
    event: str = ""
    connection: str = ""


Event = (
    ConnectionOpened
    | ConnectionClosed
    | AccessGranted
    | AccessRefused
    | AccessEnded
    | RoleChanged
    | Ruled
    | MemberJoined
    | MemberLeft
    | MemberBehind
    | MemberCaughtUp
    | PeerSlowed
    | UpdateApplied
    | EditRefused
    | Resynced
    | RoomOpened
    | RoomClosed
    | CommitDone
    | SnapshotWritten
    | SnapshotFailed
    | StoreFailed
    | ReadOnlyBegan
    | ReadOnlyEnded
    | LoopLagged
    | Drained
    | KeysUnavailable
    | DivergenceFound
    | DivergenceHealed
    | Unexpected
)

Observer = Callable[[Event], None]
"""Who listens. It must not raise and must not wait."""


def name_of(event: type[Event]) -> str:
    """The name of a class of events in logs, documents and traces: `access_granted`, `role_changed`, …"""
    return snake_case(event.__name__)


def snake_case(name: str) -> str:
    """`AccessGranted` is `access_granted`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
