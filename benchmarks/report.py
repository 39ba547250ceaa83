"""The tables, in Markdown."""

from pathlib import Path

from benchmarks.drive import Metrics
from benchmarks.processes import LOAD_CORE, SERVER_CORE
from benchmarks.results import Results
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.servers import SERVERS
from benchmarks.targets import TARGETS

FILE = Path(__file__).parent / "RESULTS.md"
BUSY, SATURATED, DISTURBED = 90.0, 95.0, 15.0  # percent of a core


def bound_by(scenario: Scenario, metrics: Metrics) -> str:
    """What kept the row from being higher, and whether it may be read as a throughput at all."""
    server, load = metrics.get("server_percent", 0.0), metrics.get("load_percent", 0.0)
    if metrics.get("server_core_percent", 0.0) - server > DISTURBED:
        return "NOT VALID: something else ran on the server's core"
    if load > SATURATED:
        return "the load generator: at least this" if scenario.throughput else "the load generator"
    if server >= BUSY:
        return "the server's core"
    return "NOT VALID: the server's core was not busy" if scenario.throughput else "the load asked for"


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def table(results: Results, scenario: Scenario) -> list[str]:
    """One scenario's table, a line for each server that ran."""
    measured = {key: results.of(scenario.key, key) for key in SERVERS}
    timed = any("server_percent" in metrics for metrics in measured.values())
    titles = ["", *(column.title for column in scenario.columns)]
    titles += ["server % (its core)", "load % (its core)", "bounded by"] if timed else []
    lines = [_line(titles), _line(["---", *["---:"] * len(scenario.columns), *["---:", "---:", "---"][: 3 * timed]])]
    for key, metrics in measured.items():
        title = SERVERS[key].title
        if metrics:
            cells = [title, *(_cell(metrics.get(column.metric), column.form) for column in scenario.columns)]
            if timed:
                cells += [
                    f"{metrics[f'{side}_percent']:.0f} ({metrics[f'{side}_core_percent']:.0f})"
                    for side in ("server", "load")
                ]
                cells.append(bound_by(scenario, metrics))
            lines.append(_line(cells))
        elif problem := results.problem(scenario.key, key):
            lines.append(_line([title, f"failed: {problem.splitlines()[-1][:120]}", *[""] * (len(titles) - 2)]))
    return lines


def targets(results: Results) -> list[str]:
    """What Motet wants to reach beside what it measured."""
    lines = [_line(["scenario", "to reach", "measured", "met"]), _line(["---", "---", "---:", "---"])]
    for target in TARGETS:
        measured = target.compare(results)
        verdict = "not measured" if measured is None else "yes" if target.met(measured) else "**no**"
        lines.append(_line([SCENARIOS[target.scenario].title, target.text, _cell(measured, ".3g"), verdict]))
    return lines


def markdown(results: Results) -> str:
    """RESULTS.md."""
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    lines = [
        "# Benchmark results",
        "",
        "Written by `make bench` (`python -m benchmarks`); the raw numbers are in `results.json`.",
        "",
        f"- {results.date}, {results.machine}",
        f"- {versions} (one yjs for all)",
        f"- The server has core {SERVER_CORE} for itself, all its threads and children included; the load generator, in"
        f" C, has core {LOAD_CORE}. {results.seconds:g} s per row after 1 s of warm-up; a fresh server for each row.",
        "- Motet runs with its defaults: every edit is committed to SQLite (WAL, `synchronous=FULL`) before it is"
        " acknowledged. The peers run with theirs, and keep nothing on disk.",
        "- A throughput row is valid only if the server used at least 90 % of its core. Where the load generator is the"
        " bound, the server could do more, so a ratio to such a row is an upper bound.",
        "- Each edit leaves the load generator in a write of its own. Node servers echo an edit to its author; an edit"
        " counts once, when the other members have it.",
        "",
        "## What Motet wants to reach",
        "",
        *targets(results),
    ]
    for scenario in SCENARIOS.values():
        if not any(row.scenario == scenario.key for row in results.rows):
            continue
        lines += ["", f"## {scenario.title}", "", scenario.about, "", *table(results, scenario)]
    return "\n".join(lines) + "\n"
