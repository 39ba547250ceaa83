"""What is added up since the start of the process: plain integers on the hot path, and what events bring."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from motet.errors import (
    Forbidden,
    MotetError,
    NotAuthenticated,
    OverQuota,
    ProtocolViolation,
    RateLimited,
    Restarting,
    RoomDeleted,
    TryLater,
    Unavailable,
)
from motet.observability.events import snake_case

OTHER: Final = "other"
"""The label of what is counted under no name of its own."""
MAX_LABELS: Final = 24
"""Values of one label. All come from our own code; this is for the day on which one does not."""


def about(text: str, label: str = "") -> Mapping[str, str]:
    """What a field's metric says of itself, and its label if it has one."""
    return {"help": text, "label": label}


class Labelled(Counter[str]):
    """A count for each value of a label."""

    def add(self, value: str) -> None:
        """One more of this value."""
        self[value if value in self or len(self) < MAX_LABELS else OTHER] += 1


def each(*values: str) -> Callable[[], Labelled]:
    """A count for each of these from the beginning: an alert sees the first of a kind only if it was 0 before."""
    return lambda: Labelled(dict.fromkeys(values, 0))


ERRORS: Final = (
    *(ProtocolViolation, NotAuthenticated, Forbidden, RoomDeleted, OverQuota, RateLimited),
    *(TryLater, Restarting, Unavailable, MotetError),
)
REASONS: Final = {error.code: snake_case(error.__name__) for error in ERRORS}
"""Close code to the name of its error: the labels of refusals."""
DIALECTS: Final = ("yjs", "hocuspocus")


@dataclass(slots=True)
class Counts:
    """Totals. Each is a metric of the same name (`motet_<name>_total`)."""

    # What the hot path adds: per message, per frame, per tick, per commit.
    messages_in: int = field(default=0, metadata=about("WebSocket messages received"))
    bytes_in: int = field(default=0, metadata=about("Bytes of WebSocket messages received"))
    frames_out: int = field(default=0, metadata=about("Frames written to members"))
    bytes_out: int = field(default=0, metadata=about("Bytes of frames written to members"))
    updates: int = field(default=0, metadata=about("Updates that members sent; those that were refused too"))
    update_bytes: int = field(default=0, metadata=about("Bytes of updates that were new"))
    rows: int = field(default=0, metadata=about("Log rows that are on disk"))
    row_bytes: int = field(default=0, metadata=about("Bytes of these rows"))
    presence_frames: int = field(default=0, metadata=about("Presence frames written to members"))
    presence_dropped: int = field(
        default=0, metadata=about("Presence frames not written, for their member was behind: it gets the newest later")
    )
    log_lines_dropped: int = field(
        default=0, metadata=about("Log lines that were not written, for there were too many of their name")
    )

    # What events bring.
    connections: Labelled = field(default_factory=each(*DIALECTS), metadata=about("WebSockets opened", "dialect"))
    refusals: Labelled = field(
        default_factory=each(*REASONS.values()),
        metadata=about("Connections, documents or requests not let in", "reason"),
    )
    joins: Labelled = field(default_factory=each(*DIALECTS), metadata=about("Members that came into a room", "dialect"))
    dismissed: int = field(default=0, metadata=about("Members that were told to go"))
    behind: int = field(default=0, metadata=about("Times that a member fell behind: its write buffer was full"))
    resyncs: Labelled = field(
        default_factory=each("malformed", "early", "role", "store", "operator", "divergence"),
        metadata=about("Times that a member was asked for what the server lacks", "reason"),
    )
    edits_refused: Labelled = field(
        default_factory=each("lane", "quota", "malformed", "conflict"),
        metadata=about("Edits that were not taken", "reason"),
    )
    slowed: Labelled = field(
        default_factory=each("socket", "room"),
        metadata=about("Seconds in which a socket, or a room, was not read for a while: it was over a rate", "kind"),
    )
    rooms_opened: int = field(default=0, metadata=about("Rooms that came into memory"))
    rooms_closed: int = field(default=0, metadata=about("Rooms that left memory"))
    snapshots: int = field(default=0, metadata=about("Snapshots written"))
    snapshot_failures: int = field(default=0, metadata=about("Snapshots that could not be written"))
    store_failures: int = field(default=0, metadata=about("Reads and writes of the store that failed"))
    divergences: Labelled = field(
        default_factory=each("log", "member"),
        metadata=about("Confirmed: a room and its log (log), or a member and its room (member), differ", "kind"),
    )
    healed: Labelled = field(
        default_factory=each("resync", "reload"), metadata=about("Divergences that were healed", "how")
    )
    exceptions: int = field(default=0, metadata=about("Exceptions that nobody designed"))
