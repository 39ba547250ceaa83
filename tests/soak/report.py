"""What the samples say, and what they must: memory that follows what is held, no drift, a file with a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import exp, log
from statistics import median
from typing import NamedTuple, TypeVar

from soak.fits import Coefficient, fit
from soak.run import Outcome
from soak.samples import MIB, Sample
from soak.waves import Ebb

SLOPE = 1.0
"""MiB an hour that memory may grow by."""
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
    ebb = [] if outcome.ebb is None else given_back(outcome.ebb)
    return [*_memory(warm), *_latency(warm), *_file(warm), *promises(outcome), *ebb, *_told(warm, outcome)]


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
    """Slopes over time alone, and beside what was held at each moment. The bound is for the latter: a document that
    grows is no leak. That of the time alone has the error of what came and went."""
    found = []
    for name in ("rss", "anonymous"):
        measured = [getattr(sample, name) / MIB for sample in warm]
        alone = fit(measured, {"hours": _hours(warm)})["hours"]
        found += _slope(f"{name}, MiB/h, over time alone", alone)
    measured = [sample.anonymous / MIB for sample in warm]
    held = held_beside(warm)
    found += _slope("anonymous, MiB/h, beside what is held", held["hours"], SLOPE)
    found += [
        Finding("anonymous, MiB for a MiB of documents", held["documents"].value),
        Finding("anonymous, KiB for a member", 1024 * held["members"].value),
        Finding("anonymous, KiB for a room", 1024 * held["rooms"].value),
        Finding("anonymous, first and last quarter's medians, MiB: first", median(_first(measured))),
        Finding("anonymous, first and last quarter's medians, MiB: last", median(_last(measured))),
    ]
    return found


def _slope(what: str, slope: Coefficient, bound: float | None = None) -> list[Finding]:
    return [Finding(what, slope.value, bound), Finding(f"{what}: standard error", slope.error)]


def held_beside(warm: Sequence[Sample]) -> dict[str, Coefficient]:
    """Anonymous memory in MiB by hours, MiB of documents, members and rooms."""
    return fit(
        [sample.anonymous / MIB for sample in warm],
        {
            "hours": _hours(warm),
            "documents": [sample.document_bytes / MIB for sample in warm],
            "members": [float(sample.connections) for sample in warm],
            "rooms": [float(sample.rooms) for sample in warm],
        },
    )


def _hours(samples: Sequence[Sample]) -> list[float]:
    return [sample.at / 3600 for sample in samples]


# ---- latency


def _latency(warm: Sequence[Sample]) -> list[Finding]:
    """By how much it is longer at the end than at the beginning, beside what the machine was doing: others work on it
    too. Of the logarithm, since load multiplies."""
    found = []
    hours = warm[-1].at / 3600 - warm[0].at / 3600
    for what, bound, latency in (
        ("edit to ack, p50", DRIFT, _of("ack_p50")),
        ("edit to ack, p99", TAIL_DRIFT, _of("ack_p99")),
        ("edit to peer, p50", DRIFT, _of("peer_p50")),
        ("edit to peer, p99", TAIL_DRIFT, _of("peer_p99")),
    ):
        drift = hours * _drift(warm, latency).value, hours * _drift(warm, latency).error
        found += [
            Finding(f"{what}, ms, best quarter of the first quarter", _best(_first(warm), latency)),
            Finding(f"{what}, ms, best quarter of the last quarter", _best(_last(warm), latency)),
            Finding(f"{what}, at the end over the beginning", exp(drift[0])),
            Finding(f"{what}, the same less two standard errors", exp(drift[0] - 2 * drift[1]), bound),
        ]
    return found


def _drift(warm: Sequence[Sample], latency: Value) -> Coefficient:
    """Of the logarithm, by hours."""
    known = [(sample, found) for sample in warm if (found := latency(sample)) is not None]
    samples = [sample for sample, _ in known]
    causes = {
        "hours": _hours(samples),
        "load": [sample.load for sample in samples],
        "disk": [log(sample.sync_ms) for sample in samples],
        "wake": [log(max(0.01, sample.wake_ms)) for sample in samples],
    }
    return fit([log(found) for _, found in known], causes)["hours"]


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
        Finding("anonymous before anybody came, MiB", outcome.empty / MIB),
    ]


def _cpu_share(samples: Sequence[Sample]) -> float:
    return (samples[-1].cpu_seconds - samples[0].cpu_seconds) / (samples[-1].at - samples[0].at)


def _first(values: Sequence[T]) -> Sequence[T]:
    return values[: len(values) // 4]


def _last(values: Sequence[T]) -> Sequence[T]:
    return values[-(len(values) // 4) :]
