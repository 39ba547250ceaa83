"""[A9] What has ended is remembered, and not for ever."""

from motet.presence.gone import REMEMBERED, Gone


def test_an_end_is_remembered_for_a_minute() -> None:
    """[A9]"""
    gone = Gone()
    gone.add(1, 5, 0.0)
    gone.add(2, 7, 50.0)
    gone.expire(REMEMBERED - 1)
    assert (gone.clock(1), gone.clock(2)) == (5, 7)
    gone.expire(REMEMBERED)
    assert (gone.clock(1), gone.clock(2)) == (None, 7)


def test_who_ends_again_is_remembered_from_then() -> None:
    """[A9]"""
    gone = Gone()
    gone.add(1, 5, 0.0)
    gone.add(2, 1, 1.0)
    gone.add(1, 6, 50.0)
    gone.expire(REMEMBERED + 2)
    assert (gone.clock(1), gone.clock(2)) == (6, None)


def test_the_memory_is_bounded_and_the_oldest_goes_first() -> None:
    """[A9]"""
    gone = Gone()
    for client in range(5_000):
        gone.add(client, 1, 0.0)
    assert len(gone.written()) == 1024
    assert gone.clock(0) is None
    assert gone.clock(4_999) == 1
