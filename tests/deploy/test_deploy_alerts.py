"""deploy/prometheus/alerts.yml and docs/RUNBOOK.md: one section for each alert, and each fires when it should."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from promtool import Promtool
from shipped import ALERTS, CONFIG, ROOT, RUNBOOK, alerts, sections

from motet.observability import events
from motet.observability.counts import REASONS

MIB = 1 << 20
END = 20 * 60
"""Seconds at which is looked: the 80th sample."""
TARGET = 'job="motet",instance="a:8000"'
HEADINGS = ["**It means**", "**Confirm.**", "**Do", "**Do not**", "**It is over**"]


def series(name: str, values: str, labels: str = "") -> dict[str, str]:
    """A recorded series of the one target."""
    return {f"{name}{{{TARGET}{labels and ','}{labels}}}": values}


def commits(seconds: list[tuple[float, int]], values: int = 80) -> dict[str, str]:
    """A histogram of commits: bounds, and how many more were at or below each at every sample."""
    told = {}
    for bound, more in [*seconds, (float("inf"), seconds[-1][1])]:
        le = "+Inf" if bound == float("inf") else str(bound)
        told |= series("motet_commit_seconds_bucket", f"0+{more}x{values}", f'le="{le}"')
    return told


UP = series("up", "1x80")


@dataclass(frozen=True, slots=True)
class Case:
    """What was recorded for 20 minutes, and whether an alert fires at their end."""

    alert: str
    story: str
    recorded: dict[str, str]
    says: str = ""
    """Part of its description; "": it has not fired at any time."""


CASES = [
    Case("MotetDown", "it answers no more", series("up", "1x70 0x8"), "a:8000 has not answered for a minute"),
    Case("MotetDown", "there is no target", {"up": "_x80"}, "No target of the job motet has been known for a minute"),
    Case("MotetDown", "a restart of half a minute", series("up", "1x40 0 0 1x40")),
    Case("MotetDown", "another job is down", UP | {'up{job="other",instance="b:1"}': "0x80"}),
    Case("MotetNotReady", "red for two minutes", series("motet_ready", "1x70 0x10"), "/readyz of a:8000 has been 503"),
    Case("MotetNotReady", "a drain and a start", series("motet_ready", "1x30 0 0 _ _ 1x50")),
    Case("MotetReadOnly", "a disk that stays full", series("motet_read_only", "0x75 1x5"), "has refused all edits"),
    Case("MotetReadOnly", "a commit that failed once", series("motet_read_only", "0x40 1 0x40")),
    Case("MotetDiskLow", "filling up",
         series("motet_disk_free_bytes", f"{2000 * MIB}-{20 * MIB}x80"), "has 400MiB left"),
    Case("MotetDiskLow", "2 GiB are free", series("motet_disk_free_bytes", f"{2048 * MIB}x80")),
    Case("MotetCommitsSlow", "each fsync takes 200 ms",
         commits([(0.1, 0), (0.2, 0), (0.5, 60)]), "takes 497ms or longer"),
    Case("MotetCommitsSlow", "an SSD", commits([(0.005, 59), (0.01, 60), (0.02, 60), (0.1, 60)])),
    Case("MotetCommitsSlow", "one slow commit in a thousand", commits([(0.01, 999), (0.1, 999), (0.2, 1000)])),
    Case("MotetCommitsSlow", "nothing is written", commits([(0.01, 0), (0.1, 0), (0.5, 0)])),
    Case("MotetJournalFull", "the disk hangs", series("motet_journal_bytes", f"2048x70 {8 * MIB}x10"), "8MiB of edits"),
    Case("MotetJournalFull", "a large paste", series("motet_journal_bytes", f"2048x40 {7 * MIB} {5 * MIB} 0x40")),
    Case("MotetMembersBehind", "a network breaks",
         series("motet_members_behind", "0x60 12x20") | series("motet_members", "100x80"), "12 members of a:8000"),
    Case("MotetMembersBehind", "two on a train",
         series("motet_members_behind", "2x80") | series("motet_members", "10x80")),
    Case("MotetMembersBehind", "twenty of a thousand",
         series("motet_members_behind", "20x80") | series("motet_members", "1000x80")),
    Case("MotetMembersBehind", "somebody moves a large board",
         series("motet_members_behind", "0x40 30x4 0x40") | series("motet_members", "100x80")),
    Case("MotetLoopLag", "stalls of half a second",
         series("motet_loop_lag_seconds", "0.002x60 0.5x20"), "busy for 500ms"),
    Case("MotetLoopLag", "one stall, seen for 10 s", series("motet_loop_lag_seconds", "0.002x40 3 0.002x40")),
    Case("MotetRefusals", "tokens that have ended",
         series("motet_refusals_total", "_x40 0+60x40", 'reason="not_authenticated"'),
         "refuses 4 connections, documents or requests a second, with the reason not_authenticated"),
    Case("MotetRefusals", "one client that keeps coming back",
         series("motet_refusals_total", "0+3x80", 'reason="forbidden"')),
    Case("MotetRefusals", "everybody at once after a restart",
         series("motet_refusals_total", "0x40 200x40", 'reason="try_later"')),
    Case("MotetFlood", "a client in a loop",
         series("motet_slowed_total", "_x60 1+15x20", 'kind="socket"'), "slowing down a socket 1 times a second"),
    Case("MotetFlood", "a large paste", series("motet_slowed_total", "_x40 1 4 8x40", 'kind="socket"')),
    Case("MotetDivergence", "the first of its kind",
         series("motet_divergences_total", "0x70 1x10", 'kind="member"'),
         "a:8000 found that a member and its room differed (kind member): 1"),
    Case("MotetDivergence", "another one", series("motet_divergences_total", "0x60 1x20", 'kind="log"'),
         "a:8000 found that a room in memory and its log differed (kind log): 1"),
    Case("MotetDivergence", "none", series("motet_divergences_total", "0x80", 'kind="log"')),
    Case("MotetKeysUnavailable", "the issuer is down",
         series("motet_keys_failing", "0x50 1x30"), "a:8000 has not been able to fetch jwks_url"),
    Case("MotetKeysUnavailable", "it restarts", series("motet_keys_failing", "0x40 1x10 0x30")),
    Case("MotetExceptions", "a bug", series("motet_exceptions_total", "0x70 1x10"), "1 in ten minutes on a:8000"),
    Case("MotetExceptions", "none", series("motet_exceptions_total", "3x80")),
    Case("MotetSnapshotsFailing", "a bad room, every 30 s",
         series("motet_snapshot_failures_total", "0x39 0+0.5x40"), "failures in ten minutes on a:8000"),
    Case("MotetSnapshotsFailing", "one failed, and was written", series("motet_snapshot_failures_total", "0x40 1x40")),
]  # fmt: skip


@pytest.mark.prometheus
def test_promtool_takes_the_rules_and_the_example(promtool: Promtool) -> None:
    """As Prometheus would."""
    assert promtool.check("rules", ALERTS) == ""
    assert promtool.check("config", CONFIG) == ""


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    """In the same order, where its runbook_url leads, and as urgent as it is."""
    assert list(sections()) == [alert.name for alert in alerts()]
    for alert in alerts():
        assert alert.runbook == f"{RUNBOOK.relative_to(ROOT)}#{alert.name.lower()}"
        assert sections()[alert.name].strip().startswith(f"{alert.severity.capitalize()}: ")
        assert alert.severity in ("critical", "warning")


def test_every_threshold_has_its_reason() -> None:
    """In a comment above the alert."""
    assert [alert.name for alert in alerts() if len(alert.reason) < 30] == []


@pytest.mark.parametrize("name", sections())
def test_every_section_says_what_to_do_and_when_it_is_over(name: str) -> None:
    """In this order."""
    at = [sections()[name].find(heading) for heading in HEADINGS]
    assert -1 not in at
    assert at == sorted(at)


def test_the_console_calls_what_it_finds_by_the_names_of_alerts() -> None:
    """So that its words lead to the runbook."""
    source = "".join(path.read_text("utf-8") for path in (ROOT / "web" / "src" / "console").rglob("*.ts"))
    named = set(re.findall(r'"(Motet[A-Z]\w+)"', source))
    assert named
    assert named - {alert.name for alert in alerts()} == set()


def test_the_lines_of_the_log_that_the_runbook_names_are_written() -> None:
    """By the names of events, or of the line that counts repetitions."""
    known = {events.name_of(kind) for kind in events.Event.__args__} | {"unexpected_again"}
    told = re.findall(r"[Tt]he log has (.+?)(?:\. |\.?$)", RUNBOOK.read_text("utf-8"), re.MULTILINE)
    lines = {name for sentence in told for name in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", sentence)}
    assert len(lines) > 10
    assert lines - known == set()


def test_every_reason_of_refusals_has_its_row() -> None:
    """As the label has it."""
    rows = re.findall(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \|", sections()["MotetRefusals"], re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"\w+", row)} == {*REASONS.values(), "other"}


@pytest.mark.parametrize("alert", [alert.name for alert in alerts()])
def test_every_alert_is_tried_on_something_that_fires_it_and_on_something_that_does_not(alert: str) -> None:
    """In the cases below."""
    assert {bool(case.says) for case in CASES if case.alert == alert} == {True, False}


@pytest.mark.prometheus
@pytest.mark.parametrize("case", CASES, ids=[f"{case.alert}: {case.story}" for case in CASES])
def test_it_fires_when_it_should_and_only_then(promtool: Promtool, case: Case) -> None:
    """With a description that has the numbers, and links to its section."""
    recorded = case.recorded if case.alert == "MotetDown" else UP | case.recorded
    ever = f'count_over_time(ALERTS{{alertname="{case.alert}",alertstate="firing"}}[{END}s])'
    assert (promtool.values(recorded, [ever], END)[ever] != "nil") == bool(case.says)
    if case.says:
        assert promtool.firing(recorded, END) == {case.alert}
        told = promtool.annotations(recorded, case.alert, END)
        assert case.says in told["description"]
        assert told["summary"]
        assert "<error" not in " ".join(told.values())
