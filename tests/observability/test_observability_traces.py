"""Traces: what is one, what is in it, and that they cost nothing where they are off."""

from __future__ import annotations

import dis
import sys
import time
from collections.abc import Callable
from types import CodeType

import pytest
from opentelemetry import trace as api
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from structlog.testing import capture_logs

from motet.observability import UNTRACED, RoomOpened, SnapshotFailed, SnapshotWritten, tracing
from motet.observability.spans import Spans
from motet.observability.traces import parent_of
from motet.rooms import YjsConnection
from motet.rooms.delivery import broadcast
from motet.rooms.served import Served

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


class Kept(Spans):
    """Traces that are kept in memory."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        super().__init__("1.2.3", SimpleSpanProcessor(self.exporter))

    def named(self, name: str) -> ReadableSpan:
        """The one span of this name that has ended."""
        (found,) = [span for span in self.exporter.get_finished_spans() if span.name == name]
        return found


def seconds(span: ReadableSpan) -> float:
    """How long it took."""
    assert span.start_time is not None and span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


def test_a_trace_is_a_span_with_its_parts_one_after_the_other() -> None:
    """[O8] Begun in the past where that is when it began; each part ends where the next begins."""
    kept = Kept()
    now = time.monotonic()
    trace = kept.begin("edit", began=now - 3, room="notes/a", connection="c1", user="")
    trace.part("take", now - 3)
    trace.part("broadcast", now - 2)
    trace.part("commit", now - 1)
    trace.tell(size=5)
    trace.end()
    trace.end("late")
    trace.part("late")
    edit, take, broadcast, commit = [kept.named(name) for name in ("edit", "take", "broadcast", "commit")]
    assert [round(seconds(span), 1) for span in (edit, take, broadcast, commit)] == [3.0, 1.0, 1.0, 1.0]
    assert take.end_time == broadcast.start_time and broadcast.end_time == commit.start_time
    assert {span.parent.span_id for span in (take, broadcast, commit) if span.parent} == {edit.context.span_id}
    assert edit.attributes == {"motet.room": "notes/a", "motet.connection": "c1", "motet.size": 5}
    assert edit.status.status_code is StatusCode.UNSET
    assert trace.id == f"{edit.context.trace_id:032x}"
    assert len(kept.exporter.get_finished_spans()) == 4


def test_what_begins_within_is_part_of_it_and_an_exception_is_its_end() -> None:
    """[O8] Its type is told, and nothing that it says."""
    kept = Kept()
    with pytest.raises(ValueError), kept.begin("join") as trace:
        trace.part("open")
        kept(RoomOpened("notes/a", 0.5, 100))
        raise ValueError("a secret")
    join, load = kept.named("join"), kept.named("room.load")
    assert load.parent is not None and load.parent.span_id == join.context.span_id
    assert (join.status.status_code, join.status.description, join.events) == (StatusCode.ERROR, "ValueError", ())
    assert round(seconds(load), 1) == 0.5
    kept(SnapshotWritten("notes/a", 7, 100, 0.25))
    compact = kept.named("room.compact")
    assert (compact.parent, round(seconds(compact), 2)) == (None, 0.25)
    assert compact.attributes == {"motet.room": "notes/a", "motet.seq": 7, "motet.size": 100}
    kept.exporter.clear()
    kept(SnapshotFailed("notes/a", "the disk is full"))
    assert kept.named("room.compact").status.status_code is StatusCode.ERROR


def test_a_good_traceparent_is_the_parent() -> None:
    """[O9] And says whether its trace is kept."""
    kept = Kept()
    kept.begin("join", PARENT).end()
    join = kept.named("join")
    assert f"{join.context.trace_id:032x}" == TRACE
    assert join.parent is not None and f"{join.parent.span_id:016x}" == SPAN
    kept.exporter.clear()
    unkept = kept.begin("join", PARENT[:-2] + "00")
    unkept.part("open")
    unkept.end()
    assert (unkept.id, kept.exporter.get_finished_spans()) == ("", ())


@pytest.mark.parametrize(
    "header",
    [
        None, "", "x", PARENT.upper(), f" {PARENT}", PARENT + "-x", PARENT[:-1], PARENT + "0", PARENT + "\n",
        f"ff-{TRACE}-{SPAN}-01", f"0-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}", f"00-{TRACE}-{SPAN}-0g", f"{PARENT}, {PARENT}", f"00_{TRACE}_{SPAN}_01",
    ],
)  # fmt: skip
def test_any_other_traceparent_is_none(header: str | None) -> None:
    """[O9] Then the trace is one of its own."""
    assert parent_of(header) is None
    kept = Kept()
    kept.begin("join", header).end()
    assert kept.named("join").parent is None


def test_versions_to_come_may_have_more_behind() -> None:
    """[O9] W3C Trace Context, section 3.2.4."""
    assert parent_of(f"01-{TRACE}-{SPAN}-01-more") == parent_of(PARENT) == (int(TRACE, 16), int(SPAN, 16), True)


# ---- off and on


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_SERVICE_NAME": "motet"},
    ],
)
def test_it_is_off_unless_a_collector_is_named(environ: dict[str, str]) -> None:
    """[O10]"""
    assert tracing(environ, "1") is None


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_it_is_on_where_one_is_named_and_for_motet_alone(name: str) -> None:
    """[O10] Libraries do not begin to trace by it: FastAPI would tell queries, and tokens in them."""
    before = api.get_tracer_provider()
    found = tracing({name: "http://127.0.0.1:1"}, "1")
    assert isinstance(found, Spans)
    assert api.get_tracer_provider() is before
    found.close()


def test_what_cannot_be_had_is_said_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """[O10] Without the extra, or by a protocol that it does not speak."""
    named = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    with capture_logs() as lines:
        assert tracing({**named, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "1") is None
        monkeypatch.setitem(sys.modules, "motet.observability.spans", None)
        assert tracing(named, "1") is None
    assert [line["event"] for line in lines] == ["traces_off"] * 2
    assert "grpc" in lines[0]["reason"] and "motet[otel]" in lines[1]["reason"]


def test_the_environment_names_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """[O10] Else it is motet."""
    assert Kept()._provider.resource.attributes["service.name"] == "motet"
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=theirs,deployment.environment=test")
    attributes = Kept()._provider.resource.attributes
    assert (attributes["service.name"], attributes["deployment.environment"]) == ("theirs", "test")
    assert attributes["service.version"] == "1.2.3"


def names_in(code: CodeType) -> set[str]:
    """What the code refers to."""
    return {str(step.argval) for step in dis.get_instructions(code) if step.argval is not None}


HOT: list[Callable[..., object]] = [
    YjsConnection.received,
    Served.update,
    Served.receive,
    Served.tick,
    Served.perform,
    broadcast,
]
"""What runs for every message, update and tick."""


def test_the_path_of_an_edit_does_not_know_of_traces() -> None:
    """[O11] Only of ticks that are sampled it is asked whether there are any, by one comparison with None."""
    for step in HOT:
        assert not {name for name in names_in(step.__code__) if "trac" in name}, step.__qualname__
    first = [step.argval for step in dis.get_instructions(Served._trace) if step.opname.startswith("LOAD_ATTR")][:2]
    jumps = [step.opname for step in dis.get_instructions(Served._trace) if "JUMP" in step.opname]
    assert first == ["host", "tracing"]
    assert jumps and "NONE" in jumps[0]


def test_untraced_does_nothing() -> None:
    """[O11]"""
    with UNTRACED as trace:
        trace.part("a")
        trace.tell(room="a")
        trace.end("b")
    assert trace.id == ""
