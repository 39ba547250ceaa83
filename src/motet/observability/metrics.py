"""The text of /metrics (Prometheus exposition format): the totals of `Counts`, and gauges read when asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from motet.observability.counts import Counts


@dataclass(frozen=True, slots=True)
class Gauges:
    """What is so at this moment. Each is a metric of the same name (`motet_<name>`)."""

    open_connections: int
    rooms_loaded: int
    members: int
    loaded_bytes: int
    journal_bytes: int
    read_only: int


HELP = {
    "connections": "WebSockets opened",
    "refused": "Connections or documents not let in",
    "messages_in": "WebSocket messages received",
    "bytes_in": "Bytes of WebSocket messages received",
    "frames_out": "Frames written to members",
    "rows": "Log rows handed to the journal",
    "congested": "Times a member's write buffer went over its mark",
    "dismissed": "Members told to go",
    "rooms_opened": "Rooms that came into memory",
    "rooms_closed": "Rooms that left memory",
    "snapshots": "Snapshots written",
    "store_failures": "Submissions that did not reach the disk",
    "log_lines_dropped": "Log lines that were not written, for there were too many of their name",
    "open_connections": "Open WebSockets",
    "rooms_loaded": "Rooms in memory",
    "members": "Members of all rooms",
    "loaded_bytes": "Bytes of documents in memory",
    "journal_bytes": "Bytes waiting for the disk",
    "read_only": "1 while edits are refused because the store fails or the disk is nearly full",
}


class _Snapshot(Collector):
    def __init__(self, counts: Counts, gauges: Gauges) -> None:
        self._counts = counts
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        for field in fields(Counts):
            yield CounterMetricFamily(f"motet_{field.name}", HELP[field.name], value=getattr(self._counts, field.name))
        for field in fields(Gauges):
            yield GaugeMetricFamily(f"motet_{field.name}", HELP[field.name], value=getattr(self._gauges, field.name))


def exposition(counts: Counts, gauges: Gauges) -> bytes:
    """What a scrape gets."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(counts, gauges))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return generate_latest(registry)
