"""What is measured in each window: the server from outside, its own figures, and what the crowd saw."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from soak.crowd import Crowd
from support.server import MotetServer

MIB = 1 << 20
CLOCK_TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One window. Sizes are bytes, latencies milliseconds, `at` seconds since the beginning; None: nobody waited."""

    at: float
    # The server's process.
    rss: int
    pss: int
    anonymous: int
    cpu_seconds: float
    fds: int
    threads: int
    # What it says of itself.
    connections: int
    members: int
    rooms: int
    document_bytes: int
    journal_bytes: int
    outbox_bytes: int
    members_behind: int
    rows: int
    snapshots: int
    rooms_opened: int
    fell_behind: int
    divergences: int
    exceptions: int
    database_bytes: int
    wal_bytes: int
    # The crowd, from the beginning.
    present: int
    writers: int
    edits: int
    acknowledged: int
    joins: int
    ack_p50: float | None
    ack_p99: float | None
    peer_p50: float | None
    peer_p99: float | None
    # The machine.
    load: float
    cpu_ms: float
    sync_ms: float
    wake_ms: float


class Calibration:
    """What a fixed piece of work takes on this machine now: others work here too."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "calibration"
        self._cpu: list[float] = []
        self._sync: list[float] = []
        self._wake: list[float] = []

    async def run(self) -> None:
        """Once a second a millisecond of computing, a durable write of a page, and how late a sleep ends; for ever."""
        loop = asyncio.get_running_loop()
        while True:
            began = time.perf_counter()
            hashlib.pbkdf2_hmac("sha256", b"calibration", b"salt", 2_000)
            self._cpu.append(1000 * (time.perf_counter() - began))
            self._sync.append(await loop.run_in_executor(None, self._write))
            slept = time.perf_counter()
            await asyncio.sleep(1.0)
            self._wake.append(1000 * (time.perf_counter() - slept - 1.0))

    def _write(self) -> float:
        began = time.perf_counter()
        with self._file.open("wb") as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
        return 1000 * (time.perf_counter() - began)

    def taken(self) -> tuple[float, float, float]:
        """The medians since the last call: computing, writing and waking up, in milliseconds."""
        cpu, sync, wake = (
            round(median(values), 3) if values else 0.0 for values in (self._cpu, self._sync, self._wake)
        )
        for values in (self._cpu, self._sync, self._wake):
            values.clear()
        return cpu, sync, wake


def quantile(values: Sequence[float], part: float) -> float | None:
    """The value below which that part of them lies; None of nothing."""
    return round(sorted(values)[int(part * (len(values) - 1))], 3) if values else None


def memory(pid: int) -> tuple[int, int, int]:
    """Resident, proportional and anonymous bytes of a process."""
    fields = dict.fromkeys(("Rss", "Pss", "Anonymous"), 0)
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        if name in fields:
            fields[name] = int(rest.split()[0]) * 1024
    return fields["Rss"], fields["Pss"], fields["Anonymous"]


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * CLOCK_TICK


def _metrics(text: str) -> dict[str, float]:
    """Sums over their labels."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("motet_"):
            name, _, value = line.rpartition(" ")
            name = name.partition("{")[0]
            found[name] = found.get(name, 0.0) + float(value)
    return found


async def take(server: MotetServer, crowd: Crowd, calibration: Calibration, began: float) -> Sample:
    """The window that ends now. Latencies start anew."""
    text = (await asyncio.to_thread(server.get, "/metrics"))[1]
    metrics = {name.removeprefix("motet_").removesuffix("_total"): int(value) for name, value in _metrics(text).items()}
    pid = server.process.pid
    rss, pss, anonymous = memory(pid)
    tally = crowd.tally
    to_ack, tally.to_ack = tally.to_ack, []
    to_peer, tally.to_peer = tally.to_peer, []
    cpu_ms, sync_ms, wake_ms = calibration.taken()
    store = server.data / "motet.db"
    return Sample(
        at=round(time.monotonic() - began, 1),
        rss=rss,
        pss=pss,
        anonymous=anonymous,
        cpu_seconds=round(_cpu_seconds(pid), 2),
        fds=len(os.listdir(f"/proc/{pid}/fd")),
        threads=len(os.listdir(f"/proc/{pid}/task")),
        connections=metrics["open_connections"],
        members=metrics["members"],
        rooms=metrics["rooms_loaded"],
        document_bytes=metrics["loaded_bytes"],
        journal_bytes=metrics["journal_bytes"],
        outbox_bytes=metrics["outbox_bytes"],
        members_behind=metrics["members_behind"],
        rows=metrics["rows"],
        snapshots=metrics["snapshots"],
        rooms_opened=metrics["rooms_opened"],
        fell_behind=metrics["behind"],
        divergences=metrics["divergences"],
        exceptions=metrics["exceptions"],
        database_bytes=store.stat().st_size,
        wal_bytes=_size(store.with_name("motet.db-wal")),
        present=crowd.present,
        writers=crowd.writers(),
        edits=tally.edits,
        acknowledged=tally.acknowledged,
        joins=tally.joins,
        ack_p50=quantile(to_ack, 0.5),
        ack_p99=quantile(to_ack, 0.99),
        peer_p50=quantile(to_peer, 0.5),
        peer_p99=quantile(to_peer, 0.99),
        load=os.getloadavg()[0],
        cpu_ms=cpu_ms,
        sync_ms=sync_ms,
        wake_ms=wake_ms,
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def write(sample: Sample, file: Path) -> None:
    """One line more."""
    with file.open("a") as out:
        out.write(json.dumps(asdict(sample)) + "\n")


def read(lines: Iterable[str]) -> list[Sample]:
    """The samples in a file's lines."""
    return [Sample(**json.loads(line)) for line in lines]
