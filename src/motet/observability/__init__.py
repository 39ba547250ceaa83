"""OBSERVABILITY: what happens, counted and told.

Imports only config, errors and ids. Public names: `Counts` (what the hot path adds up), `Health` (the
reasons of /readyz), `exposition` (the text of /metrics), `configure_logging`, the events of access and `audit`.
"""

from motet.observability.audit import audit
from motet.observability.counts import Counts
from motet.observability.events import (
    AccessEnded,
    AccessGranted,
    AccessRefused,
    AuditEvent,
    EditRefused,
    Observer,
    RoleChanged,
    Ruled,
)
from motet.observability.health import Health
from motet.observability.logs import configure_logging
from motet.observability.metrics import Gauges, exposition

__all__ = [
    "AccessEnded",
    "AccessGranted",
    "AccessRefused",
    "AuditEvent",
    "Counts",
    "EditRefused",
    "Gauges",
    "Health",
    "Observer",
    "RoleChanged",
    "Ruled",
    "audit",
    "configure_logging",
    "exposition",
]
