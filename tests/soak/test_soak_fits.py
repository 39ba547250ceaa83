"""Lines through points."""

from __future__ import annotations

import random

import pytest

from soak.fits import Unidentified, fit


def test_causes_that_come_together_are_told_apart() -> None:
    """What grows with the documents is no leak, and what leaks beside them is seen."""
    rng = random.Random(4)
    hours = [n / 360 for n in range(360)]
    documents = [4 + hour + rng.random() for hour in hours]
    measured = [80 + 0.5 * h + 1.3 * d + rng.gauss(0, 0.1) for h, d in zip(hours, documents, strict=True)]
    assert fit(measured, {"hours": hours})["hours"].value == pytest.approx(1.8, abs=0.2)
    found = fit(measured, {"hours": hours, "documents": documents})
    assert found["hours"].value == pytest.approx(0.5, abs=4 * found["hours"].error)
    assert found["documents"].value == pytest.approx(1.3, abs=4 * found["documents"].error)
    assert found["hours"].error < 0.05


def test_a_cause_that_never_changes_explains_nothing() -> None:
    """Its coefficient is 0, and the others have theirs."""
    found = fit([1.0, 2.0, 3.1, 4.0], {"hours": [0.0, 1.0, 2.0, 3.0], "rooms": [7.0] * 4})
    assert found["rooms"] == (0.0, 0.0)
    assert found["hours"].value == pytest.approx(1.01)


@pytest.mark.parametrize("points", [3, 50])
def test_what_cannot_be_told_apart_is_refused(points: int) -> None:
    """Two causes that go together, or fewer points than causes."""
    line = [float(n) for n in range(points)]
    with pytest.raises(Unidentified):
        fit(line, {"hours": line, "documents": [2 * n for n in line], "rooms": [n * n for n in line]})
