"""One run of the load generator against one server, with what both used meanwhile."""

import json
import subprocess
import time
from dataclasses import dataclass, field

from benchmarks.native import binary
from benchmarks.processes import (
    LOAD_CORE,
    SERVER_CORE,
    core_times,
    cpu_seconds,
    peak_rss_kib,
    reset_peak,
    rss_kib,
)
from benchmarks.servers import Running

SETTLE_SECONDS = 2.0  # before memory is read at "hold": buffers drain, collectors run
LIMIT_SECONDS = 300.0

Metrics = dict[str, float]


@dataclass(slots=True)
class _Watch:
    """Reads the server and the cores at the load generator's events."""

    pid: int
    metrics: Metrics = field(default_factory=dict)
    _cpu: float = 0.0
    _at: float = 0.0
    _cores: tuple[tuple[float, float], ...] = ()

    def begin(self) -> None:
        self._cpu, self._at, self._cores = cpu_seconds(self.pid), time.monotonic(), self._core_times()

    def end(self, load_cpu: float) -> None:
        seconds = time.monotonic() - self._at
        cpu = cpu_seconds(self.pid) - self._cpu
        server, load = (
            100 * (busy - busy_before) / max(total - total_before, 0.01)
            for (busy, total), (busy_before, total_before) in zip(self._core_times(), self._cores, strict=True)
        )
        self.metrics |= {
            "server_cpu_s": cpu,
            "server_percent": 100 * cpu / seconds,
            "server_core_percent": server,
            "load_percent": 100 * load_cpu / seconds,
            "load_core_percent": load,
        }

    def ready(self) -> None:
        reset_peak(self.pid)
        self.metrics["rss_before_mb"] = rss_kib(self.pid) * 1024 / 1e6

    def hold(self) -> None:
        self.metrics["rss_peak_mb"] = peak_rss_kib(self.pid) * 1024 / 1e6
        time.sleep(SETTLE_SECONDS)
        self.metrics["rss_after_mb"] = rss_kib(self.pid) * 1024 / 1e6

    @staticmethod
    def _core_times() -> tuple[tuple[float, float], ...]:
        return tuple((times.busy, times.total) for times in map(core_times, (SERVER_CORE, LOAD_CORE)))


def drive(running: Running, arguments: list[str]) -> Metrics:
    """Run one scenario; returns what the load generator measured and what the server used. Raises RuntimeError."""
    server = running.server
    command = ["taskset", "-c", str(LOAD_CORE), str(binary("load")), *arguments, "--port", str(running.port)]
    command += ["--path", server.path, "--query", server.query(), "--batch", str(server.join_at_a_time)]
    command += ["--hocuspocus"] if server.hocuspocus else []
    watch = _Watch(running.pid)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as load:
        assert load.stdin and load.stdout and load.stderr
        for line in load.stdout:
            event: dict[str, float | str] = json.loads(line)
            match event.pop("event"):
                case "begin":
                    watch.begin()
                case "end":
                    watch.end(float(event["load_cpu"]))
                case "ready":
                    watch.ready()
                    _answer(load)
                case "hold":
                    watch.hold()
                    _answer(load)
                case _:
                    watch.metrics |= {name: float(value) for name, value in event.items()}
        problem = load.stderr.read().strip()
        if load.wait():
            raise RuntimeError(problem or f"the load generator ended with {load.returncode}")
    metrics = watch.metrics
    if "edits_per_s" in metrics:  # holds on a machine that is shared, where edits/s does not
        metrics["edits_per_cpu_s"] = metrics["edits_per_s"] * metrics["seconds"] / max(metrics["server_cpu_s"], 0.01)
    return metrics


def _answer(load: "subprocess.Popen[str]") -> None:
    assert load.stdin
    load.stdin.write("\n")
    load.stdin.flush()
