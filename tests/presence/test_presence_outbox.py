"""When a presence frame leaves, and what it holds."""

from math import inf

from motet.presence.awareness import join, write_entry
from motet.presence.outbox import RENEWAL, Outbox
from motet.presence.pace import FLOOR

A1, A2, B1 = write_entry(1, 1, b'"a"'), write_entry(1, 2, b'"b"'), write_entry(2, 1, b'"c"')


def test_the_first_change_after_quiet_leaves_at_once_and_the_next_is_paced() -> None:
    """[A12]"""
    outbox = Outbox()
    assert outbox.due(100) == inf
    assert outbox.take(10.0, 100) is None
    outbox.add(1, 1, A1, True, 10.0)
    assert outbox.take(10.0, 100) == join([A1])
    outbox.add(1, 1, A2, True, 10.01)
    assert outbox.due(100) == 10.2
    assert outbox.take(10.1, 100) is None
    assert outbox.take(10.2, 100) == join([A2])


def test_a_frame_holds_the_newest_of_each_client() -> None:
    """[A12]"""
    outbox = Outbox()
    outbox.add(1, 1, A1, True, 0.0)
    outbox.add(2, 2, B1, True, 0.0)
    outbox.add(1, 1, A2, True, 0.0)
    assert outbox.take(0.0, 2) == join([A2, B1])
    assert outbox.take(9.0, 2) is None


def test_a_renewal_waits_for_company_and_leaves_with_the_first_change() -> None:
    """[A7]"""
    outbox = Outbox()
    outbox.add(1, 1, A1, False, 10.0)
    assert outbox.due(2) == 10.0 + RENEWAL
    outbox.add(2, 2, B1, False, 11.0)
    assert outbox.due(2) == 10.0 + RENEWAL
    outbox.add(1, 1, A2, True, 11.2)
    assert outbox.take(11.2, 2) == join([A2, B1])
    assert outbox.due(2) == inf


def test_a_renewal_reaches_everyone_within_20_s_of_the_last() -> None:
    """[A7] Clients look every 3 s whether 15 have passed."""
    assert 15 + 3 + RENEWAL + FLOOR <= 20


def test_the_outbox_is_bounded() -> None:
    """[A12]"""
    outbox = Outbox()
    for client in range(20_000):
        outbox.add(client, 1, write_entry(client, 1, b"null"), True, 0.0)
    frame = outbox.take(0.0, 2)
    assert frame is not None
    assert len(frame) < 100_000
