"""What is fuzzed, and where its files are."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Target:
    """The module `fuzz_<name>`, whose `one` takes an input of at most `max_bytes` and raises for a bug only."""

    name: str
    max_bytes: int

    @property
    def corpus(self) -> Path:
        """Inputs that together reach all that was ever reached; kept in git, small."""
        return HERE / "corpus" / self.name

    @property
    def found(self) -> Path:
        """Inputs that failed once; each is a test of its name."""
        return HERE / "found" / self.name

    @property
    def working(self) -> Path:
        """What a long run has added to the corpus, on this machine."""
        return HERE / ".state" / self.name / "corpus"

    @property
    def clock(self) -> Path:
        """How many seconds the long run has had, on this machine."""
        return HERE / ".state" / self.name / "seconds"


TARGETS: Final = {
    target.name: target
    for target in (
        Target("replica", 4096),
        Target("sessions", 2048),
        Target("dialects", 1024),
        Target("http", 2048),
        Target("access", 1024),
    )
}


def import_paths() -> None:
    """Has the targets find each other and the helpers of all tests, also outside of pytest."""
    for folder in (HERE.parent, HERE):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))


def inputs(folder: Path) -> list[Path]:
    """The inputs in a folder, in the order of their names; none if there is no such folder."""
    return sorted(path for path in folder.glob("*") if path.is_file())
