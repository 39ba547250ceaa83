"""Which branches of the server the simulator runs: `python tests/sim/measure_coverage.py --worlds 150`.

Prints a line for each file and the branches that no world took, and at last what docs/TESTING.md promises 95 % of: the
rooms, the sessions, the journal and the stores. Exits with 1 if it is less, or if a world came to a finding.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from coverage import Coverage

MOTET: Final = Path(__file__).parents[2] / "src" / "motet"

PROMISED: Final = 95.0
"""Percent of the lines and branches of the first four groups together: coverage.py's total where it measures branches.

Of the branches alone it cannot be had: some seventy of a thousand are for what a world has no cause for (a fault of
ours, a store of another version, keys that are fetched, open rooms). docs/TESTING.md names the tests that take those.
"""

CODE: Final[dict[str, tuple[str, ...]]] = {
    "sessions": ("sync/*.py", "rooms/connection*.py"),
    "rooms": ("rooms/*.py",),
    "journal": ("persistence/journal.py", "persistence/disk.py"),
    "stores": tuple(f"persistence/{name}.py" for name in ("sqlite*", "threads", "schema", "lock", "port", "checksum")),
    "presence": ("presence/*.py",),
    "gateway": ("gateway/*.py",),
    "access": ("access/*.py",),
}
"""A file belongs to the first group that names it."""
_PROMISED_GROUPS: Final = ("sessions", "rooms", "journal", "stores")

_NEVER_RUN: Final = [r"if TYPE_CHECKING:", r"^\s*\.\.\.$", r"raise AssertionError", r"assert_never\("]
"""Lines that are there for a reader or a type checker."""


class Measured(NamedTuple):
    """Of a file or of many: lines and branches, and how many of them were run."""

    lines: int = 0
    lines_run: int = 0
    branches: int = 0
    branches_run: int = 0

    def plus(self, other: Measured) -> Measured:
        """Of both."""
        return Measured(*(a + b for a, b in zip(self, other, strict=True)))

    def row(self, name: str) -> str:
        """Of the table."""
        lines = f"{self.lines_run:5}/{self.lines:<5} {_percent(self.lines_run, self.lines):6.1f} %"
        branches = f"{self.branches_run:5}/{self.branches:<5} {_percent(self.branches_run, self.branches):6.1f} %"
        return f"{name:38} {lines}   {branches}   {self.percent:6.1f} %"

    @property
    def percent(self) -> float:
        """Of both."""
        return _percent(self.lines_run + self.branches_run, self.lines + self.branches)


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 100.0


def grouped() -> dict[str, list[Path]]:
    """The files of each group."""
    seen: set[Path] = set()
    found: dict[str, list[Path]] = {}
    for group, patterns in CODE.items():
        files = sorted({file for pattern in patterns for file in MOTET.glob(pattern)} - seen)
        seen.update(files)
        found[group] = files
    return found


def run_worlds(seeds: range) -> Iterator[str]:
    """Lives the worlds of these seeds; gives what was found in them."""
    from motet.simulation.schedule import Schedule  # not before the coverage of its imports is measured
    from motet.simulation.world import World

    for seed in seeds:
        report = World(Schedule(seed)).run()
        if report.finding:
            yield f"seed {seed}: {report.finding}"


def report(coverage: Coverage) -> Measured:
    """Prints the table. Gives the total of the groups that something is promised of."""
    with TemporaryDirectory() as directory:
        written = Path(directory) / "coverage.json"
        coverage.json_report(outfile=str(written))
        files = {Path(name).resolve(): found for name, found in json.loads(written.read_text())["files"].items()}
    promised = Measured()
    print(f"{'':38} {'lines':>11} {'':8}   {'branches':>11} {'':8}   {'both':>8}")
    for group, names in grouped().items():
        total = Measured()
        for name in names:
            found = files[name]
            measured = _measured(found["summary"])
            total = total.plus(measured)
            print(measured.row(f"  {name.relative_to(MOTET)}"), _arrows(found["missing_branches"]))
        print(total.row(group))
        if group in _PROMISED_GROUPS:
            promised = promised.plus(total)
    print(promised.row(", ".join(_PROMISED_GROUPS)))
    return promised


def _measured(summary: dict[str, int]) -> Measured:
    names = ("num_statements", "covered_lines", "num_branches", "covered_branches")
    return Measured(*(summary[name] for name in names))


def _arrows(branches: list[tuple[int, int]]) -> str:
    """From which line to which; to "end" is out of the function."""
    return " ".join(f"{start}->{end if end > 0 else 'end'}" for start, end in branches)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=150, help="how many (150: some five minutes)")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="of the first; the others follow it")
    options = parser.parse_args()
    files = [str(file) for files in grouped().values() for file in files]
    coverage = Coverage(branch=True, include=files, data_file=None, config_file=False, check_preimported=True)
    for line in _NEVER_RUN:
        coverage.exclude(line)
    findings = []
    coverage.start()
    for finding in run_worlds(range(options.first, options.first + options.worlds)):
        print(finding, flush=True)
        findings.append(finding)
    coverage.stop()
    return 1 if report(coverage).percent < PROMISED or findings else 0


if __name__ == "__main__":
    sys.exit(main())
