"""The tables of docs/OBSERVABILITY.md, made from the code. Run as a script, it writes them."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import get_args

from motet.observability import Event, name_of
from motet.observability.counts import DIALECTS, Counts
from motet.observability.histogram import ROWS, SECONDS
from motet.observability.lines import LEVELS
from motet.observability.metrics import PREFIX, described

OBSERVABILITY = Path(__file__).parents[2] / "docs" / "OBSERVABILITY.md"

LABELS = {
    f"{PREFIX}{field.name}_total": tuple(getattr(Counts(), field.name))
    for field in fields(Counts)
    if field.metadata["label"]
} | {f"{PREFIX}open_connections": (*DIALECTS, "refused")}
"""Metric to the values of its label."""


def events() -> str:
    """One row for each event: name, when it is told, its fields, the level of its line."""
    rows = ["| event | when | fields | level |", "|---|---|---|---|"]
    for event in get_args(Event):
        when = " ".join((inspect.getdoc(event) or "").split())
        named = ", ".join(f"`{field.name}`" for field in fields(event))
        level = logging.getLevelName(LEVELS.get(event, logging.ERROR)).lower()
        rows.append(f"| `{name_of(event)}` | {when} | {named} | {level} |")
    return "\n".join(rows) + "\n"


def metrics() -> str:
    """One row for each metric: name, type, label with its values, meaning."""
    rows = ["| metric | type | label | meaning |", "|---|---|---|---|"]
    for metric in described():
        label = f"{metric.label}: {', '.join(LABELS[metric.name])}" if metric.label else ""
        rows.append(f"| `{metric.name}` | {metric.kind} | {label} | {metric.text} |")
    return "\n".join(rows) + "\n"


def buckets() -> str:
    """The bounds of histograms."""
    return f"- `…_seconds`: {_listed(SECONDS)}\n- `motet_commit_rows`: {_listed(ROWS)}\n"


def _listed(bounds: tuple[float, ...]) -> str:
    return ", ".join(f"{bound:g}" for bound in bounds)


TABLES: dict[str, Callable[[], str]] = {"events": events, "metrics": metrics, "buckets": buckets}


def with_tables(text: str) -> str:
    """The document with each table between its two markers."""
    for name, table in TABLES.items():
        between = re.compile(rf"(<!-- {name}: begin [^>]*-->\n).*?(<!-- {name}: end -->)", re.DOTALL)
        made = table()
        text, found = between.subn(lambda markers, made=made: markers[1] + made + markers[2], text)  # type: ignore[misc]
        assert found == 1, f"{found} places for the table of {name}"
    return text


if __name__ == "__main__":
    OBSERVABILITY.write_text(with_tables(OBSERVABILITY.read_text("utf-8")), "utf-8")
