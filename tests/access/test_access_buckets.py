"""Token buckets: what passes in a window, what a debt costs, and who is forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from motet.access.buckets import NAMES, Bucket, Buckets

NEARLY = 1e-6
"""For the rounding of floats."""

amounts = st.floats(0.1, 500)
gaps = st.floats(0, 20)


@given(st.floats(0.1, 1e4), st.floats(0.01, 30), st.lists(st.tuples(gaps, amounts), min_size=1, max_size=60))
@examples(deadline=None, database=None)
def test_a_window_passes_its_burst_its_rate_and_one_message(
    rate: float, seconds: float, schedule: list[tuple[float, float]]
) -> None:
    """[X30] Whatever the schedule, for whoever does not draw while there is debt."""
    bucket = Bucket(rate, seconds)
    burst = max(1.0, rate * seconds)
    drawn: list[tuple[float, float]] = []
    now = 0.0
    for gap, n in schedule:
        now += gap
        drawn.append((now, n))
        now += bucket.draw(n, now)
    for first in range(len(drawn)):
        total = 0.0
        for at, n in drawn[first:]:
            assert total <= burst + rate * (at - drawn[first][0]) + NEARLY * (1 + total)
            total += n


@given(st.floats(0.1, 1e4), st.lists(st.floats(0, 1), min_size=1, max_size=60))
@examples(deadline=None, database=None)
def test_who_stays_below_the_rate_is_never_held(rate: float, shares: list[float]) -> None:
    """[X31] A bucket delays nobody that draws no more than was refilled since the last time."""
    bucket = Bucket(rate, 1.0)
    now = 0.0
    for share in shares:
        now += 1.0
        assert bucket.draw(share * rate, now) <= NEARLY


def test_one_large_draw_makes_a_debt_and_the_pause_is_as_long_as_it_takes_to_pay() -> None:
    """[X31] The bucket goes below zero: nothing is refused, and the next draw waits."""
    bucket = Bucket(rate=10, seconds=5)
    assert bucket.draw(50, 0.0) == 0.0, "the burst"
    assert bucket.draw(100, 0.0) == 10.0
    assert bucket.wait(0, 4.0) == 6.0
    assert bucket.draw(0, 10.0) == 0.0
    assert bucket.draw(1, 10.0) == 0.1


def test_a_burst_is_at_least_one() -> None:
    """[X30] Or the first join of a slow rate would wait."""
    assert Bucket(rate=0.01, seconds=5).draw(1, 0.0) == 0.0


@given(st.lists(st.tuples(st.floats(-100, 100), amounts), max_size=60))
@examples(deadline=None, database=None)
def test_time_that_runs_backwards_brings_nothing_and_takes_nothing(schedule: list[tuple[float, float]]) -> None:
    """[X30] A bucket that sees times out of order answers as one that sees the latest so far instead."""
    jumpy, steady = Bucket(10, 5), Bucket(10, 5)
    latest = now = 0.0
    for step, n in [(0.0, 1.0), *schedule]:
        now += step
        latest = max(latest, now)
        assert jumpy.draw(n, now) == steady.draw(n, latest)


def test_buckets_are_bounded_and_forget_who_left_them_alone_for_longest() -> None:
    """[X37] A bucket that is full again is forgotten at no loss; one that is not gives its owner a new burst."""
    buckets = Buckets(rate=10, seconds=1)
    assert buckets.draw("mallory", 30, 0.0) == 2.0
    for i in range(NAMES - 1):
        assert buckets.draw(f"user-{i}", 1, 0.0) == 0.0
    assert buckets.wait("mallory", 0, 0.0) == 2.0, "at the bound all are kept"
    assert buckets.draw("mallory", 0, 0.0) == 2.0
    assert buckets.draw("one more", 1, 0.0) == 0.0
    assert buckets.draw("user-1", 10, 0.0) > 0
    assert buckets.draw("user-0", 10, 0.0) == 0.0, "forgotten: it was drawn from least recently"
    assert buckets.draw("mallory", 0, 0.0) == 2.0


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 3)), max_size=200))
@examples(deadline=None, database=None, max_examples=50)
def test_asking_how_long_a_line_is_takes_nothing_from_it(schedule: list[tuple[int, float]]) -> None:
    """[X34] `wait` says what `draw` would."""
    asked, plain = Buckets(rate=2, seconds=1), Buckets(rate=2, seconds=1)
    now = 0.0
    for who, gap in schedule:
        now += gap
        wait = asked.wait(f"user-{who % 3}", 1, now)
        assert wait == asked.draw(f"user-{who % 3}", 1, now) == plain.draw(f"user-{who % 3}", 1, now)
