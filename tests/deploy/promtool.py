"""promtool, which evaluates rules and queries over recorded series as Prometheus would."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from shipped import ALERTS

STEP = 15
"""Seconds between two samples, as the scrape interval of the example."""
Series = Mapping[str, str]
"""A series by its name and labels: its values, in promtool's notation (`1 2x3 _`)."""

RESULT = re.compile(r'expr: "((?:[^"\\]|\\.)*)", time: [^,]+,\s+exp:[^\n]*\n\s+got:(.*)')
ANNOTATION = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Promtool:
    """The program at a path."""

    path: str

    def check(self, what: str, *arguments: object, given: str = "") -> str:
        """`promtool check …`: what it has to complain of, or ""."""
        ran = self._run("check", what, *map(str, arguments), given=given)
        return "" if ran.returncode == 0 and not (what == "metrics" and ran.stdout) else ran.stdout + ran.stderr

    def values(self, series: Series, queries: Sequence[str], at: int) -> dict[str, str]:
        """What each query gives at `at` seconds over these series and the alerts; "nil" where that is nothing."""
        asked = [{"expr": query, "eval_time": f"{at}s", "exp_samples": []} for query in queries]
        said = self._test(series, {"promql_expr_test": asked})
        got = {json.loads(f'"{query}"'): value.strip() for query, value in RESULT.findall(said)}
        return {query: got.get(query, "nil") for query in queries}

    def firing(self, series: Series, at: int) -> set[str]:
        """The alerts that fire at that time."""
        query = 'ALERTS{alertstate="firing"}'
        return set(re.findall(r'alertname="(\w+)"', self.values(series, [query], at)[query]))

    def annotations(self, series: Series, alert: str, at: int) -> dict[str, str]:
        """The texts of an alert that fires at that time."""
        said = self._test(series, {"alert_rule_test": [{"alertname": alert, "eval_time": f"{at}s", "exp_alerts": []}]})
        _, _, told = said.partition("got:")[2].partition("Annotations:")
        return {name: json.loads(f'"{text}"') for name, text in ANNOTATION.findall(told.partition("\n")[0])}

    def _test(self, series: Series, asked: Mapping[str, object]) -> str:
        """What it says of a test that expects nothing at all."""
        recorded = [{"series": name, "values": values} for name, values in series.items()]
        test = {"interval": f"{STEP}s", "input_series": recorded, **asked}
        file = {"rule_files": [str(ALERTS)], "evaluation_interval": f"{STEP}s", "tests": [test]}
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "test.json"  # JSON is YAML
            path.write_text(json.dumps(file), "utf-8")
            ran = self._run("test", "rules", str(path))
        said = ran.stdout + ran.stderr
        assert "FAILED" in said or "SUCCESS" in said, said
        assert "parse error" not in said, said
        return said

    def _run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.path, *arguments], input=given, capture_output=True, text=True, check=False)


def recorded(scrapes: Iterable[str], repeated: int = 0) -> dict[str, str]:
    """Several scrapes of one server as series, the last repeated so many times, each with the target's labels."""
    series: dict[str, list[str]] = {}
    scrapes = list(scrapes)
    for at, text in enumerate(scrapes):
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = {**sample.labels, "job": "motet", "instance": "a:8000"}
                name = f"{sample.name}{{{','.join(f'{k}={json.dumps(v)}' for k, v in labels.items())}}}"
                values = series.setdefault(name, [])
                values += ["_"] * (at - len(values)) + [repr(sample.value)]
    up = {'up{job="motet",instance="a:8000"}': ["1"] * len(scrapes)}
    return {
        name: " ".join(values) + (f" {values[-1]}x{repeated - 1}" if repeated else "")
        for name, values in (series | up).items()
    }
