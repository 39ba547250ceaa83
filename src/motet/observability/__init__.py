"""OBSERVABILITY: what happens, counted and told.

Imports only config, errors and ids. Public names: `Counts` (what the hot path adds up), `Health` (the
reasons of /readyz), `exposition` (the text of /metrics), `configure_logging`.
"""

from motet.observability.counts import Counts
from motet.observability.health import Health
from motet.observability.logs import configure_logging
from motet.observability.metrics import Gauges, exposition

__all__ = ["Counts", "Gauges", "Health", "configure_logging", "exposition"]
