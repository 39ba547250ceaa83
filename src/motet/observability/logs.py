"""Logs: structlog, one JSON line per event, or a readable form on a terminal. Never tokens, never document content."""

from __future__ import annotations

import logging
import sys

import structlog


def _escaped(logger: object, method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Escapes what is not to be seen: names come from outside, and a terminal would obey what is in them."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = value.encode("unicode_escape").decode()
    return event


def configure_logging(level: str) -> None:
    """Sends all logs, uvicorn's and picows's too, to standard error from the given level on."""
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering: list[structlog.types.Processor] = (
        [_escaped, structlog.dev.ConsoleRenderer()]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "picows"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    # uvicorn and picows report each start, stop and reset peer at "info"; what matters of these is an event of ours.
    logging.getLogger("uvicorn.error").setLevel(max(logging.WARNING, root.level))
    logging.getLogger("picows").setLevel(logging.ERROR)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        cache_logger_on_first_use=True,
    )
