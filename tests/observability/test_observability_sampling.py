"""How much is kept of what comes too often."""

from __future__ import annotations

from motet.observability.sampling import MAX_NAMES, REST, Budget


def test_so_many_of_a_name_are_allowed_and_those_beyond_are_counted_once() -> None:
    """[O3] Each name has its own; the next window begins anew."""
    budget = Budget(3, 1.0)
    assert [budget.allows("a", 10.0 + n / 10) for n in range(6)] == [True] * 3 + [False] * 3
    assert budget.allows("b", 10.5)
    assert budget.over(10.9) == {}
    assert budget.over(11.0) == {"a": 3}
    assert budget.over(11.0) == {}
    assert budget.allows("a", 11.0)


def test_a_window_begins_with_the_first_of_any_name() -> None:
    """[O3] A pause costs nothing."""
    budget = Budget(1, 1.0)
    assert budget.allows("a", 5.0) and not budget.allows("a", 5.9)
    assert budget.over(100.0) == {"a": 1}
    assert budget.allows("a", 100.0) and not budget.allows("a", 100.9)


def test_who_invents_names_takes_neither_memory_nor_lines() -> None:
    """[O3] Those beyond the bound share one place."""
    budget = Budget(2, 1.0)
    allowed = [budget.allows(f"name {n}", 0.0) for n in range(10 * MAX_NAMES)]
    assert sum(allowed) == MAX_NAMES + 2
    assert budget.over(1.0) == {REST: 9 * MAX_NAMES - 2}
