"""Traces as OpenTelemetry's spans. Imported only where they are on (`traces.tracing`).

The provider is ours alone: were it the process's, libraries would begin to trace by it, and FastAPI with the query of
each request, where tokens may be.
"""

from __future__ import annotations

import time
from contextvars import Token
from types import TracebackType
from typing import Self

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, StatusCode, TraceFlags, Tracer, set_span_in_context

from motet.observability import events
from motet.observability.events import Event
from motet.observability.traces import Trace, parent_of


def _epoch_ns(then: float | None) -> int:
    """Nanoseconds since the epoch at a moment of `time.monotonic()`, or now."""
    now = time.time_ns()
    return now if then is None else now - round((time.monotonic() - then) * 1e9)


class SpanTrace:
    """A `Trace`: a span, and a child for each part."""

    def __init__(self, tracer: Tracer, name: str, context: Context, began: float | None) -> None:
        self._tracer = tracer
        self._root = tracer.start_span(name, context, start_time=_epoch_ns(began))
        self._within = set_span_in_context(self._root, context)
        self._part: Span | None = None
        self._entered: Token[Context] | None = None

    @property
    def id(self) -> str:
        context = self._root.get_span_context()
        return f"{context.trace_id:032x}" if context.trace_flags.sampled else ""

    def part(self, name: str, began: float | None = None) -> None:
        if self._root.is_recording():
            at = _epoch_ns(began)
            if self._part is not None:
                self._part.end(at)
            self._part = self._tracer.start_span(name, self._within, start_time=at)

    def tell(self, **attributes: str | int) -> None:
        self._root.set_attributes({f"motet.{name}": value for name, value in attributes.items() if value != ""})

    def end(self, error: str = "") -> None:
        if error:
            self._root.set_status(StatusCode.ERROR, error)
        at = _epoch_ns(None)
        if self._part is not None:
            self._part.end(at)
            self._part = None
        if self._root.is_recording():
            self._root.end(at)

    def __enter__(self) -> Self:
        self._entered = contexts.attach(self._within)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._entered is not None:
            contexts.detach(self._entered)
        if kind is not None:
            self.end(kind.__name__)


class Spans:
    """A `Tracing`."""

    def __init__(self, version: str, *processors: SpanProcessor) -> None:
        resource = Resource.create({"service.name": "motet", "service.version": version})
        # OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME go before ours. The sampler is OTEL_TRACES_SAMPLER's.
        self._provider = TracerProvider(
            resource=resource.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        for processor in processors:
            self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("motet", version)

    @classmethod
    def to_collector(cls, version: str) -> Spans:
        """Sends to the collector of OpenTelemetry's environment variables, in a thread of its own. Its queue is bounded
        (OTEL_BSP_MAX_QUEUE_SIZE): what is too much is dropped."""
        return cls(version, BatchSpanProcessor(OTLPSpanExporter()))

    def begin(self, name: str, parent: str | None = None, began: float | None = None, **attributes: str | int) -> Trace:
        context = contexts.get_current()
        of = parent_of(parent)
        if of is not None:
            flags = TraceFlags(TraceFlags.SAMPLED if of.sampled else TraceFlags.DEFAULT)
            span = SpanContext(of.trace, of.span, is_remote=True, trace_flags=flags)
            context = set_span_in_context(NonRecordingSpan(span), context)
        trace = SpanTrace(self._tracer, name, context, began)
        trace.tell(**attributes)
        return trace

    def __call__(self, event: Event) -> None:
        now = time.monotonic()
        match event:
            case events.RoomOpened():
                self.begin("room.load", began=now - event.seconds, room=event.room, size=event.size).end()
            case events.SnapshotWritten():
                began = now - event.seconds
                self.begin("room.compact", began=began, room=event.room, seq=event.seq, size=event.size).end()
            case events.SnapshotFailed():
                self.begin("room.compact", room=event.room).end("SnapshotFailed")

    def close(self) -> None:
        self._provider.shutdown()
