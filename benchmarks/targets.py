"""What Motet wants to reach, beside what it measured in the same run."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.results import Results

NODE_PEERS = ("hocuspocus", "y-websocket")
PEERS = (*NODE_PEERS, "pycrdt-websocket")


@dataclass(frozen=True, slots=True)
class Target:
    """`compare` gives the measured number, `at_least` or `at_most` the bound when met; None when a row is missing."""

    scenario: str
    text: str
    compare: Callable[[Results], float | None]
    at_least: float | None = None
    at_most: float | None = None

    def met(self, measured: float) -> bool:
        return (self.at_least is None or measured >= self.at_least) and (
            self.at_most is None or measured <= self.at_most
        )


def _ratio(
    scenario: str, metric: str, to: tuple[str, ...], best: Callable[[list[float]], float]
) -> Callable[[Results], float | None]:
    def compare(results: Results) -> float | None:
        ours, others = results.value(scenario, "motet", metric), results.values(scenario, to, metric)
        return ours / best(others) if ours is not None and others and best(others) else None

    return compare


def _own(scenario: str, metric: str) -> Callable[[Results], float | None]:
    return lambda results: results.value(scenario, "motet", metric)


def _growth_over_document(results: Results) -> float | None:
    growth, size = (results.value("join-storm", "motet", metric) for metric in ("rss_growth_mb", "document_mb"))
    return growth / size if growth is not None and size else None


def _presence(scenario: str, age_ms: float) -> tuple[Target, ...]:
    return (
        Target(
            scenario,
            "server CPU ≤ 0.6 x Hocuspocus",
            _ratio(scenario, "server_cpu_s", ("hocuspocus",), min),
            at_most=0.6,
        ),
        Target(scenario, f"age p95 ≤ {age_ms:.0f} ms", _own(scenario, "age_p95_ms"), at_most=age_ms),
        Target(scenario, "every change delivered (%)", _own(scenario, "delivered_percent"), at_least=100),
    )


TARGETS = (
    Target("pairs", "edits/s ≥ 4 x the better Node peer", _ratio("pairs", "edits_per_s", NODE_PEERS, max), at_least=4),
    Target("pairs", "edits/s ≥ 0.7 x the C relay", _ratio("pairs", "edits_per_s", ("relay",), max), at_least=0.7),
    Target(
        "pairs",
        "open rooms ≤ 1.1 x authenticated ones",
        _ratio("pairs", "edits_per_s", ("motet-authenticated",), max),
        at_most=1.1,
    ),
    Target(
        "fan-out", "edits/s ≥ 1.5 x Hocuspocus", _ratio("fan-out", "edits_per_s", ("hocuspocus",), max), at_least=1.5
    ),
    Target("fan-out", "edits/s ≥ 0.7 x the C relay", _ratio("fan-out", "edits_per_s", ("relay",), max), at_least=0.7),
    Target(
        "board", "server CPU ≤ 0.8 x y-websocket", _ratio("board", "server_cpu_s", ("y-websocket",), min), at_most=0.8
    ),
    Target("board", "p99 ≤ 0.3 x the best Node peer", _ratio("board", "p99_ms", NODE_PEERS, min), at_most=0.3),
    *_presence("presence-300", 1000),
    *_presence("presence-100", 250),
    *_presence("presence-300-echo", 1000),
    *_presence("presence-100-echo", 250),
    Target("join-storm", "p50 ≤ 0.15 x the best peer", _ratio("join-storm", "p50_ms", PEERS, min), at_most=0.15),
    Target("join-storm", "peak RSS growth ≤ 4 x the document", _growth_over_document, at_most=4),
    Target("slow-reader", "RSS growth ≤ 40 MB", _own("slow-reader", "rss_growth_mb"), at_most=40),
    Target("idle-connections", "≤ 32 KiB per connection", _own("idle-connections", "each_kib"), at_most=32),
    Target("idle-document", "≤ 2.2 MB per 1 MB document", _own("idle-document", "each_mb"), at_most=2.2),
    Target("cold-room", "longest stall ≤ 10 ms", _own("cold-room", "stall_max_ms"), at_most=10),
)
