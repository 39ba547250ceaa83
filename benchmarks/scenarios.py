"""What is measured: the load of each scenario, the documents it needs, and the numbers it reports."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.drive import SETTLE_SECONDS, Metrics, drive
from benchmarks.processes import rss_kib
from benchmarks.servers import Running, Server, document

MB = 1_000_000
COLD_ROOMS = 6  # the first calibrates
DOCUMENT_ROOMS = 8


@dataclass(frozen=True, slots=True)
class Column:
    """One number of a scenario's table."""

    metric: str
    title: str
    form: str = ",.0f"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario: `run` measures one server that is up; `documents` are the rooms it must hold, by size in bytes."""

    key: str
    title: str
    about: str
    columns: tuple[Column, ...]
    run: Callable[[Running, float], Metrics]
    documents: Mapping[str, int] = field(default_factory=dict)
    throughput: bool = False  # valid only when the server's core was busy
    only: frozenset[str] = frozenset()  # servers; none = all that can

    def includes(self, server: Server) -> bool:
        if self.documents and not server.reads_documents:
            return False
        return server.key in self.only if self.only else True

    def files(self) -> dict[str, Path]:
        return {room: document(size) for room, size in self.documents.items()}


def _load(*arguments: str | int) -> Callable[[Running, float], Metrics]:
    def run(running: Running, seconds: float) -> Metrics:
        return drive(running, [str(argument) for argument in arguments] + ["--seconds", str(seconds)])

    return run


def _with_document(size: int, *arguments: str | int) -> Callable[[Running, float], Metrics]:
    def run(running: Running, seconds: float) -> Metrics:
        return _load(*arguments, "--document", str(document(size)))(running, seconds)

    return run


def _growth(run: Callable[[Running, float], Metrics]) -> Callable[[Running, float], Metrics]:
    """Add the peak of resident memory over what it was when the load was ready."""

    def grown(running: Running, seconds: float) -> Metrics:
        metrics = run(running, seconds)
        return metrics | {"rss_growth_mb": metrics["rss_peak_mb"] - metrics["rss_before_mb"]}

    return grown


def _idle(room: str, rooms: int, members: int) -> Callable[[Running, float], Metrics]:
    """Memory per connection or document, over a server that has served one member already."""

    def run(running: Running, _seconds: float) -> Metrics:
        drive(running, ["idle", "--room", "first", "--rooms", "1", "--members", "1"])
        time.sleep(SETTLE_SECONDS)
        before = rss_kib(running.pid)
        metrics = drive(running, ["idle", "--room", room, "--rooms", str(rooms), "--members", str(members)])
        each_kib = (metrics["rss_after_mb"] * 1e6 / 1024 - before) / (rooms * members)
        return metrics | {"each_kib": each_kib, "each_mb": each_kib * 1024 / 1e6}

    return run


_LATENCY = (Column("p50_ms", "p50 ms", ".2f"), Column("p95_ms", "p95 ms", ".2f"), Column("p99_ms", "p99 ms", ".2f"))
_EDITS = Column("edits_per_s", "edits/s")
_CPU = Column("server_cpu_s", "server CPU s", ".2f")
_AGE = (
    _CPU,
    Column("age_p50_ms", "age p50 ms"),
    Column("age_p95_ms", "age p95 ms"),
    Column("delivered_percent", "delivered %", ".1f"),
    Column("frames_per_s", "frames/s received"),
)
_SMALL = frozenset({"motet", "motet-hocuspocus", "relay", "hocuspocus", "y-websocket", "pycrdt-websocket"})
_PRESENCE = _SMALL - {"relay"}
_PLAIN = _PRESENCE - {"motet-hocuspocus"}

SCENARIOS = {
    scenario.key: scenario
    for scenario in (
        Scenario(
            "pairs",
            "Pairs",
            "200 rooms of 2, both type, closed loop with 8 edits under way per writer. An edit is done when the peer"
            " has it.",
            (_EDITS, Column("edits_per_cpu_s", "per server CPU s"), *_LATENCY),
            _load("edits", "--rooms", 200, "--members", 2, "--writers", 2, "--window", 8),
            throughput=True,
            only=_SMALL | {"motet-authenticated"},
        ),
        Scenario(
            "fan-out",
            "Fan-out",
            "1 writer, 100 members, closed loop with 16 edits under way. An edit is done when all 99 have it.",
            (_EDITS, Column("edits_per_cpu_s", "per server CPU s"), *_LATENCY),
            _load("edits", "--rooms", 1, "--members", 100, "--writers", 1, "--window", 16),
            throughput=True,
            only=_SMALL,
        ),
        Scenario(
            "board",
            "Board",
            "50 rooms of 10, each member makes 5 edits/s: 2,500 edits/s in all. Latencies are edit to peer, for every"
            " peer.",
            (_CPU, _EDITS, *_LATENCY, Column("max_ms", "max ms", ".1f")),
            _load("edits", "--rooms", 50, "--members", 10, "--writers", 10, "--rate", 5),
            only=_SMALL,
        ),
        *(
            Scenario(
                f"presence-{members}{'-echo' if echo else ''}",
                f"Presence, {members} at {rate} Hz{', clients that re-send' if echo else ''}",
                f"{members} members of one room move a cursor {rate} x a second"
                + (", and re-send what they receive, as y-websocket and the Hocuspocus provider do." if echo else ".")
                + " A change's age: until a receiver has it or a newer one of that member.",
                _AGE,
                _load("presence", "--members", members, "--rate", rate, *(["--echo"] if echo else [])),
                only=_PRESENCE,
            )
            for echo in (False, True)
            for members, rate in ((300, 1), (100, 10))
        ),
        Scenario(
            "join-storm",
            "Join storm",
            "100 members join a room with a 4.2 MB document at the same moment; the room is warm. Time from connect to"
            " the last byte of the document; peak of resident memory over the warm server.",
            (
                Column("p50_ms", "p50 ms"),
                Column("max_ms", "max ms"),
                Column("rss_growth_mb", "RSS growth MB"),
                Column("document_mb", "answer MB", ".2f"),
            ),
            _growth(_with_document(4_190_000, "storm", "--members", 100)),
            documents={"room-0": 4_190_000},
            only=_PLAIN,
        ),
        Scenario(
            "slow-reader",
            "Slow reader",
            "One member of three stops reading while 200 MB pass: one map value of 256 KiB, overwritten again and"
            " again.",
            (Column("rss_growth_mb", "RSS growth MB"), Column("mb_per_s", "MB/s"), Column("seconds", "s", ".1f")),
            _growth(_load("slow", "--members", 3, "--window", 2)),
            only=_PLAIN,
        ),
        Scenario(
            "idle-connections",
            "Idle connections",
            "1,000 joined connections, 10 in each of 100 rooms, after 2 s of silence.",
            (Column("each_kib", "KiB per connection", ".1f"),),
            _idle("room", 100, 10),
            only=_PLAIN,
        ),
        Scenario(
            "idle-document",
            "Loaded document",
            f"{DOCUMENT_ROOMS} rooms with a 1 MB document each, one member in each, after 2 s of silence.",
            (Column("each_mb", "MB per document", ".2f"),),
            _idle("document", DOCUMENT_ROOMS, 1),
            documents={f"document-{i}": MB for i in range(DOCUMENT_ROOMS)},
            only=_PLAIN,
        ),
        Scenario(
            "cold-room",
            "Cold room",
            f"A room whose 5 MB document is on disk is joined first, {COLD_ROOMS - 1} times over, while 20 other rooms"
            " make 1,000 edits/s: the longest edit-to-peer time of those others meanwhile.",
            (
                Column("stall_ms", "stall ms, median", ".1f"),
                Column("stall_max_ms", "stall ms, worst", ".1f"),
                Column("open_ms", "join ms"),
                Column("quiet_p50_ms", "else: p50 ms", ".2f"),
                Column("quiet_max_ms", "else: max ms", ".1f"),
            ),
            _with_document(
                5 * MB, "cold", "--rooms", 20, "--members", 2, "--writers", 1, "--rate", 50, "--cold", COLD_ROOMS
            ),
            documents={f"room-{20 + i}": 5 * MB for i in range(COLD_ROOMS)},
            only=_PLAIN,
        ),
    )
}
