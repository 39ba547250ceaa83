"""A line through points, by ordinary least squares."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean
from typing import NamedTuple


class Slope(NamedTuple):
    """How much y grows with x, and the standard error of that."""

    value: float
    error: float


def slope(points: Sequence[tuple[float, float]]) -> Slope:
    """Through points (x, y), of which there are three at least, at different x. The error is for points that are
    independent of each other."""
    middle_x, middle_y = fmean(x for x, _ in points), fmean(y for _, y in points)
    square = sum((x - middle_x) ** 2 for x, _ in points)
    value = sum((x - middle_x) * (y - middle_y) for x, y in points) / square
    rest = sum((y - middle_y - value * (x - middle_x)) ** 2 for x, y in points)
    return Slope(value, sqrt(rest / (len(points) - 2) / square))
