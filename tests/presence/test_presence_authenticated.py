"""Authenticated rooms: everyone is shown as who they are, whatever they say and whoever repeats it."""

import json
import sys

import pytest
from presence_entries import ANN, ANYONE, BOB, CHANGED, EVE, NOTHING, gone, mark, said, shown

from motet.errors import ProtocolViolation
from motet.presence import Entry, Identity, Provocation, Roster, decode, encode
from motet.presence.awareness import MAX_STATE
from motet.presence.identity import Stamp
from motet.presence.outbox import RENEWAL
from motet.presence.roster import STALE, TTL
from motet.varint import MAX_SAFE


def test_everyone_is_shown_as_who_they_are() -> None:
    """[A13] At the clock that the client said; in an open room as it was sent."""
    forged = '{"user":{"id":"bob","name":"Bob"},"at":1.0}'
    roster = Roster()
    roster.apply(1, ANN, said(7, 1, forged), 0.0)
    roster.apply(2, ANYONE, said(8, 1, forged), 0.0)
    expected = encode([Entry(7, 1, mark(ANN, '"at":1.0,')), Entry(8, 1, forged)])
    assert roster.flush(0.0) == expected
    assert roster.full() == expected


def test_a_renewal_is_stamped_as_what_it_renews_and_waits_for_company() -> None:
    """[A13] [A7]"""
    roster = Roster()
    roster.apply(1, ANN, said(7, 1, '{"a":1}'), 0.0)
    roster.flush(0.0)
    roster.apply(1, ANN, said(7, 2, '{"a":1}'), 1.0)
    assert roster.due(1.0) == 1.0 + RENEWAL
    assert roster.flush(9.0) == said(7, 2, mark(ANN, '"a":1,'))
    roster.apply(1, ANN, said(7, 3, '{"a":2}'), 10.0)
    assert roster.due(10.0) == 10.0


def test_a_renewal_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """[A7] Idle members renew every 15 s."""
    roster = Roster()
    roster.apply(1, ANN, said(7, 1, '{"a":1}'), 0.0)

    def read_again(stamp: Stamp, state: bytes) -> bytes:
        pytest.fail(f"{state!r} is known")

    monkeypatch.setattr(Stamp, "mark", read_again)
    assert roster.apply(1, ANN, said(7, 2, '{"a":1}'), 1.0) == CHANGED
    assert shown(roster) == {7: (2, mark(ANN, '"a":1,'))}


def test_echoes_of_stamped_entries_are_dropped() -> None:
    """[A4] As a whole, in part, in another order, and when they are larger than what one may send."""
    roster = Roster()
    large = json.dumps({"a": "x" * (MAX_STATE - 9)})
    roster.apply(1, ANN, said(7, 1, large), 0.0)
    roster.apply(2, BOB, said(8, 1), 0.0)
    roster.apply(3, EVE, said(9, 1), 0.0)
    frame = roster.flush(0.0)
    assert frame is not None
    ann, bob, eve = decode(frame)
    assert len(ann.state) > MAX_STATE
    for member, who, echo in (
        (2, BOB, [ann, eve]),
        (3, EVE, [ann, bob]),
        (3, EVE, [bob, ann]),
        (2, BOB, [ann]),
        (4, EVE, [ann, bob, eve]),
        (5, BOB, [ann]),
    ):
        assert roster.apply(member, who, encode(echo), 0.1) == NOTHING
    roster.leave(1, 1.0, clean=True)
    assert roster.apply(2, BOB, encode([ann]), 1.1) == NOTHING
    assert roster.apply(5, BOB, encode([ann]), 1.1) == CHANGED, "it may be its own: it is provoked"
    assert roster.provoke() == [Provocation(5, gone(7, 1))]
    assert 7 not in shown(roster)


def test_a_state_that_is_no_object_is_a_violation_in_an_authenticated_room_alone() -> None:
    """[A15]"""
    roster = Roster()
    roster.apply(1, ANYONE, said(7, 1, "[]"), 0.0)
    with pytest.raises(ProtocolViolation, match="object"):
        roster.apply(2, ANN, said(8, 1, "[]"), 0.0)
    roster.apply(2, ANN, said(8, 1), 0.0)
    with pytest.raises(ProtocolViolation, match="object"):
        roster.apply(2, ANN, said(8, 2, "1"), 0.0)
    assert roster.apply(2, ANN, said(8, 2, " null"), 0.0) == CHANGED
    assert shown(roster) == {7: (1, "[]")}


