"""`python tests/fuzz TARGET`: fuzzes a target, replays inputs, or makes its corpus small."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from runner import HOUR, fuzz, go_on, keep

from targets import TARGETS, Target, import_paths


def replay(target: Target, paths: list[Path]) -> None:
    """Runs inputs one by one, without libFuzzer; the first that fails raises."""
    import_paths()
    one = import_module(f"fuzz_{target.name}").one
    for path in paths:
        print(path)
        one(path.read_bytes())


def main() -> int:
    """1 when something was found."""
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description=__doc__)
    parser.add_argument("target", choices=list(TARGETS))
    parser.add_argument("--seconds", type=int, help="fuzz for so long; without it, for what is left of the hour")
    parser.add_argument("--keep", action="store_true", help="put what the long run found worth it into the corpus")
    parser.add_argument("--replay", type=Path, nargs="+", metavar="FILE", help="run these inputs")
    given = parser.parse_args()
    target = TARGETS[given.target]
    if given.replay:
        replay(target, given.replay)
    elif given.keep:
        keep(target)
    elif given.seconds:
        outcome = fuzz(target, given.seconds, target.working)
        print(outcome.told)
        return bool(outcome.found)
    else:
        last = go_on(target)
        print(f"{target.name} had its {HOUR} s" if last is None else last.told)
        return last is not None and bool(last.found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
