"""[A11] How often presence leaves."""

import itertools

from motet.presence import interval
from motet.presence.pace import FLOOR


def test_small_rooms_are_smooth_and_large_ones_slow_down() -> None:
    """[A11]"""
    assert interval(0) == interval(10) == 1 / 30
    assert interval(11) == interval(30) == 1 / 15
    assert interval(31) == interval(100) == 0.2


def test_presence_is_never_silent() -> None:
    """[A11] With this, what a member sees of another is at most half a second and a tick old."""
    assert interval(300) == interval(100_000) == FLOOR == 0.5


def test_a_larger_room_is_never_faster() -> None:
    """[A11]"""
    assert all(a <= b for a, b in itertools.pairwise(interval(n) for n in range(1_000)))
