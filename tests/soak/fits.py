"""Lines through points, by ordinary least squares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import fmean
from typing import NamedTuple


class Coefficient(NamedTuple):
    """How much of the measured goes with one unit of a cause, and the standard error of that."""

    value: float
    error: float


class Unidentified(ValueError):
    """The causes go together, so that nobody can tell which it was."""


def fit(measured: Sequence[float], causes: Mapping[str, Sequence[float]]) -> dict[str, Coefficient]:
    """measured = constant + sum of coefficient times cause, by ordinary least squares. A cause that never changes has
    the coefficient 0. Raises Unidentified, also where there are no more points than causes.

    The errors are for points that are independent of each other; those of a soak are not quite, and theirs are larger.
    """
    y = _centred(measured)
    columns = {name: _centred(values) for name, values in causes.items()}
    scales = {name: sqrt(fmean(value * value for value in column)) for name, column in columns.items()}
    names = [name for name, scale in scales.items() if scale > 0]
    scaled = [[value / scales[name] for value in columns[name]] for name in names]
    freedom = len(y) - len(names) - 1
    if freedom < 1:
        raise Unidentified(f"{len(y)} points for {len(names)} causes")
    inverse = _inverse([[_dot(a, b) for b in scaled] for a in scaled])
    moments = [_dot(column, y) for column in scaled]
    weights = [_dot(row, moments) for row in inverse]
    rest = [each - sum(w * column[i] for w, column in zip(weights, scaled, strict=True)) for i, each in enumerate(y)]
    variance = _dot(rest, rest) / freedom
    found = dict.fromkeys(causes, Coefficient(0.0, 0.0))
    for i, name in enumerate(names):
        found[name] = Coefficient(weights[i] / scales[name], sqrt(variance * inverse[i][i]) / scales[name])
    return found


def _centred(values: Sequence[float]) -> list[float]:
    middle = fmean(values)
    return [value - middle for value in values]


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _inverse(matrix: list[list[float]]) -> list[list[float]]:
    """By Gauss and Jordan, with pivoting."""
    size = len(matrix)
    rows = [[*row, *(float(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    for i in range(size):
        pivot = max(range(i, size), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        if abs(rows[i][i]) < 1e-9 * len(matrix[0]):
            raise Unidentified("causes that go together")
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for r in range(size):
            if r != i:
                factor = rows[r][i]
                rows[r] = [value - factor * own for value, own in zip(rows[r], rows[i], strict=True)]
    return [row[size:] for row in rows]
