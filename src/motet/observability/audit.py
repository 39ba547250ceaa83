"""The audit log: every grant, refusal, revocation and role change as one line, with who, what room, why, from where."""

from __future__ import annotations

from dataclasses import asdict

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


def audit(event: Event) -> None:
    """Writes an event of access down, under its name: `access_granted`, `role_changed`, …"""
    if isinstance(event, AUDITED):
        log.info(name_of(type(event)), **{field: value for field, value in asdict(event).items() if value != ""})
