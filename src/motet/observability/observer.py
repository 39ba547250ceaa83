"""From one observer to all who listen. A listener that fails is counted, and never felt by whoever told the event."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from motet.observability.events import Event, Observer, name_of

log = structlog.get_logger("motet.observability")


class Fan:
    """An `Observer` that passes each event to its listeners, in their order."""

    def __init__(self, listeners: Sequence[Observer]) -> None:
        self._listeners = tuple(listeners)
        self.failures = 0
        """Calls of listeners that raised."""

    def __call__(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                self.failures += 1
                if self.failures.bit_count() == 1:  # the first, the second, the fourth, …
                    log.exception("listener_failed", about=name_of(type(event)), failures=self.failures)
