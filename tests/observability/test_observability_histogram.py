"""Own histograms: buckets, samples to tell of, quantiles."""

from __future__ import annotations

import random
from itertools import pairwise
from math import ceil

import pytest

from motet.observability import Exemplar, Histogram
from motet.observability.histogram import ROWS, SECONDS, TOLD_AGAIN, quantile
from support import seeds


def test_a_value_is_in_the_bucket_of_the_least_bound_that_it_does_not_exceed() -> None:
    """A bound belongs to its own bucket, as Prometheus's `le` says; what is above all is in the last."""
    histogram = Histogram((1.0, 2.0))
    for value in (0.0, 1.0, 1.1, 2.0, 2.1, 1e9):
        histogram.observe(value, 0.0)
    assert histogram.counts == [2, 2, 2]
    assert histogram.sum == pytest.approx(1e9 + 6.2)


def test_the_bounds_go_from_a_tenth_of_a_millisecond_to_ten_seconds() -> None:
    """In order, three to a factor of ten."""
    assert list(SECONDS) == sorted(set(SECONDS)) and (SECONDS[0], SECONDS[-1]) == (0.0001, 10.0)
    assert all(upper <= 2.5 * lower for lower, upper in pairwise(SECONDS))
    assert list(ROWS) == sorted(set(ROWS))


def test_of_each_bucket_one_value_a_second_is_to_be_told() -> None:
    """So a rare slow one is, however many fast ones come."""
    histogram = Histogram()
    assert histogram.observe(0.0003, 100.0)
    assert not any(histogram.observe(0.0003, 100.0 + n / 1000) for n in range(999))
    assert histogram.observe(3.0, 100.5)
    assert not histogram.observe(3.0, 100.6)
    assert histogram.observe(0.0003, 100.0 + TOLD_AGAIN)


def test_an_exemplar_stands_in_the_bucket_of_its_value() -> None:
    """The newest replaces the one before."""
    histogram = Histogram((1.0, 2.0))
    histogram.exemplify(Exemplar("connection", "c1", 1.5, 0.0))
    histogram.exemplify(Exemplar("connection", "c2", 2.0, 1.0))
    histogram.exemplify(Exemplar("connection", "c3", 9.0, 2.0))
    assert [each and each.name for each in histogram.exemplars] == [None, "c2", "c3"]


@pytest.mark.parametrize("seed", [1, 2, 3, 4, seeds.fresh()])
def test_a_quantile_is_in_the_bucket_of_the_true_one(seed: int) -> None:
    """Whatever the values are."""
    draw = random.Random(seed)
    histogram = Histogram()
    values = sorted(draw.lognormvariate(-6, 2) for _ in range(draw.randrange(1, 400)))
    for value in values:
        histogram.observe(value, 0.0)
    for q in (0.01, 0.5, 0.9, 0.99, 1.0):
        true = values[ceil(q * len(values)) - 1]
        found = histogram.quantile(q)
        assert found is not None
        upper = next((bound for bound in SECONDS if true <= bound), SECONDS[-1])
        lower = max((bound for bound in SECONDS if bound < true), default=0.0)
        assert min(lower, SECONDS[-1]) <= found <= upper * 1.000001, (seed, q, true, found)


def test_a_quantile_of_nothing_is_unknown_and_of_what_came_since_is_of_that_alone() -> None:
    """As the console shows the last minute of counts that never begin anew."""
    histogram = Histogram((1.0, 2.0, 4.0))
    assert histogram.quantile(0.5) is None
    histogram.observe(0.5, 0.0)
    before = tuple(histogram.counts)
    assert histogram.quantile(0.99, before) is None
    for _ in range(10):
        histogram.observe(3.0, 0.0)
    assert histogram.quantile(0.5, before) == 3.0
    assert quantile((1.0,), (0, 5), 0.5) == 1.0
