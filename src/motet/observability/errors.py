"""The one place for exceptions that nobody designed: counted, logged with where and about whom, and sent on.

Whoever catches everything at an edge calls `Errors.report`. It never raises and never waits.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any, Final

import structlog

from motet.observability.events import Observer, Unexpected
from motet.observability.sampling import Budget
from motet.observability.tracebacks import name_of_type

TOLD: Final = 5
"""Tracebacks of one type at one place in WINDOW; those beyond are counted."""
WINDOW: Final = 60.0
"""Seconds."""

log = structlog.get_logger("motet.errors")

Send = Callable[[BaseException, Unexpected], None]
"""Passes one on to a service for errors."""


class Errors:
    """What the edges report to."""

    def __init__(self, observe: Observer, send: Send | None = None) -> None:
        self._observe = observe
        self.send = send
        self._budget = Budget(TOLD, WINDOW)

    def report(
        self, error: BaseException, where: str, *, room: str = "", user: str = "", event: str = "", connection: str = ""
    ) -> None:
        """An exception that this place did not expect; `event` is what was being done."""
        kind = name_of_type(error)
        told = Unexpected(where, kind, room, user, event, connection)
        self._observe(told)
        now = time.monotonic()
        for about, times in self._budget.over(now).items():
            log.error("unexpected_again", about=about, times=times)
        if not self._budget.allows(f"{kind} at {where}", now):
            return
        fields = {"room": room, "user": user, "connection": connection, "about": event}
        given = {name: value for name, value in fields.items() if value}
        log.error("unexpected", where=where, error=kind, exc_info=error, **given)
        if self.send is not None:
            self.send(error, told)

    def of_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:  # asyncio's own dict
        """The event loop's exception handler: what a callback raised, or a task that nobody waits for.

        Of its message only the beginning is kept: behind it is the repr of a callback, with its arguments.
        """
        message = re.split(r"[<({]", str(context.get("message", "")))[0].strip()
        error = context.get("exception")
        if isinstance(error, BaseException):
            self.report(error, "loop", event=message)
        else:
            log.error("loop_complains", about=message)
