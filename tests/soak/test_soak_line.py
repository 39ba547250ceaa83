"""A line through points."""

from __future__ import annotations

import random

import pytest

from soak.line import slope


def test_a_line_is_found_again() -> None:
    """Without noise there is no error."""
    assert slope([(x, 3 + 2 * x) for x in (0.0, 1.0, 2.0, 5.0)]) == pytest.approx((2.0, 0.0))


def test_noise_is_told_from_a_slope() -> None:
    """The error says how far off the slope may be."""
    rng = random.Random(4)
    hours = [n / 12 for n in range(12)]
    flat = slope([(hour, rng.gauss(100, 1)) for hour in hours])
    steep = slope([(hour, rng.gauss(100 + 20 * hour, 1)) for hour in hours])
    assert abs(flat.value) < 3 * flat.error < 4
    assert abs(steep.value - 20) < 3 * steep.error < 4
