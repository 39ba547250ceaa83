"""OBSERVABILITY: what happens, told once as a named event, and everybody who listens.

Components tell `Event`s to one `Observer`, a `Fan`; metrics, logs, traces, the audit and the console's history are its
listeners. What happens for every edit is added to `Counts` and histograms instead. Imports only config, errors and ids.
Public names: the events, and those at the end of `__all__`.
"""

from motet.observability.counts import Counts
from motet.observability.events import (
    AccessEnded,
    AccessGranted,
    AccessRefused,
    CommitDone,
    ConnectionClosed,
    ConnectionOpened,
    DivergenceFound,
    DivergenceHealed,
    EditRefused,
    Event,
    KeysUnavailable,
    LoopLagged,
    MemberBehind,
    MemberCaughtUp,
    MemberJoined,
    MemberLeft,
    Observer,
    PeerSlowed,
    ReadOnlyBegan,
    ReadOnlyEnded,
    Resynced,
    RoleChanged,
    RoomClosed,
    RoomOpened,
    Ruled,
    SnapshotFailed,
    SnapshotWritten,
    StoreFailed,
    Unexpected,
    UpdateApplied,
    name_of,
)
from motet.observability.health import Health
from motet.observability.lines import write_line
from motet.observability.logs import LOGS
from motet.observability.metrics import Gauges, exposition
from motet.observability.observer import Fan
from motet.observability.recent import Recent, Refusal

__all__ = [
    "LOGS",
    "AccessEnded",
    "AccessGranted",
    "AccessRefused",
    "CommitDone",
    "ConnectionClosed",
    "ConnectionOpened",
    "Counts",
    "DivergenceFound",
    "DivergenceHealed",
    "EditRefused",
    "Event",
    "Fan",
    "Gauges",
    "Health",
    "KeysUnavailable",
    "LoopLagged",
    "MemberBehind",
    "MemberCaughtUp",
    "MemberJoined",
    "MemberLeft",
    "Observer",
    "PeerSlowed",
    "ReadOnlyBegan",
    "ReadOnlyEnded",
    "Recent",
    "Refusal",
    "Resynced",
    "RoleChanged",
    "RoomClosed",
    "RoomOpened",
    "Ruled",
    "SnapshotFailed",
    "SnapshotWritten",
    "StoreFailed",
    "Unexpected",
    "UpdateApplied",
    "exposition",
    "name_of",
    "write_line",
]
