"""ROOMS: where the components meet.

`room` is a plain synchronous object (no clock, no I/O) that answers each call with `effects`; `served` carries them
out; the `hub` opens rooms and the `keeper` looks after them; a `connection` stands between a socket and its rooms.
May import every leaf component, config, errors, ids. Public names: `Hub`, `Keeper`, `YjsConnection`,
`HocuspocusConnection`, `Connection`, `Wire`, `Served`, `Watch`, `Administration`, `Administrator`, `Convergence`,
`gauges`, and `Inspection` with what it shows.
"""

from motet.rooms.administration import Administration, Administrator
from motet.rooms.connection import Connection
from motet.rooms.connection_hocuspocus import HocuspocusConnection
from motet.rooms.connection_yjs import YjsConnection
from motet.rooms.convergence import Convergence
from motet.rooms.figures import gauges
from motet.rooms.hub import Hub
from motet.rooms.inspection import Inspection, MemberInfo, PresenceInfo, RoomDetail, RoomSummary, SnapshotInfo
from motet.rooms.keeper import Keeper
from motet.rooms.served import Served
from motet.rooms.watch import Watch
from motet.rooms.wire import Wire

__all__ = [
    "Administration",
    "Administrator",
    "Connection",
    "Convergence",
    "HocuspocusConnection",
    "Hub",
    "Inspection",
    "Keeper",
    "MemberInfo",
    "PresenceInfo",
    "RoomDetail",
    "RoomSummary",
    "Served",
    "SnapshotInfo",
    "Watch",
    "Wire",
    "YjsConnection",
    "gauges",
]
