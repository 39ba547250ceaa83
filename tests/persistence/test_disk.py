"""The low-disk mark."""

from __future__ import annotations

from pathlib import Path

import pytest

from motet.errors import Unavailable
from motet.persistence import free_bytes, is_low


def test_writing_stops_below_the_mark_and_starts_again_a_quarter_above_it() -> None:
    """[P17]"""
    low, seen = False, []
    for free in (1_000, 100, 99, 100, 124, 125, 110, 99):
        low = is_low(free, 100, low)
        seen.append(low)
    assert seen == [False, False, True, True, True, False, False, True]


def test_a_mark_of_nothing_never_stops_writing() -> None:
    """[P17]"""
    assert not is_low(0, 0, was_low=False)


def test_free_bytes_are_those_of_the_directorys_disk(tmp_path: Path) -> None:
    """[P17]"""
    assert free_bytes(tmp_path) > 0
    with pytest.raises(Unavailable):
        free_bytes(tmp_path / "missing")
