"""Traces: what one edit, join, room load, compaction or HTTP call went through, and how long each part of it took.

OpenTelemetry, behind the extra `motet[otel]`; on where its own environment variables name a collector. Nothing is
imported else, and what may be traced asks whether there is a `Tracing` at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

import structlog

from motet.observability.events import Event

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL: Final = "http/protobuf"

_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
log = structlog.get_logger("motet")


class Parent(NamedTuple):
    """The span of somebody else within which something happens here."""

    trace: int
    span: int
    sampled: bool


def parent_of(traceparent: str | None) -> Parent | None:
    """What a `traceparent` header says (W3C Trace Context, section 3.2); None for one that is not as it must be."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    if found is None or (found[1] == "00" and found[5] is not None):
        return None
    return Parent(int(found[2], 16), int(found[3], 16), bool(int(found[4], 16) & 1))


class Trace(Protocol):
    """Something that is being traced, in parts that follow one another. As a context it is current within, so that what
    begins within is part of it, and it has failed if an exception leaves it."""

    @property
    def id(self) -> str:
        """The trace's, in hexadecimal; "" where it is not kept."""
        ...

    def part(self, name: str, began: float | None = None) -> None:
        """Another part begins, now or then (`time.monotonic()`), and the one before ends."""
        ...

    def tell(self, **attributes: str | int) -> None:
        """Says more about it. Never a token, never what is in a document."""
        ...

    def end(self, error: str = "") -> None:
        """It is over, and the last part too; later calls do nothing. `error` is the type of what went wrong."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Not current any more. It goes on until `end`, unless it has failed."""
        ...


class Tracing(Protocol):
    """Makes traces. It is a listener too: some events are a trace by themselves."""

    def begin(self, name: str, parent: str | None = None, began: float | None = None, **attributes: str | int) -> Trace:
        """Something begins, now or then (`time.monotonic()`), within what a `traceparent` header names."""
        ...

    def __call__(self, event: Event) -> None: ...

    def close(self) -> None:
        """Sends what is not yet sent; waits for it."""
        ...


class _Untraced:
    """The Trace where there is no tracing."""

    id = ""

    def part(self, name: str, began: float | None = None) -> None:
        return None

    def tell(self, **attributes: str | int) -> None:
        return None

    def end(self, error: str = "") -> None:
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None


UNTRACED: Final[Trace] = _Untraced()


def tracing(environ: Mapping[str, str], version: str) -> Tracing | None:
    """The tracing that the environment asks for; None for none."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return None
    if not any(environ.get(name) for name in ENDPOINTS):
        return None
    protocol = next((environ[name] for name in PROTOCOLS if environ.get(name)), PROTOCOL)
    if protocol != PROTOCOL:
        log.warning("traces_off", reason=f"Motet sends by {PROTOCOL}, and {protocol} is asked for")
        return None
    try:
        from motet.observability.spans import Spans
    except ImportError:
        log.warning("traces_off", reason="a collector is named, but the extra is missing: pip install 'motet[otel]'")
        return None
    return Spans.to_collector(version)
