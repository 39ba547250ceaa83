"""CPU seconds, memory and core use, read from /proc (Linux)."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE, LOAD_CORE = 0, 1
TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class CoreTimes:
    """Seconds since boot that a core was busy, and in all."""

    busy: float
    total: float


def core_times(core: int) -> CoreTimes:
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, idle, iowait, irq, softirq, steal = map(int, fields[:8])
            busy = user + nice + system + irq + softirq + steal
            return CoreTimes(busy * TICK, (busy + idle + iowait) * TICK)
    raise SystemExit(f"this machine has no core {core}: a benchmark needs one for the server and one for the load")


def tree(pid: int) -> Iterator[int]:
    """The process and its descendants that are alive."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from tree(int(child))


def cpu_seconds(pid: int) -> float:
    """CPU seconds of the process tree: all threads, and children that have ended."""
    ticks = 0
    for process in tree(pid):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    return ticks * TICK


def _status_kib(pid: int, name: str) -> int:
    total = 0
    for process in tree(pid):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                total += int(line.split()[1])
    return total


def rss_kib(pid: int) -> int:
    """Resident memory of the process tree now, in KiB."""
    return _status_kib(pid, "VmRSS")


def peak_rss_kib(pid: int) -> int:
    """The largest resident memory of each process since `reset_peak`, added up, in KiB."""
    return _status_kib(pid, "VmHWM")


def reset_peak(pid: int) -> None:
    for process in tree(pid):
        Path(f"/proc/{process}/clear_refs").write_text("5")


def machine() -> str:
    """Processor, cores, memory and kernel, for the report."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown processor",
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / (1 << 20)
    system = os.uname()
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {system.sysname} {system.release} {system.machine}"
