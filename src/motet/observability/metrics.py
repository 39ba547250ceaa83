"""The text of /metrics: totals, gauges read when asked, and histograms; with exemplars for who asks for OpenMetrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from math import inf
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from motet.observability.counts import Counts, about
from motet.observability.histogram import Histogram, Histograms

PREFIX: Final = "motet_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """What is so at this moment. Each is a metric of the same name (`motet_<name>`)."""

    open_connections: Mapping[str, int] = field(
        metadata=about("Open WebSockets; `refused`: they are told why, and closed", "dialect")
    )
    rooms_loaded: int = field(metadata=about("Rooms in memory"))
    rooms_without_members: int = field(metadata=about("Rooms in memory in which nobody is"))
    members: int = field(metadata=about("Members of all rooms: one for each room that a connection is in"))
    people: int = field(metadata=about("Users who are in any room; of unknown ones each member counts"))
    members_behind: int = field(metadata=about("Members that read too slowly to get updates as they come"))
    loaded_bytes: int = field(metadata=about("Bytes of documents in memory"))
    journal_bytes: int = field(metadata=about("Bytes waiting for the disk"))
    journal_rows: int = field(metadata=about("Log rows waiting for the disk"))
    outbox_bytes: int = field(metadata=about("Bytes waiting in all members' write buffers"))
    outbox_max_bytes: int = field(metadata=about("Bytes waiting in the fullest write buffer"))
    read_only: int = field(metadata=about("1 while no edit is taken: the store fails, or the disk is nearly full"))
    ready: int = field(metadata=about("1 while /readyz says so"))
    loop_lag_seconds: float = field(metadata=about("How late the event loop was, at most, in the last 10 s"))
    keys_failing: int = field(metadata=about("1 while the published keys of tokens (jwks_url) cannot be fetched"))
    disk_free_bytes: int = field(metadata=about("Bytes that may still be written to the data directory's disk"))


class Described(NamedTuple):
    """A metric, for the documents."""

    name: str
    kind: str
    label: str
    text: str


def described() -> list[Described]:
    """All metrics of ours."""
    kinds = ((Counts, "counter", "_total"), (Gauges, "gauge", ""), (Histograms, "histogram", ""))
    return [
        Described(f"{PREFIX}{each.name}{suffix}", kind, each.metadata["label"], each.metadata["help"])
        for holder, kind, suffix in kinds
        for each in fields(holder)
    ]


class _Snapshot(Collector):
    def __init__(self, counts: Counts, gauges: Gauges, histograms: Histograms) -> None:
        self._counts = counts
        self._gauges = gauges
        self._histograms = histograms

    def collect(self) -> Iterator[Metric]:
        for each in fields(Counts):
            yield _family(CounterMetricFamily, each, getattr(self._counts, each.name))
        for each in fields(Gauges):
            yield _family(GaugeMetricFamily, each, getattr(self._gauges, each.name))
        for each in fields(Histograms):
            yield _histogram(each, getattr(self._histograms, each.name))


def _family(
    kind: type[CounterMetricFamily] | type[GaugeMetricFamily], told: Field[object], value: Mapping[str, int] | float
) -> Metric:
    name, text = PREFIX + told.name, told.metadata["help"]
    if not isinstance(value, Mapping):
        return kind(name, text, value=value)
    family = kind(name, text, labels=[told.metadata["label"]])
    for label, number in sorted(value.items()):
        family.add_metric([label], number)
    return family


def _histogram(told: Field[object], histogram: Histogram) -> Metric:
    buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
    total = 0
    for bound, count, newest in zip((*histogram.bounds, inf), histogram.counts, histogram.exemplars, strict=True):
        total += count
        le = "+Inf" if bound == inf else str(bound)
        if newest is None:
            buckets.append((le, total))
        else:
            buckets.append((le, total, Exemplar({newest.label: newest.name}, newest.value, newest.at)))
    return HistogramMetricFamily(PREFIX + told.name, told.metadata["help"], buckets=buckets, sum_value=histogram.sum)


def exposition(counts: Counts, gauges: Gauges, histograms: Histograms, accept: str) -> tuple[bytes, str]:
    """What a scrape gets, and its content type: OpenMetrics where the Accept header asks for it, else Prometheus's
    classic text, which has no exemplars."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(counts, gauges, histograms))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
