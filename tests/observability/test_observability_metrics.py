"""The text of /metrics, read as Prometheus reads it."""

from __future__ import annotations

from dataclasses import fields

from prometheus_client.parser import text_string_to_metric_families

from motet.observability import Counts, Gauges, exposition
from motet.observability.metrics import HELP

GAUGES = Gauges(open_connections=1, rooms_loaded=2, members=3, loaded_bytes=4, journal_bytes=5, read_only=1)


def test_every_count_and_gauge_is_a_metric_with_its_value() -> None:
    """Of the name of its field."""
    counts = Counts(**{field.name: number for number, field in enumerate(fields(Counts), 100)})
    text = exposition(counts, GAUGES).decode()
    samples = {s.name: s.value for family in text_string_to_metric_families(text) for s in family.samples}
    for number, field in enumerate(fields(Counts), 100):
        assert samples[f"motet_{field.name}_total"] == number
    for number, field in enumerate(fields(Gauges)[:5], 1):
        assert samples[f"motet_{field.name}"] == number
    assert samples["motet_read_only"] == 1


def test_every_metric_says_what_it_is() -> None:
    """And nothing is described that there is not."""
    assert HELP.keys() == {field.name for kind in (Counts, Gauges) for field in fields(kind)}
    families = list(text_string_to_metric_families(exposition(Counts(), GAUGES).decode()))
    ours = {family.name: family for family in families if family.name.startswith("motet_")}
    assert len(ours) == len(HELP)
    assert all(family.documentation for family in ours.values())


def test_the_process_itself_is_measured_too() -> None:
    """Memory, processor time and open files, as of every Prometheus client."""
    text = exposition(Counts(), GAUGES).decode()
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "python_info"):
        assert f"\n{name}" in text


def test_counts_begin_at_nothing() -> None:
    """They are of this process."""
    assert all(getattr(Counts(), field.name) == 0 for field in fields(Counts))
