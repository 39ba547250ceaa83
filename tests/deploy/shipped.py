"""What is in deploy/ and docs/RUNBOOK.md, read for its names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
CONFIG = ROOT / "deploy" / "prometheus" / "prometheus.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "motet.json"
RUNBOOK = ROOT / "docs" / "RUNBOOK.md"

NAME = re.compile(r"\b(?:motet|process)_\w+")
MATCHERS = re.compile(r"\{([^}]*)\}")
GROUPED = re.compile(r"\bby \(([^)]*)\)")
OF_TARGETS = {"job", "instance"}
"""Labels that Prometheus adds."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert's name and texts."""

    name: str
    severity: str
    query: str
    runbook: str
    reason: str
    """The comment above it."""


def alerts() -> list[Alert]:
    """Of the file, in its order. promtool reads it as YAML; here its layout, which is ours, is enough."""
    found = []
    for part in re.split(r"\n\n", ALERTS.read_text("utf-8").partition("rules:\n")[2]):
        query = re.search(r"expr: (?:>-\n)?(.*?)\n        (?:for|labels):", part, re.DOTALL)
        named = {key: re.search(rf"{key}: (\S+)", part) for key in ("alert", "severity", "runbook_url")}
        assert query is not None, part
        name, severity, runbook = (found[1] if found else "" for found in named.values())
        reason = " ".join(re.findall(r"^ *# (.+)", part, re.MULTILINE))
        found.append(Alert(name, severity, " ".join(query[1].split()), runbook, reason))
    return found


def sections() -> dict[str, str]:
    """The alerts' sections of the runbook, in their order."""
    parts = re.split(r"^## ", RUNBOOK.read_text("utf-8"), flags=re.MULTILINE)[1:]
    split = (part.partition("\n") for part in parts)
    return {title: text for title, _, text in split if title.startswith("Motet")}


def panels() -> list[dict[str, object]]:
    """Of the dashboard, without its rows."""
    told = json.loads(DASHBOARD.read_text("utf-8"))
    return [panel for panel in told["panels"] if panel["type"] != "row"]


def dashboard_queries() -> Iterator[tuple[str, str]]:
    """The panel's title and the query, with what Grafana puts into it."""
    for panel in panels():
        for target in panel["targets"]:  # type: ignore[attr-defined]
            query = target["expr"].replace("$__rate_interval", "1m").replace("$job", "motet")
            yield str(panel["title"]), query.replace("$instance", ".*")


def names_in(query: str) -> set[str]:
    """The metrics that a query asks for."""
    return set(NAME.findall(query))


def labels_in(query: str) -> set[str]:
    """The labels that it selects or groups by."""
    selected = {name for inside in MATCHERS.findall(query) for name in re.findall(r"(\w+) *[=!]", inside)}
    grouped = {name.strip() for inside in GROUPED.findall(query) for name in inside.split(",")}
    return selected | grouped
