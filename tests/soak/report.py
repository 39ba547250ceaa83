"""What the samples say, and what they must: memory that follows what is held, no drift, a file with a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import NamedTuple, TypeVar

from soak.line import slope
from soak.run import Outcome
from soak.samples import MIB, Sample
from soak.waves import Ebb

SLOPE = 1.0
"""MiB an hour that memory may grow by."""
STRETCH = 300.0
"""Seconds."""
DOCUMENTS = 1.38
"""Bytes of memory for a byte of documents in memory. Measured: 1.22 with 15 client ids in a document, 1.38 with 108."""
MEMBER = 17 << 10
"""Bytes of memory for a member (benchmarks/RESULTS.md)."""
DRIFT = 1.25
"""The latency at the end over that of the beginning, at most."""
TAIL_DRIFT = 1.5
"""The same of the 99th percentile, which a few bad moments of the machine make."""
FILE = 1.25
"""The largest that the file is in the second half over the first."""
KEPT = 0.1
"""The part of a member's memory that may stay when it has left. Found: 0.03, for free memory has holes; and 0.3 where
ended connections waited for the garbage collector."""

EXPIRED = 4401
"""Close code."""

T = TypeVar("T")
Value = Callable[[Sample], float | None]


class Finding(NamedTuple):
    """One figure; `bound` is the largest that it may be, None if it is told only."""

    what: str
    value: float
    bound: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it is within its bound."""
        return self.bound is None or self.value <= self.bound


def report(samples: Sequence[Sample], outcome: Outcome, warm_up: float) -> list[Finding]:
    """Everything, from the samples after the warm-up (seconds) and what was counted. Needs eight of those."""
    warm = [sample for sample in samples if sample.at > warm_up]
    told = [*promises(outcome), *given_back(outcome.ebb), *_told(warm, outcome)]
    return [*_memory(warm), *_latency(warm), *_file(warm), *told]


def failures(findings: Iterable[Finding]) -> list[str]:
    """What is over its bound."""
    return [f"{each.what}: {each.value:.3g}, over {each.bound:.3g}" for each in findings if not each.holds]


def as_table(findings: Iterable[Finding]) -> str:
    """For people."""
    rows = [("", "found", "at most"), ("---", "---:", "---:")]
    for what, value, bound in findings:
        rows.append((what, f"{value:.4g}", "" if bound is None else f"{bound:g}"))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


# ---- memory


def _memory(warm: Sequence[Sample]) -> list[Finding]:
    """Slopes, of all and of what is neither document nor member: documents that grow are no leak. The bound is for the
    least of every five minutes, since a burst only adds; a slope that the noise could make is none."""
    hours = [sample.at / 3600 for sample in warm]
    resident = slope([(hour, sample.rss / MIB) for hour, sample in zip(hours, warm, strict=True)])
    documents = slope([(hour, sample.document_bytes / MIB) for hour, sample in zip(hours, warm, strict=True)])
    rest = slope(_least(warm))
    return [
        Finding("resident memory, MiB/h", resident.value),
        Finding("documents in it, MiB/h", documents.value),
        Finding("the least of every 5 minutes, less documents and members, MiB/h", rest.value),
        Finding("its standard error", rest.error),
        Finding("the same slope less two standard errors", rest.value - 2 * rest.error, SLOPE),
        Finding("resident, MiB, median of the first quarter", median(sample.rss for sample in _first(warm)) / MIB),
        Finding("resident, MiB, median of the last quarter", median(sample.rss for sample in _last(warm)) / MIB),
    ]


