"""docs/OBSERVABILITY.md says what the code says."""

from __future__ import annotations

import re
from typing import get_args

from documents import ROOT
from observability_table import LABELS, OBSERVABILITY, with_tables

from motet.observability import Event, name_of
from motet.observability.counts import REASONS
from motet.observability.lines import LEVELS
from motet.observability.metrics import described
from motet.rooms.effects import Why
from motet.rooms.served import KINDS

TEXT = OBSERVABILITY.read_text("utf-8")


def test_the_tables_are_current() -> None:
    """After a change: .venv/bin/python tests/docs/observability_table.py."""
    assert with_tables(TEXT) == TEXT


def test_every_event_has_its_row() -> None:
    """And no row is of an event that there is not."""
    table = TEXT.partition("<!-- events: begin")[2].partition("<!-- events: end")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == {name_of(event) for event in get_args(Event)}


def test_every_event_has_a_level() -> None:
    """But the one whose line is written with its traceback."""
    assert {name_of(event) for event in get_args(Event) if event not in LEVELS} == {"unexpected"}


def test_every_metric_has_its_row_and_no_document_names_another() -> None:
    """By the names that Prometheus has for them."""
    served = {metric.name for metric in described()}
    table = TEXT.partition("<!-- metrics: begin")[2].partition("<!-- metrics: end")[0]
    assert set(re.findall(r"^\| `(motet_\w+)` \|", table, re.MULTILINE)) == served
    histograms = {metric.name for metric in described() if metric.kind == "histogram"}
    served |= {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}
    for path in (ROOT / "docs").glob("*.md"):
        named = set(re.findall(r"`(motet_\w+)[`{\[]", path.read_text("utf-8")))
        assert named - served - set(REASONS.values()) == set(), path.name


def test_the_values_of_labels_are_those_that_the_code_gives() -> None:
    """All of them: there are few."""
    assert LABELS.keys() == {metric.name for metric in described() if metric.label}
    assert set(LABELS["motet_resyncs_total"]) == {why.value for why in Why if why is not Why.GREETING}
    assert set(LABELS["motet_edits_refused_total"]) == {word for _, word in KINDS}


def test_the_reasons_of_readyz_are_named() -> None:
    """As the code gives them."""
    source = "".join(path.read_text() for path in (ROOT / "src" / "motet").rglob("*.py"))
    reasons = set(re.findall(r'health\.degrade\("(\w+)"', source))
    assert reasons
    health = TEXT.partition("## Health")[2].partition("\n## ")[0]
    assert {reason for reason in reasons if f"`{reason}`" not in health} == set()