FORGED = (mark(ANN), '{"user":{"id":"ann"},"user":{"id":"ann"}}', "{}", "null", " null", "[]")


@pytest.mark.parametrize("clock", [0, 4, 5, 6, 1000, MAX_SAFE])
@pytest.mark.parametrize("state", FORGED)
@pytest.mark.parametrize("own", [False, True], ids=["first words", "later"])
def test_nobody_takes_ends_or_renews_the_entry_of_another_user(own: bool, state: str, clock: int) -> None:
    """[A16] While its connection is here, and in the grace after that, for whatever the other says of it."""
    roster = Roster()
    roster.apply(1, ANN, said(7, 5), 0.0)
    if own:
        roster.apply(2, EVE, said(8, 1), 0.0)
    roster.flush(0.0)
    assert roster.apply(2, EVE, said(7, clock, state), 1.0) == NOTHING
    roster.leave(1, 2.0, clean=False)
    assert roster.apply(2, EVE, said(7, clock, state), 2.1) == NOTHING
    assert roster.provoke() == []
    assert shown(roster)[7] == (5, mark(ANN))
    assert roster.apply(3, ANN, said(7, 6), 2.2) == CHANGED, "and it is still its own user's to take"
    assert shown(roster)[7] == (6, mark(ANN))


def test_the_entry_is_not_renewed_by_another_user_either() -> None:
    """[A16] It ends when its own client has been silent for too long."""
    roster = Roster()
    roster.apply(1, ANN, said(7, 5), 0.0)
    for second in range(1, 31):
        roster.apply(2, EVE, said(7, 5 + second), float(second))
        roster.flush(float(second))
    assert 7 not in shown(roster)


def test_another_users_echo_does_not_displace_the_connection_that_waits_for_the_entry() -> None:
    """[A16] When the old connection is found dead, the client's new one is asked, not who spoke last."""
    roster = Roster()
    roster.apply(1, ANN, said(7, 5), 0.0)
    roster.apply(2, ANN, said(7, 5), 1.0)
    roster.apply(3, EVE, said(7, 5), 1.1)
    roster.leave(1, 2.0, clean=False)
    assert roster.provoke() == [Provocation(2, gone(7, 5))]


def test_what_a_connection_relays_carries_its_own_user() -> None:
    """[A16] Also what another has said, and what has ended."""
    roster = Roster()
    roster.apply(1, ANN, said(7, 5), 0.0)
    roster.leave(1, 1.0, clean=True)
    roster.apply(2, EVE, encode([Entry(8, 1, mark(BOB)), Entry(9, 1, mark(ANN)), Entry(7, 6, mark(ANN))]), 2.0)
    assert shown(roster) == {8: (1, mark(EVE)), 9: (1, mark(EVE)), 7: (6, mark(EVE))}


def test_a_relayed_entry_is_its_own_connections_from_when_that_says_more() -> None:
    """[A16] [A5] Two people in one browser: the state is the same, the identity is not."""
    roster = Roster()
    roster.apply(1, ANN, said(7, 1), 0.0)
    roster.apply(1, ANN, said(8, 1), 0.1)
    assert shown(roster)[8] == (1, mark(ANN))
    assert roster.apply(2, BOB, said(8, 2), 0.2) == CHANGED
    assert shown(roster)[8] == (2, mark(BOB))
    assert roster.apply(1, ANN, said(8, 3), 0.3) == NOTHING
    roster.leave(1, 0.4, clean=True)
    assert shown(roster) == {8: (2, mark(BOB))}


def test_a_relay_does_not_take_over_from_whom_it_relays() -> None:
    """[A16] With a client of its own, a connection takes nothing that another user's connection relays."""
    roster = Roster()
    roster.apply(1, ANN, encode([Entry(7, 1, "{}"), Entry(8, 1, "{}")]), 0.0)
    roster.apply(2, EVE, said(9, 1), 0.1)
    assert roster.apply(2, EVE, said(8, 2), 0.2) == NOTHING
    assert shown(roster)[8] == (1, mark(ANN))


def test_the_same_users_other_device_may_have_another_name() -> None:
    """[A6] [A13] What it takes over it shows as its own token says, though the state is the same."""
    roster = Roster()
    roster.apply(1, ANN, said(7, 1), 0.0)
    renamed = Identity("ann", "Dr. Ann", "")
    roster.apply(2, renamed, said(7, 2), 1.0)
    assert shown(roster) == {7: (2, mark(renamed))}


RENAMED = Identity("ann", "Dr. Ann", "")


