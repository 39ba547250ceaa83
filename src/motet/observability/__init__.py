"""OBSERVABILITY: what happens, told once as a named event, and everybody who listens.

Components tell `Event`s to one `Observer`, a `Fan`; metrics, logs, traces, the audit and the console's history are its
listeners. What happens for every edit is added to `Counts` and histograms instead. Imports only config, errors and ids.
Public names: the events, and those at the end of `__all__`.
"""

from motet.observability.counts import Counts
from motet.observability.errors import Errors
from motet.observability.events import (
    AccessEnded,
    AccessGranted,
    AccessRefused,
    CommitDone,
    ConnectionClosed,
    ConnectionOpened,
    DivergenceFound,
    DivergenceHealed,
    Drained,
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
from motet.observability.histogram import Exemplar, Histogram, Histograms
from motet.observability.history import History, Levels
from motet.observability.lines import write_line
from motet.observability.logs import LOGS, on_behalf_of
from motet.observability.loop import LoopLag
from motet.observability.metrics import Gauges, exposition
from motet.observability.observer import Fan
from motet.observability.recent import Recent, Refusal
from motet.observability.sentry import sentry
from motet.observability.tally import Tally, exemplify
from motet.observability.traces import UNTRACED, Trace, Tracing, tracing

__all__ = [
    "LOGS",
    "UNTRACED",
    "AccessEnded",
    "AccessGranted",
    "AccessRefused",
    "CommitDone",
    "ConnectionClosed",
    "ConnectionOpened",
    "Counts",
    "DivergenceFound",
    "DivergenceHealed",
    "Drained",
    "EditRefused",
    "Errors",
    "Event",
    "Exemplar",
    "Fan",
    "Gauges",
    "Health",
    "Histogram",
    "Histograms",
    "History",
    "KeysUnavailable",
    "Levels",
    "LoopLag",
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
    "Tally",
    "Trace",
    "Tracing",
    "Unexpected",
    "UpdateApplied",
    "exemplify",
    "exposition",
    "name_of",
    "on_behalf_of",
    "sentry",
    "tracing",
    "write_line",
]
