"""The kept corpora are replayed, and each target is fuzzed afresh for some seconds.

`python tests/fuzz TARGET` goes on for longer; docs/TESTING.md says how.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from runner import fuzz

from targets import TARGETS, Target, inputs

FRESH_SECONDS = 10
"""For each target: a minute in all."""

each_target = pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))


def one_of(target: Target) -> Callable[[bytes], None]:
    one: Callable[[bytes], None] = import_module(f"fuzz_{target.name}").one
    return one


@each_target
def test_the_corpus_holds(target: Target) -> None:
    """[C3] [C15] [S4] [A2] [X51] [X71] [X74] Every input that ever reached something new; the one that fails is
    printed."""
    one, kept = one_of(target), inputs(target.corpus)
    assert kept
    for path in kept:
        print(f"python tests/fuzz {target.name} --replay {path}")
        one(path.read_bytes())


@pytest.mark.parametrize(
    ("target", "path"), [pytest.param(t, p, id=f"{t.name}-{p.name}") for t in TARGETS.values() for p in inputs(t.found)]
)
def test_what_was_found_stays_mended(target: Target, path: Path) -> None:
    """[C3] [S4] Each by the name of its file."""
    one_of(target)(path.read_bytes())


@each_target
def test_nothing_is_found_in_seconds(target: Target, tmp_path: Path) -> None:
    """[C3] [C15] [S4] [A2] [X51] [X71] [X74] Guided by coverage, from the corpus on, never twice the same."""
    outcome = fuzz(target, FRESH_SECONDS, tmp_path)
    print(outcome.told)
    assert not outcome.found