def _least(warm: Sequence[Sample]) -> list[tuple[float, float]]:
    """Hour and MiB of anonymous memory, less what documents and members cost, where it was least in each stretch."""
    seconds = min(STRETCH, (warm[-1].at - warm[0].at) / 6)
    stretches: dict[int, list[tuple[float, float]]] = {}
    for sample in warm:
        held = DOCUMENTS * sample.document_bytes + MEMBER * sample.members
        point = ((sample.anonymous - held) / MIB, sample.at / 3600)
        stretches.setdefault(int((sample.at - warm[0].at) // seconds), []).append(point)
    return [(hour, least) for least, hour in map(min, stretches.values())]


# ---- latency


def _latency(warm: Sequence[Sample]) -> list[Finding]:
    """The best windows of the last quarter over those of the first: whoever else works on the machine only adds. Where
    the machine itself has become slower that is divided out, by the kind of work that the latency mostly is: an
    acknowledgement waits for the disk, a peer for computing."""
    found = []
    for what, bound, latency, work in (
        ("edit to ack, p50", DRIFT, _of("ack_p50"), _of("sync_ms")),
        ("edit to ack, p99", TAIL_DRIFT, _of("ack_p99"), _of("sync_ms")),
        ("edit to peer, p50", DRIFT, _of("peer_p50"), _of("cpu_ms")),
        ("edit to peer, p99", TAIL_DRIFT, _of("peer_p99"), _of("cpu_ms")),
    ):
        early, late = _best(_first(warm), latency), _best(_last(warm), latency)
        machine = max(1.0, _best(_last(warm), work) / _best(_first(warm), work))
        found += [
            Finding(f"{what}, ms, first quarter", early),
            Finding(f"{what}, ms, last quarter", late),
            Finding(f"{what}, last over first, less the machine's", late / early / machine, bound),
        ]
    return found


def _of(name: str) -> Value:
    return lambda sample: getattr(sample, name)


def _best(samples: Sequence[Sample], value: Value) -> float:
    """The lower quartile: whoever else works on the machine only adds."""
    found = sorted(found for found in map(value, samples) if found is not None)
    return found[len(found) // 4]


# ---- the file


def _file(warm: Sequence[Sample]) -> list[Finding]:
    """Rows come at a steady rate; what is stored must not."""
    half = len(warm) // 2
    sizes = [(sample.database_bytes + sample.wal_bytes) / MIB for sample in warm]
    written = warm[-1].rows - warm[0].rows
    return [
        Finding("file and write-ahead log, MiB, at most in the first half", max(sizes[:half])),
        Finding("file and write-ahead log, MiB, at most in the second half", max(sizes[half:])),
        Finding("the second over the first", max(sizes[half:]) / max(sizes[:half]), FILE),
        Finding("log rows written meanwhile", written),
        Finding("snapshots written meanwhile", warm[-1].snapshots - warm[0].snapshots),
    ]


# ---- promises


def promises(outcome: Outcome) -> list[Finding]:
    """What holds in a soak of any length."""
    tally = outcome.tally
    unexpected = sum(count for code, count in tally.sent_away.items() if code != EXPIRED)
    return [
        Finding("acknowledged edits that are not there", len(tally.broken), 0),
        Finding("rooms in which the server holds something else than was written", len(outcome.different), 0),
        Finding("edits without a status, of those who stayed", outcome.unsaved, 0),
        Finding("edits refused, documents denied, statuses of nothing", tally.surprises.total(), 0),
        Finding("joins that failed", tally.failed_joins.total(), 0),
        Finding("clients that heard nothing for 30 s", tally.silences, 0),
        Finding("sockets that the server closed, but for expired tokens", unexpected, 0),
        Finding("sockets that the server closed for expired tokens", tally.sent_away[EXPIRED]),
        Finding("tokens renewed on an open socket", tally.renewals),
        Finding("edits", tally.edits),
        Finding("edits with a status", tally.acknowledged),
        Finding("edits whose socket ended before their status", tally.cut),
        Finding("joins", tally.joins),
    ]


def given_back(ebb: Ebb) -> list[Finding]:
    """What a member costs that has left."""
    return [
        Finding("memory of a member that is there, KiB", ebb.cost / 1024),
        Finding("memory of a member that has left, KiB", ebb.kept / 1024),
        Finding("the part that stays", ebb.kept / ebb.cost, KEPT),
    ]


# ---- the rest


def _told(warm: Sequence[Sample], outcome: Outcome) -> list[Finding]:
    last = warm[-1]
    return [
        Finding("divergences that the server found", last.divergences, 0),
        Finding("exceptions that nobody designed", last.exceptions, 0),
        Finding("file descriptors, last over first", last.fds / warm[0].fds),
        Finding("rooms opened", last.rooms_opened),
        Finding("members that fell behind", last.fell_behind),
        Finding("server, seconds of CPU a second", _cpu_share(warm)),
        Finding("the same, last quarter over first", _cpu_share(_last(warm)) / _cpu_share(_first(warm))),
        Finding("documents in memory, MiB, at the end", last.document_bytes / MIB),
        Finding("anonymous memory before anybody came, MiB", outcome.ebb.before / MIB),
        Finding("anonymous memory when everybody had left, MiB", outcome.left / MIB),
    ]


def _cpu_share(samples: Sequence[Sample]) -> float:
    return (samples[-1].cpu_seconds - samples[0].cpu_seconds) / (samples[-1].at - samples[0].at)


def _first(values: Sequence[T]) -> Sequence[T]:
    return values[: len(values) // 4]


def _last(values: Sequence[T]) -> Sequence[T]:
    return values[-(len(values) // 4) :]
