"""Runs libFuzzer in a process of its own: for some seconds, for the rest of an hour, or to make the corpus small."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from targets import HERE, Target, inputs

INPUT_SECONDS: Final = 20
"""For one input; then it is a finding. The slowest honest one takes less than a second."""
ROUND: Final = 120
"""Seconds after which a long run notes how far it is."""
HOUR: Final = 3600
MOST_FILES: Final = 150
MOST_BYTES: Final = 300_000
"""Of a corpus in git."""

_RUNS = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.MULTILINE)
_REACHED = re.compile(r"cov: (\d+) ft: (\d+)")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run."""

    runs: int
    coverage: int
    """Edges of Motet's code that the corpus reaches."""
    features: int
    """The same, with how often each is passed."""
    found: tuple[Path, ...]
    log: str
    """What libFuzzer wrote, and the traceback of what was found."""

    @property
    def told(self) -> str:
        """The outcome, for people."""
        if not self.found:
            return f"{self.runs} runs, {self.coverage} edges, {self.features} features"
        replay = "\n".join(f"  python tests/fuzz {path.parent.name} --replay {path}" for path in self.found)
        return f"{self.log[-6_000:]}\nfound; to see it again:\n{replay}"


class EngineFailed(Exception):
    """libFuzzer itself did not work; the message is what it wrote."""


def _engine(target: Target, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, str(HERE / "engine.py"), target.name, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


def fuzz(target: Target, seconds: int, working: Path) -> Outcome:
    """Fuzzes for so long, from the corpus in git and that in `working`, to which what is new is added."""
    working.mkdir(parents=True, exist_ok=True)
    target.corpus.mkdir(parents=True, exist_ok=True)
    target.found.mkdir(parents=True, exist_ok=True)
    before = set(inputs(target.found))
    code, log = _engine(
        target,
        f"-max_total_time={seconds}",
        f"-max_len={target.max_bytes}",
        f"-timeout={INPUT_SECONDS}",
        "-rss_limit_mb=0",  # it counts the peak of whoever started it, which an exec does not reset
        f"-artifact_prefix={target.found}/",
        "-print_final_stats=1",
        str(working),
        str(target.corpus),
    )
    found = tuple(path for path in inputs(target.found) if path not in before)
    runs, reached = _RUNS.search(log), _REACHED.findall(log)
    if not found and (code or runs is None or not reached):
        raise EngineFailed(log[-6_000:])
    coverage, features = reached[-1] if reached else (0, 0)
    return Outcome(int(runs[1]) if runs else 0, int(coverage), int(features), found, log)


def elapsed(target: Target) -> int:
    """Seconds of the long run so far."""
    return int(target.clock.read_text()) if target.clock.exists() else 0


def go_on(target: Target, until: int = HOUR) -> Outcome | None:
    """Goes on with the long run, round by round, until it has had so many seconds in all or something is found.

    None: it has had them already."""
    outcome = None
    while (had := elapsed(target)) < until:
        seconds = min(ROUND, until - had)
        outcome = fuzz(target, seconds, target.working)
        target.clock.write_text(str(had + seconds))
        print(f"{target.name}: {had + seconds} s, {outcome.told}", flush=True)
        if outcome.found:
            break
    return outcome


def keep(target: Target) -> None:
    """Makes the corpus in git a small one: inputs that reach every edge which it and the long run's reach together, and
    then, of those that also tell how often each is passed, the smallest."""
    with tempfile.TemporaryDirectory() as scratch:
        edges, counts = Path(scratch, "edges"), Path(scratch, "counts")
        wanted = [*_merged(target, edges, counts=False), *_merged(target, counts, counts=True)]
        chosen = list({path.name: path for path in wanted}.values())[:MOST_FILES]
        shutil.rmtree(target.corpus, ignore_errors=True)
        target.corpus.mkdir(parents=True)
        size = 0
        for path in chosen:
            size += path.stat().st_size
            if size <= MOST_BYTES:
                shutil.copy(path, target.corpus)


def _merged(target: Target, into: Path, counts: bool) -> list[Path]:
    """The fewest inputs that reach the same as all there are, the smallest first."""
    into.mkdir()
    corpora = [str(folder) for folder in (target.working, target.corpus) if folder.is_dir()]
    code, log = _engine(target, "-set_cover_merge=1", f"-use_counters={counts:d}", str(into), *corpora)
    if code:
        raise EngineFailed(log[-6_000:])
    return sorted(inputs(into), key=lambda path: path.stat().st_size)