def test_a_fresh_name_is_shown_to_newcomers_at_once_and_to_all_when_the_client_has_risen() -> None:
    """[A17]"""
    roster = Roster()
    roster.apply(1, ANN, said(7, 1), 0.0)
    roster.flush(0.0)
    assert not roster.identify(1, ANN, 1.0)
    assert not roster.identify(2, BOB, 1.0)
    assert roster.due(1.0) == STALE
    assert roster.identify(1, RENAMED, 1.0)
    assert roster.full() == said(7, 1, mark(RENAMED))
    assert roster.due(1.0) == 1.0
    assert roster.provoke() == [Provocation(1, gone(7, 1))]
    assert roster.apply(1, RENAMED, said(7, 2), 1.1) == CHANGED
    assert roster.due(1.1) == 1.1, "an answer to a provocation does not wait as a renewal does"
    assert roster.flush(1.1) == said(7, 2, mark(RENAMED))


def test_an_update_under_a_fresh_name_is_stamped_with_it() -> None:
    """[A17] Whether or not anybody had said so before."""
    roster = Roster()
    roster.apply(1, ANN, encode([Entry(7, 5, "{}"), Entry(8, 1, "{}")]), 0.0)
    roster.apply(1, RENAMED, said(7, 6), 1.0)
    assert shown(roster) == {7: (6, mark(RENAMED)), 8: (1, mark(RENAMED))}


def test_also_an_echo_under_a_fresh_name_says_that_there_is_something_to_do() -> None:
    """[A17]"""
    roster = Roster()
    roster.apply(1, ANN, said(7, 1), 0.0)
    roster.apply(2, BOB, said(8, 1), 0.0)
    roster.flush(0.0)
    echo = encode([Entry(8, 1, mark(BOB))])
    assert roster.apply(1, RENAMED, echo, 1.0) == CHANGED
    assert roster.provoke() == [Provocation(1, gone(7, 1))]
    assert roster.apply(1, RENAMED, echo, 1.1) == NOTHING


def test_when_a_fresh_token_is_another_users_what_was_shown_ends() -> None:
    """[A17] The client is provoked, and comes back as who it is now."""
    roster = Roster()
    roster.apply(1, ANN, said(7, 5), 0.0)
    roster.flush(0.0)
    assert roster.apply(1, BOB, said(7, 5), 1.0) == CHANGED
    assert roster.flush(1.0) == gone(7, 5)
    assert roster.provoke() == [Provocation(1, gone(7, 5))]
    roster.apply(1, BOB, said(7, 6), 1.1)
    assert shown(roster) == {7: (6, mark(BOB))}


def test_a_state_that_cannot_be_read_any_more_ends() -> None:
    """[A17] It was as deep as the stack had room for."""
    roster = Roster()
    roster.apply(1, ANN, said(7, 5, '{"a":' + "[" * 900 + "]" * 900 + "}"), 0.0)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(700)
    try:
        roster.identify(1, RENAMED, 1.0)
    finally:
        sys.setrecursionlimit(limit)
    assert roster.flush(1.0) == gone(7, 5)


def test_a_client_at_the_highest_clock_is_not_asked_to_rise() -> None:
    """[A18] It would have to say a number that nobody can write. It ends as the silent do, and blocks only itself."""
    roster = Roster()
    roster.apply(1, EVE, said(7, MAX_SAFE), 0.0)
    roster.apply(2, ANN, said(8, 1), 0.0)
    roster.flush(0.0)
    assert shown(roster)[7] == (MAX_SAFE, mark(EVE))
    roster.flush(STALE)
    assert roster.provoke() == [Provocation(2, gone(8, 1))]
    roster.apply(2, ANN, said(8, 2), STALE)
    roster.flush(TTL)
    assert shown(roster) == {8: (2, mark(ANN))}
    assert gone(7, MAX_SAFE)[1:] in (roster.full() or b"")
    roster.apply(3, ANN, said(7, 9), TTL + 1)
    assert roster.provoke() == []


def test_a_clock_that_nobody_can_write_is_a_violation() -> None:
    """[A18]"""
    roster = Roster()
    for number in (b"\x80\x80\x80\x80\x80\x80\x80\x10", b"\xff" * 7 + b"\x7f", b"\xff" * 9 + b"\1"):
        with pytest.raises(ProtocolViolation):
            roster.apply(1, ANN, b"\1\7" + number + b"\2{}", 0.0)
        with pytest.raises(ProtocolViolation):
            roster.apply(1, ANN, b"\1" + number + b"\1\2{}", 0.0)
    assert len(roster) == 0
