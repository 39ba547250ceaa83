"""`python -m benchmarks`: measure, print the tables, and (for a whole run) write RESULTS.md and results.json."""

import argparse
import datetime
import os
import signal
import sys
import time

from benchmarks import report, results
from benchmarks.processes import LOAD_CORE, SERVER_CORE, core_times, machine
from benchmarks.results import Results, Row
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.servers import SERVERS, Server, install_peers, running, versions


def _keys(known: dict[str, object]) -> "argparse._ActionType":
    def parse(text: str) -> list[str]:
        keys = text.split(",")
        if unknown := [key for key in keys if key not in known]:
            raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; there are {', '.join(known)}")
        return keys

    return parse


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", type=_keys(dict(SCENARIOS)), default=list(SCENARIOS), help=f"of {','.join(SCENARIOS)}"
    )
    parser.add_argument("--servers", type=_keys(dict(SERVERS)), default=list(SERVERS), help=f"of {','.join(SERVERS)}")
    parser.add_argument("--seconds", type=float, default=5.0, help="per row, after 1 s of warm-up")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each row; the tables show the medians")
    parser.add_argument("--render", action="store_true", help="write RESULTS.md anew from results.json")
    return parser.parse_args()


def measure(scenario: Scenario, server: Server, seconds: float) -> Row:
    """One row; a server that fails is a row that says so."""
    try:
        with running(server, scenario.files()) as up:
            return Row(scenario.key, server.key, scenario.run(up, seconds))
    except RuntimeError as problem:
        return Row(scenario.key, server.key, {}, str(problem))


def measure_all(only: list[str], servers: list[str], seconds: float, repeat: int) -> Results:
    os.sched_setaffinity(0, {LOAD_CORE})  # this program waits; the server's core is the server's
    rows: list[Row] = []
    began = time.monotonic()
    for scenario in (SCENARIOS[key] for key in only):
        for server in (SERVERS[key] for key in servers if scenario.includes(SERVERS[key])):
            for _ in range(repeat):
                row = measure(scenario, server, seconds)
                rows.append(row)
                first = scenario.columns[0]
                found = (
                    f"{row.metrics[first.metric]:{first.form}} {first.title}"
                    if row.metrics
                    else f"FAILED {row.problem}"
                )
                print(f"{time.monotonic() - began:5.0f} s  {scenario.key:18} {server.key:18} {found}", flush=True)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return Results(today, machine(), seconds, versions(), tuple(rows))


def main() -> None:
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # an exception, so that the server under test is stopped
    if given.render:
        report.FILE.write_text(report.markdown(results.load()))
        return
    core_times(SERVER_CORE), core_times(LOAD_CORE)  # both must exist
    install_peers()
    found = measure_all(given.only, given.servers, given.seconds, given.repeat)
    print("\n" + report.markdown(found))
    if given.only == list(SCENARIOS) and given.servers == list(SERVERS):
        found.save()
        report.FILE.write_text(report.markdown(found))
    else:
        print("A part of the scenarios or servers was asked for: RESULTS.md is as it was.", file=sys.stderr)


if __name__ == "__main__":
    main()
