"""`python -m soak DIRECTORY`: the hour; data, log, samples and report go into the directory."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import uvloop

from soak.report import as_table, failures, report
from soak.run import soak
from soak.samples import read
from soak.shape import hour
from support import seeds
from support.server import serving


def main() -> None:
    """Ends with 1 when something is over its bound."""
    arguments = argparse.ArgumentParser(prog="soak")
    arguments.add_argument("directory", type=Path)
    arguments.add_argument(
        "--minutes",
        type=float,
        default=60.0,
        help="the first quarter is the warm-up; of less than 30 memory says nothing yet",
    )
    arguments.add_argument("--new-ids", action="store_true", help="each join is that of a new Yjs client")
    given = arguments.parse_args()
    home: Path = given.directory
    home.mkdir(parents=True)
    shape, samples = hour(given.minutes, keeps_ids=not given.new_ids), home / "samples.jsonl"
    print(f"seed {seeds.fresh()}", flush=True)
    with serving(home, shape.settings) as server:
        outcome = uvloop.run(soak(server, shape, seeds.fresh(), samples))
    findings = report(read(samples.read_text().splitlines()), outcome, shape.warm_up)
    (home / "report.md").write_text(as_table(findings) + "\n")
    print(as_table(findings))
    sys.exit("\n".join(failures(findings)) or 0)


if __name__ == "__main__":
    main()
