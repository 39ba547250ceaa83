"""An hour of fuzzing for each target, in rounds: what was interrupted goes on where it was."""

from __future__ import annotations

import pytest
from runner import HOUR, go_on

from targets import TARGETS, Target


@pytest.mark.long
@pytest.mark.timeout(HOUR + 600)
@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
def test_nothing_is_found_in_an_hour(target: Target) -> None:
    """[C3] [S4] On this machine, all runs together; afterwards it is skipped until tests/fuzz/.state is removed."""
    outcome = go_on(target)
    if outcome is None:
        pytest.skip(f"{target.name} has had its hour")
    assert not outcome.found, outcome.told
