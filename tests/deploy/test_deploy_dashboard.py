"""deploy/grafana/motet.json: made by its script, complete on the page, without anybody's data source."""

from __future__ import annotations

import json
import runpy
from typing import Any

from shipped import DASHBOARD, dashboard_queries

from motet.observability.metrics import described

TOLD = json.loads(DASHBOARD.read_text("utf-8"))


def test_it_is_what_its_script_writes() -> None:
    """After a change: .venv/bin/python deploy/grafana/dashboard.py."""
    script: dict[str, Any] = runpy.run_path(str(DASHBOARD.with_name("dashboard.py")))
    assert script["written"](script["dashboard"]()) + "\n" == DASHBOARD.read_text("utf-8")


def test_data_source_job_and_instance_are_chosen_on_the_page() -> None:
    """None is written into it: every panel and variable names the one that was chosen."""
    variables = {variable["name"]: variable for variable in TOLD["templating"]["list"]}
    assert list(variables) == ["datasource", "job", "instance"]
    users = [panel for panel in TOLD["panels"] if panel["type"] != "row"] + [variables["job"], variables["instance"]]
    assert {json.dumps(user["datasource"]) for user in users} == {'{"type": "prometheus", "uid": "${datasource}"}'}
    queries = [target["expr"] for panel in TOLD["panels"] for target in panel.get("targets", ())]
    unselected = [query for query in queries if '{job="$job", instance=~"$instance"}' not in query]
    assert len(unselected) == 1, unselected  # the alerts that fire


def test_panels_have_their_own_place_and_a_word_of_explanation() -> None:
    """Within Grafana's 24 columns, none over another."""
    taken: set[tuple[int, int]] = set()
    for panel in TOLD["panels"]:
        x, y, width, height = (panel["gridPos"][key] for key in "xywh")
        assert x + width <= 24, panel["title"]
        cells = {(x + i, y + j) for i in range(width) for j in range(height)}
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or panel["description"], panel["title"]
    ids = [panel["id"] for panel in TOLD["panels"]]
    assert len(set(ids)) == len(ids)


def test_every_metric_of_ours_is_on_it() -> None:
    """What is worth counting is worth showing."""
    shown = " ".join(query for _, query in dashboard_queries())
    assert [metric.name for metric in described() if metric.name not in shown] == []
