"""The audit log: every grant, refusal, revocation and role change as one line, with who, what room, why, from where."""

from __future__ import annotations

import re
from dataclasses import asdict

import structlog

from motet.observability.events import AuditEvent

log = structlog.get_logger("motet.audit")


def audit(event: AuditEvent) -> None:
    """Writes an event of access down, under its name: `access_granted`, `role_changed`, …"""
    log.info(name_of(type(event)), **{field: value for field, value in asdict(event).items() if value != ""})


def name_of(event: type) -> str:
    """The name that logs give to a class of events."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower()
