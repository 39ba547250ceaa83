"""The text of /metrics, read as Prometheus reads it."""

from __future__ import annotations

from dataclasses import fields

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families

from motet.observability import Counts, Exemplar, Gauges, Histograms, exposition
from motet.observability.counts import MAX_LABELS, OTHER, Labelled
from motet.observability.metrics import PREFIX, described

OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8, text/plain; version=0.0.4; q=0.5"
"""As Prometheus asks when it keeps exemplars."""


def gauges() -> Gauges:
    """Each with a value of its own."""
    values = {field.name: number for number, field in enumerate(fields(Gauges), 1)}
    return Gauges(**{**values, "open_connections": {"yjs": 5, "hocuspocus": 7}})  # type: ignore[arg-type]


def read(text: bytes) -> dict[str, float]:
    """Each sample by its name and labels."""
    return {
        s.name + "".join(f"{{{key}={value}}}" for key, value in s.labels.items()): s.value
        for family in text_string_to_metric_families(text.decode())
        for s in family.samples
    }


def test_every_count_and_gauge_is_a_metric_with_its_value() -> None:
    """Of the name of its field; those with a label have a sample for each of its values."""
    counts = Counts()
    for number, field in enumerate(fields(Counts), 100):
        if field.metadata["label"]:
            getattr(counts, field.name)["some"] = number
        else:
            setattr(counts, field.name, number)
    samples = read(exposition(counts, gauges(), Histograms(), "")[0])
    for number, field in enumerate(fields(Counts), 100):
        label = field.metadata["label"]
        assert samples[f"motet_{field.name}_total" + (f"{{{label}=some}}" if label else "")] == number
    for number, field in enumerate(fields(Gauges), 1):
        if not field.metadata["label"]:
            assert samples[f"motet_{field.name}"] == number
    assert samples["motet_open_connections{dialect=yjs}"] == 5
    assert samples["motet_open_connections{dialect=hocuspocus}"] == 7


def test_a_histogram_has_cumulative_buckets_their_sum_and_their_number() -> None:
    """As Prometheus wants them."""
    histograms = Histograms()
    for value in (0.0003, 0.0005, 0.3, 99.0):
        histograms.join_seconds.observe(value, 0.0)
    samples = read(exposition(Counts(), gauges(), histograms, "")[0])
    name = "motet_join_seconds"
    assert samples[f"{name}_bucket{{le=0.0002}}"] == 0
    assert samples[f"{name}_bucket{{le=0.0005}}"] == 2
    assert samples[f"{name}_bucket{{le=10.0}}"] == 3
    assert samples[f"{name}_bucket{{le=+Inf}}"] == samples[f"{name}_count"] == 4
    assert samples[f"{name}_sum"] == pytest.approx(99.3008)


def test_who_asks_for_openmetrics_gets_exemplars_and_who_does_not_gets_none() -> None:
    """Both are read by Prometheus's own parsers."""
    histograms = Histograms()
    histograms.edit_to_peer_seconds.observe(0.04, 0.0)
    histograms.edit_to_peer_seconds.exemplify(Exemplar("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736", 0.04, 1e9))
    text, kind = exposition(Counts(), gauges(), histograms, OPEN)
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    buckets = [
        sample
        for family in open_families(text.decode())
        if family.name == "motet_edit_to_peer_seconds"
        for sample in family.samples
        if sample.exemplar is not None
    ]
    (bucket,) = buckets
    assert bucket.labels == {"le": "0.05"}
    assert bucket.exemplar is not None
    assert bucket.exemplar.labels == {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}
    assert (bucket.exemplar.value, float(bucket.exemplar.timestamp or 0)) == (0.04, 1e9)
    for accept in ("", "*/*", "text/plain; version=0.0.4"):
        text, kind = exposition(Counts(), gauges(), histograms, accept)
        assert kind.startswith("text/plain; version=0.0.4") and b"trace_id" not in text
        assert list(text_string_to_metric_families(text.decode()))


def test_every_metric_says_what_it_is() -> None:
    """In one sentence, the same that the documents have."""
    counts = Counts()
    for field in fields(Counts):
        if field.metadata["label"]:
            getattr(counts, field.name).add("some")
    families = text_string_to_metric_families(exposition(counts, gauges(), Histograms(), "")[0].decode())
    ours = {family.name: family for family in families if family.name.startswith(PREFIX)}
    assert len(described()) == len(ours)
    for metric in described():
        family = ours[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.text)
        assert metric.text


def test_no_label_can_take_more_values_than_a_few() -> None:
    """A room, a user or an address as a label would be memory that strangers take."""
    labelled = Labelled()
    for number in range(1000):
        labelled.add(f"value {number}")
        labelled.add("value 0")
    assert len(labelled) == MAX_LABELS + 1
    assert labelled["value 0"] == 1001
    assert labelled.total() == 2000
    assert labelled[OTHER] == 1000 - MAX_LABELS
    assert {metric.label for metric in described()} == {"", "dialect", "reason", "kind", "how"}


def test_the_process_itself_is_measured_too() -> None:
    """Memory, processor time and open files, as of every Prometheus client; in both forms."""
    for accept in ("", OPEN):
        text = exposition(Counts(), gauges(), Histograms(), accept)[0].decode()
        for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "python_info"):
            assert f"\n{name}" in text


def test_counts_begin_at_nothing() -> None:
    """They are of this process. The labels that are known are there from the beginning, for alerts to see the first."""
    for field in fields(Counts):
        value = getattr(Counts(), field.name)
        assert (set(value.values()) == {0}) if field.metadata["label"] else (value == 0), field.name
