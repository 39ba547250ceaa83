"""The numbers of a run: rows, their medians, and the file they are kept in."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.drive import Metrics

FILE = Path(__file__).parent / "results.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario against one server, once. `problem` says why there are no metrics."""

    scenario: str
    server: str
    metrics: Metrics
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """One run of the whole program."""

    date: str
    machine: str
    seconds: float
    versions: dict[str, str]
    rows: tuple[Row, ...]

    def of(self, scenario: str, server: str) -> Metrics:
        """The median of each metric over the repeats; empty when none came to an end."""
        rows = [row.metrics for row in self.rows if (row.scenario, row.server) == (scenario, server) and row.metrics]
        return {name: median(row[name] for row in rows) for name in rows[0]} if rows else {}

    def problem(self, scenario: str, server: str) -> str:
        found = (row.problem for row in self.rows if (row.scenario, row.server) == (scenario, server))
        return next(filter(None, found), "")

    def value(self, scenario: str, server: str, metric: str) -> float | None:
        return self.of(scenario, server).get(metric)

    def values(self, scenario: str, servers: Iterable[str], metric: str) -> list[float]:
        return [value for server in servers if (value := self.value(scenario, server, metric)) is not None]

    def save(self) -> None:
        FILE.write_text(json.dumps(asdict(self), indent=1) + "\n")


def load() -> Results:
    """The kept results. Raises FileNotFoundError when there are none."""
    kept = json.loads(FILE.read_text())
    rows = tuple(Row(**row) for row in kept.pop("rows"))
    return Results(**kept, rows=rows)
