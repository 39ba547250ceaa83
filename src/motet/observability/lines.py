"""One line for every event, under its name and at a level of its own. Those of access are the audit."""

from __future__ import annotations

import logging
from dataclasses import fields
from typing import Final

import structlog

from motet.observability import events
from motet.observability.events import Event, name_of

AUDITED: Final = (
    events.AccessGranted,
    events.AccessRefused,
    events.AccessEnded,
    events.RoleChanged,
    events.EditRefused,
    events.Ruled,
)
"""Who was let in or not, who may do what, and who decided it. Their logger is `motet.audit`, so that they can be kept
elsewhere and longer."""

LEVELS: Final[dict[type[Event], int]] = {
    **dict.fromkeys(AUDITED, logging.INFO),
    # What one connection does, hundreds of times a second when everybody comes back.
    events.ConnectionOpened: logging.DEBUG,
    events.ConnectionClosed: logging.DEBUG,
    events.MemberJoined: logging.DEBUG,
    events.MemberLeft: logging.DEBUG,
    events.UpdateApplied: logging.DEBUG,
    events.CommitDone: logging.DEBUG,
    # What is not as usual with one of them: from an alert to the room and the member.
    events.MemberBehind: logging.INFO,
    events.MemberCaughtUp: logging.INFO,
    events.PeerSlowed: logging.INFO,
    events.Resynced: logging.INFO,
    # The lives of rooms.
    events.RoomOpened: logging.INFO,
    events.RoomClosed: logging.INFO,
    events.SnapshotWritten: logging.DEBUG,
    events.SnapshotFailed: logging.WARNING,
    # The server's own troubles, and their ends.
    events.StoreFailed: logging.ERROR,
    events.ReadOnlyBegan: logging.ERROR,
    events.ReadOnlyEnded: logging.WARNING,
    events.LoopLagged: logging.WARNING,
    events.Drained: logging.INFO,
    events.KeysUnavailable: logging.WARNING,
    events.DivergenceFound: logging.ERROR,
    events.DivergenceHealed: logging.WARNING,
}
"""Of every event but `Unexpected`: the line of that one has a traceback, and is written by `Errors`."""

_log = structlog.get_logger("motet")
_audit = structlog.get_logger("motet.audit")
_stdlib = logging.getLogger("motet")


def write_line(event: Event) -> None:
    """Writes an event down: its name, and its fields but for those that say nothing."""
    level = LEVELS.get(type(event))
    if level is None or not _stdlib.isEnabledFor(level):
        return
    told = {field.name: value for field in fields(event) if (value := getattr(event, field.name)) != ""}
    log = _audit if isinstance(event, AUDITED) else _log
    log.log(level, name_of(type(event)), **told)
