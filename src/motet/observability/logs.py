"""Logs: structlog, one JSON line per event, or a readable form on a terminal. Never tokens, never document content.

What guarantees the latter is mostly that events have no place for it. Here is what is left: exceptions and what
libraries say. What libraries say at `debug` is not written at all, for it quotes headers; a traceback has no values
(`tracebacks`); an object is shown by its type, for its repr may hold anything; what looks like a token is blotted out.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from motet.observability.counts import Counts
from motet.observability.sampling import Budget
from motet.observability.tracebacks import traceback_of

LINES: Final = 20
"""Of one name in a second; beyond that they are dropped and counted."""
DROPPED: Final = "lines_dropped"
NEVER_DROPPED: Final = frozenset({"access_granted", "access_ended", "role_changed", "ruled", DROPPED})
"""The audit is whole. What anybody can cause without being let in, a refusal, is not among them."""
SHOWN: Final = 2048
"""Characters of a value; what is refused for being no name may have millions."""
SHOWN_PARTS: Final = 100
"""Of a sequence."""
TRACEBACK: Final = 20_000
"""Characters of a traceback."""

log = structlog.get_logger("motet")

_TOKEN = re.compile(
    r"eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?"  # a JWT
    r"|(?i:(?<=bearer )|(?<=bearer\.)|(?<=[?&]token=))[^\s&'\",]+"
)
_LEAST = {
    "": logging.INFO,
    "uvicorn.error": logging.WARNING,
    "asyncio": logging.ERROR,
    "picows": logging.ERROR,
} | dict.fromkeys(("httpx", "httpcore", "urllib3"), logging.WARNING)
"""By logger ("": all that are not ours): the least level that is ever written. uvicorn and picows report each start,
stop and reset peer at "info", the others each request with its address; what matters of these is an event of ours.
asyncio warns of what is slow by the repr of a callback, with its arguments."""


class Request:
    """An HTTP request that is being answered."""

    __slots__ = ("id",)

    def __init__(self, id: str) -> None:
        self.id = id


_request: ContextVar[Request | None] = ContextVar("request", default=None)


@contextmanager
def on_behalf_of(request_id: str) -> Iterator[None]:
    """Every line that is written within has this request id.

    Tasks and timers that begin within inherit it, and then those that they begin. So it ends for all of them when the
    request does: else the journal, which never rests on a busy server, would have the id of some request for ever.
    """
    request = Request(request_id)
    before = _request.set(request)
    try:
        yield
    finally:
        request.id = ""
        _request.reset(before)


def current_request() -> str:
    """The id of the request on whose behalf this runs, or ""."""
    request = _request.get()
    return "" if request is None else request.id


class Logs:
    """The one standard error of the process, and what is written to it."""

    def __init__(self) -> None:
        self.counts = Counts()
        """Where dropped lines are counted; the server's own, once there is one."""
        self.level = "info"
        """The least level that is written now."""
        self._usual = "info"
        self._back: asyncio.TimerHandle | None = None

    def configure(self, level: str) -> None:
        """Sends all logs, uvicorn's and picows's too, to standard error from the given level on."""
        shared: list[Processor] = [
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_request,
        ]
        terminal = sys.stderr.isatty()
        rendering: list[Processor] = (
            [_escaped, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
            if terminal
            else [structlog.processors.JSONRenderer()]
        )
        handler = SampledHandler(self)
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=shared,
                processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _safe, *rendering],
            )
        )
        logging.getLogger().handlers = [handler]
        for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "picows"):
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = [], True
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                *shared,
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
            cache_logger_on_first_use=True,
        )
        self._usual = level
        self._apply(level)

    def set_level(self, level: str, minutes: float = 0.0) -> None:
        """Another least level, for so many minutes, or (0) until the next call. Call it on the event loop."""
        if self._back is not None:
            self._back.cancel()
            self._back = None
        if minutes:
            self._back = asyncio.get_running_loop().call_later(60.0 * minutes, self.set_level, self._usual)
        else:
            self._usual = level
        self._apply(level)

    def _apply(self, level: str) -> None:
        self.level = level
        number = logging.getLevelNamesMapping()[level.upper()]
        logging.getLogger("motet").setLevel(number)
        for name, least in _LEAST.items():
            logging.getLogger(name).setLevel(max(number, least))


class SampledHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes at most LINES a second of one name, then one line that says how many of it there were besides."""

    def __init__(self, logs: Logs) -> None:
        super().__init__()
        self._logs = logs
        self._budget = Budget(LINES, 1.0)
        self._telling: asyncio.TimerHandle | None = None

    def handle(self, record: logging.LogRecord) -> bool:
        name = _name_of(record)
        if name in NEVER_DROPPED:
            return bool(super().handle(record))
        self.tell_dropped()
        self.acquire()
        try:
            allowed = self._budget.allows(name, time.monotonic())
        finally:
            self.release()
        if allowed:
            return bool(super().handle(record))
        self._logs.counts.log_lines_dropped += 1
        if self._telling is None:
            with suppress(RuntimeError):  # of a thread without a loop: the next line tells
                self._telling = asyncio.get_running_loop().call_later(self._budget.seconds, self._tell_in_time)
        return False

    def tell_dropped(self) -> None:
        """One line for each name of which lines were dropped in a window that has ended."""
        self.acquire()
        try:
            over = self._budget.over(time.monotonic())
        finally:
            self.release()
        for name, lines in over.items():
            log.warning(DROPPED, about=name, lines=lines)

    def _tell_in_time(self) -> None:
        self._telling = None
        self.tell_dropped()


def _name_of(record: logging.LogRecord) -> str:
    """The event's; of a library's line the text before its arguments are put in."""
    if isinstance(record.msg, dict):
        return str(record.msg.get("event"))
    return f"{record.name}: {record.msg}"


def _add_request(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    request = current_request()
    if request:
        event["request"] = request
    return event


def _safe(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Nothing in it but bounded text and numbers, and no tokens."""
    exc_info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if exc_info is True else exc_info[1] if isinstance(exc_info, tuple) else exc_info
    safe = {name: _value(value, SHOWN) for name, value in event.items()}
    if isinstance(error, BaseException):
        safe["exception"] = _value(traceback_of(error), TRACEBACK)
    return safe


def _value(value: object, shown: int) -> object:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return _TOKEN.sub("***", value[:shown])
    if isinstance(value, (tuple, list, set, frozenset)):
        return [_value(part, shown) for part in list(value)[:SHOWN_PARTS]]
    return f"<{type(value).__qualname__}>"


def _escaped(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """For a terminal, which obeys what it is shown. A JSON string has escapes of its own."""
    traceback = str(event.pop("exception", "")).splitlines()
    plain: EventDict = {name: _printable(value) for name, value in event.items()}
    if traceback:
        plain["exception"] = "\n".join(f"    {_printable(line)}" for line in traceback)
    return plain


def _printable(value: object) -> object:
    if isinstance(value, list):
        return [_printable(part) for part in value]
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)


LOGS: Final = Logs()
"""Of this process: it has one standard error."""
