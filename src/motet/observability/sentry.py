"""Unexpected exceptions to Sentry: behind the extra `motet[sentry]`, on where MOTET_SENTRY_DSN or SENTRY_DSN is set.

What leaves the house: the type and the place of the exception, the room, the id of the user and of the connection. No
names, addresses, tokens or documents; no local variables; a message only where `tracebacks` tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import structlog

from motet.errors import ConfigError
from motet.observability.errors import Send
from motet.observability.events import Unexpected
from motet.observability.tracebacks import chain_of, message_of

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

KEPT: Final = frozenset(
    {
        "event_id", "timestamp", "platform", "level", "release", "environment", "server_name", "sdk", "exception",
        "tags", "user",
    }
)  # fmt: skip
"""Of an event. All else that the package adds, now or in a later version, stays here."""

log = structlog.get_logger("motet.errors")


def sentry(environ: Mapping[str, str], version: str) -> Send | None:
    """What sends to the Sentry of the environment; None: there is none. Raises ConfigError for a DSN that is none."""
    dsn = environ.get("MOTET_SENTRY_DSN") or environ.get("SENTRY_DSN")
    if not dsn:
        return None
    try:
        import sentry_sdk
    except ImportError:
        log.warning("sentry_off", reason="a DSN is set, but not installed is the extra: pip install 'motet[sentry]'")
        return None
    try:
        sentry_sdk.init(
            dsn=dsn,
            release=f"motet@{version}",
            before_send=scrubbed,
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            max_breadcrumbs=0,
        )  # its queue is bounded: beyond 100 it drops
    except sentry_sdk.utils.BadDsn:
        raise ConfigError("the DSN of Sentry (MOTET_SENTRY_DSN, SENTRY_DSN) cannot be read") from None

    def send(error: BaseException, told: Unexpected) -> None:
        with sentry_sdk.new_scope() as scope:
            scope.set_tags(_tags(told))
            if told.user:
                scope.set_user({"id": told.user})
            scope.capture_exception(error)

    return send


def _tags(told: Unexpected) -> dict[str, str]:
    fields = {"where": told.where, "room": told.room, "connection": told.connection, "event": told.event}
    return {name: value for name, value in fields.items() if value}


def scrubbed(event: Event, hint: Hint) -> Event:
    """The event without what is not ours to send."""
    kept: dict[str, Any] = {name: value for name, value in event.items() if name in KEPT}
    error = hint.get("exc_info", (None, None, None))[1]
    told = {type(step).__name__: message_of(step) for step in chain_of(error)} if error is not None else {}
    for value in kept.get("exception", {}).get("values", ()):
        value["value"] = told.get(value.get("type"), "")
        for frame in (value.get("stacktrace") or {}).get("frames", ()):
            frame.pop("vars", None)
    return kept  # type: ignore[return-value]
