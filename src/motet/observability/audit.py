"""The audit log: every grant, refusal, revocation and role change as one line, with who, what room, why, from where."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

import structlog

from motet.observability.events import (
    AccessEnded,
    AccessGranted,
    AccessRefused,
    EditRefused,
    Event,
    RoleChanged,
    Ruled,
    name_of,
)

log = structlog.get_logger("motet.audit")

AUDITED = (AccessGranted, AccessRefused, AccessEnded, RoleChanged, EditRefused, Ruled)
"""The events of access."""
SHOWN: Final = 512
"""Characters of a field. Names have fewer; what is refused for being no name may have millions."""


def audit(event: Event) -> None:
    """Writes an event of access down, under its name: `access_granted`, `role_changed`, …"""
    if isinstance(event, AUDITED):
        told = asdict(event).items()
        shown = {field: value[:SHOWN] if isinstance(value, str) else value for field, value in told if value != ""}
        log.info(name_of(type(event)), **shown)
