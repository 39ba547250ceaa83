"""Whose entry is whose, and what others are sent of it."""

import json

import pytest
from presence_entries import ANN, ANYONE, BOB, CHANGED, EVE, NOTHING, VIOLET, gone, mark, said, shown, stamped

from motet.errors import ProtocolViolation
from motet.presence import Applied, Entry, Identity, Provocation, Roster, encode
from motet.presence.awareness import MAX_STATE
from motet.presence.returns import SETTLE
from motet.presence.roster import CHALLENGE, GRACE, MAX_ENTRIES, STALE, TTL


def test_what_one_says_is_sent_to_all_in_one_frame() -> None:
    """[A12]"""
    roster = Roster()
    assert roster.due(0.0) is None
    assert roster.flush(0.0) is None
    assert roster.apply(1, ANYONE, said(7, 1, '"a"'), 0.0) == CHANGED
    assert roster.apply(2, ANYONE, said(8, 1, '"b"'), 0.0) == CHANGED
    assert roster.due(0.0) == 0.0
    assert roster.flush(0.0) == encode([Entry(7, 1, '"a"'), Entry(8, 1, '"b"')])
    assert roster.flush(9.0) is None
    assert len(roster) == 2


def test_the_pace_follows_the_audience() -> None:
    """[A11]"""
    roster = Roster()
    roster.audience = 100
    roster.apply(1, ANYONE, said(7, 1), 0.0)
    roster.flush(0.0)
    roster.apply(1, ANYONE, said(7, 2, "1"), 0.01)
    assert roster.due(0.01) == 0.2


def test_echoes_are_dropped() -> None:
    """[A4] Clients repeat what they hear, at the clock they heard."""
    roster = Roster()
    roster.apply(1, ANYONE, said(7, 5), 0.0)
    roster.apply(2, ANYONE, said(8, 5), 0.0)
    roster.flush(0.0)
    assert roster.apply(2, ANYONE, said(7, 5), 1.0) == NOTHING
    assert roster.apply(2, ANYONE, said(7, 4, '"old"'), 1.0) == NOTHING
    assert roster.apply(1, ANYONE, said(7, 5), 1.0) == NOTHING
    assert roster.apply(3, ANYONE, encode([Entry(7, 5, "{}"), Entry(8, 5, "{}")]), 1.0) == NOTHING
    assert shown(roster) == {7: (5, "{}"), 8: (5, "{}")}


def test_an_entry_of_another_connection_cannot_be_changed_or_ended() -> None:
    """[A3]"""
    roster = Roster()
    roster.apply(1, ANN, said(7, 5), 0.0)
    roster.apply(2, BOB, said(8, 1), 0.0)
    for payload in (said(7, 6, '{"mine":1}'), gone(7, 5), gone(7, 6)):
        assert roster.apply(2, BOB, payload, 1.0) == NOTHING
        assert roster.apply(3, EVE, payload, 1.0) == NOTHING
    assert shown(roster)[7] == (5, mark(ANN))


def test_an_explicit_null_ends_the_entry_now() -> None:
    """[A8] At the known clock or a higher one, as y-websocket sends it."""
    for clock in (5, 6):
        roster = Roster()
        roster.apply(1, ANYONE, said(7, 5), 0.0)
        roster.flush(0.0)
        assert roster.apply(1, ANYONE, gone(7, clock), 1.0) == CHANGED
        assert roster.flush(1.0) == gone(7, clock)
        assert len(roster) == 0


def test_a_clean_end_ends_the_entries_at_their_clocks() -> None:
    """[A8] Everyone takes a null at the clock they know."""
    roster = Roster()
    roster.apply(1, ANYONE, said(7, 5), 0.0)
    roster.flush(0.0)
    roster.leave(1, 1.0, clean=True)
    assert roster.flush(1.0) == gone(7, 5)


def test_an_abnormal_end_is_followed_by_a_grace() -> None:
    """[A8]"""
    roster = Roster()
    roster.apply(1, ANYONE, said(7, 1), 0.0)
    roster.flush(0.0)
    roster.leave(1, 1.0, clean=False)
    assert roster.due(1.0) == 1.0 + GRACE
    assert roster.flush(5.9) is None
    assert roster.flush(6.0) == gone(7, 1)


def test_the_grace_ends_when_the_user_joins_anew() -> None:
    """[A8] A reloaded page has a new client: no ghost beside it. Another user's arrival changes nothing."""
    roster = Roster()
    roster.apply(1, ANN, said(7, 5), 0.0)
    roster.flush(0.0)
    roster.leave(1, 1.0, clean=False)
    roster.apply(2, BOB, said(8, 1), 1.1)
    assert 7 in shown(roster)
    roster.apply(3, ANN, said(9, 1), 1.2)
    assert shown(roster) == {8: (1, mark(BOB)), 9: (1, mark(ANN))}


@pytest.mark.parametrize("who", [ANYONE, ANN], ids=["open", "authenticated"])
def test_a_client_that_is_back_within_the_grace_never_went(who: Identity) -> None:
    """[A6] Its first words are at the known clock, which a spectator may also echo; provoked, it raises it."""
    roster = Roster()
    roster.apply(1, who, said(7, 5), 0.0)
    roster.flush(0.0)
    roster.leave(1, 1.0, clean=False)
    assert roster.apply(2, who, said(7, 5), 2.0) == CHANGED
    assert roster.due(2.0) == 2.0
    assert roster.provoke() == [Provocation(2, gone(7, 5))]
    assert roster.apply(2, who, said(7, 6), 2.1) == CHANGED
    assert roster.flush(20.0) == stamped(7, 6, who)
    assert len(roster) == 1


def test_the_same_users_new_connection_takes_over_at_once() -> None:
    """[A6] The half-open old one loses it, and its end changes nothing."""
    roster = Roster()
    roster.apply(1, ANN, said(7, 5), 0.0)
    assert roster.apply(2, ANN, said(7, 6, '{"new":1}'), 1.0) == CHANGED
    roster.leave(1, 2.0, clean=True)
    assert shown(roster) == {7: (6, mark(ANN, '"new":1,'))}
    assert roster.apply(2, ANN, said(7, 7), 3.0) == CHANGED


def test_in_an_open_room_the_owner_is_challenged_and_keeps_its_entry_by_answering() -> None:
    """[A6]"""
    roster = Roster()
    roster.apply(1, ANYONE, said(7, 5), 0.0)
    assert roster.apply(2, ANYONE, said(7, 6, '"mine"'), 1.0) == Applied(False, 1)
    assert roster.apply(2, ANYONE, said(7, 7, '"mine"'), 1.1) == NOTHING
    roster.answered(1)
    assert roster.apply(2, ANYONE, said(7, 8, '"mine"'), 9.0) == NOTHING
    assert shown(roster) == {7: (5, "{}")}


def test_in_an_open_room_an_owner_that_does_not_answer_loses_its_entry() -> None:
    """[A6] To the newest that the claimant said."""
    roster = Roster()
    roster.apply(1, ANYONE, said(7, 5), 0.0)
    assert roster.apply(2, ANYONE, said(7, 6, '"a"'), 1.0).challenge == 1
    roster.apply(2, ANYONE, said(7, 7, '"b"'), 1.5)
    roster.unanswered(1, 1.0 + CHALLENGE)
    assert shown(roster) == {7: (7, '"b"')}
    roster.leave(1, 9.0, clean=True)
    assert shown(roster) == {7: (7, '"b"')}


def test_a_claim_is_settled_when_the_owner_ends_first() -> None:
    """[A6]"""
    roster = Roster()
    roster.apply(1, ANYONE, said(7, 5), 0.0)
    roster.apply(2, ANYONE, said(7, 6), 1.0)
    roster.leave(1, 1.2, clean=False)
    assert shown(roster) == {7: (6, "{}")}
    assert roster.apply(2, ANYONE, said(7, 7), 2.0) == CHANGED


def test_an_owner_that_was_lost_can_be_challenged_again_at_once() -> None:
    """[A6] Two losses of the network within two seconds."""
    roster = Roster()
    roster.apply(1, ANYONE, said(7, 5), 0.0)
    assert roster.apply(2, ANYONE, said(7, 6), 1.0).challenge == 1
    roster.leave(1, 1.1, clean=False)
    assert roster.apply(3, ANYONE, said(7, 7), 1.5).challenge == 2


def test_a_claim_outlives_the_entry_that_its_dead_owner_did_not_renew() -> None:
    """[A6]"""
    roster = Roster()
    roster.apply(1, ANYONE, said(7, 5), 0.0)
    roster.apply(2, ANYONE, said(7, 6, '"b"'), TTL - 1)
    roster.flush(TTL)
    assert shown(roster) == {7: (6, '"b"')}


def test_a_spectators_echo_costs_it_nothing_once_it_has_an_entry_of_its_own() -> None:
    """[A5] It is no longer a candidate to be provoked, which would hide the entry from it for a moment."""
    roster = Roster()
    roster.apply(1, ANYONE, said(7, 1), 0.0)
    roster.apply(2, ANYONE, said(7, 1), 0.1)
    roster.flush(9.0)
    roster.provoke()
    roster.apply(2, ANYONE, said(8, 1), 10.0)
    roster.flush(STALE)
    assert roster.provoke() in ([], [Provocation(1, gone(7, 1))])
    roster.leave(1, STALE, clean=False)
    assert roster.provoke() == []


def test_a_tab_that_relays_does_not_take_over() -> None:
    """[A5] It has a client of its own; when it closes, the other tab's entry stays."""
    roster = Roster()
    roster.apply(1, ANN, said(7, 1), 0.0)
    roster.apply(2, ANN, said(8, 1), 0.0)
    assert roster.apply(2, ANN, said(7, 2), 1.0) == NOTHING
    roster.leave(2, 2.0, clean=True)
    assert shown(roster) == {7: (1, mark(ANN))}


def test_a_relayed_entry_passes_to_its_own_connection() -> None:
    """[A5] A tab relays for another tab of its browser, by BroadcastChannel, before that one is connected."""
    roster = Roster()
    roster.apply(1, ANYONE, said(7, 1), 0.0)
    roster.apply(1, ANYONE, said(8, 1), 0.1)
    assert roster.apply(2, ANYONE, said(8, 2), 0.2) == CHANGED
    roster.leave(1, 0.3, clean=True)
    assert shown(roster) == {8: (2, "{}")}


def test_an_echo_from_before_the_end_does_not_bring_an_entry_back() -> None:
    """[A9]"""
    roster = Roster()
    roster.apply(1, ANYONE, said(7, 5), 0.0)
    roster.apply(2, ANYONE, said(8, 1), 0.0)
    roster.leave(1, 1.0, clean=True)
    roster.flush(1.0)
    assert roster.apply(2, ANYONE, said(7, 5), 1.1) == NOTHING
    assert 7 not in shown(roster)


def test_a_client_that_returns_after_its_end_is_provoked() -> None:
    """[A9] At the old clock nobody would take it."""
    roster = Roster()
    roster.apply(1, ANYONE, said(7, 5), 0.0)
    roster.leave(1, 1.0, clean=True)
    roster.flush(1.0)
    assert roster.apply(2, ANYONE, said(7, 5), 2.0) == CHANGED
    assert 7 not in shown(roster)
    assert roster.provoke() == [Provocation(2, gone(7, 5))]
    assert roster.provoke() == []
    assert roster.apply(2, ANYONE, said(7, 6), 2.1) == CHANGED
    assert roster.full() == said(7, 6)


def test_when_a_client_returns_the_others_are_provoked_once() -> None:
    """[A9] It removed them all when its connection ended, and takes nobody back at the old clock."""
    roster = Roster()
    roster.apply(1, ANYONE, said(7, 9), 0.0)
    roster.apply(2, ANYONE, said(8, 9), 0.0)
    roster.flush(SETTLE)
    roster.provoke()
    for clock in (10, 11):
        roster.apply(1, ANYONE, said(7, clock), 1.0)
        roster.apply(2, ANYONE, said(8, clock), 1.0)
    roster.flush(5.0)
    roster.apply(3, ANYONE, said(9, 50), 10.0)
    assert roster.due(10.0) == 10.0
    roster.flush(10.0)
    assert roster.due(10.0) == 10.0 + SETTLE
    roster.flush(10.0 + SETTLE)
    assert {p.member: p.data for p in roster.provoke()} == {1: gone(7, 11), 2: gone(8, 11), 3: gone(9, 50)}
    roster.apply(1, ANYONE, said(7, 12), 10.3)
    assert roster.flush(10.3) == said(7, 12), "an answer to a provocation does not wait as a renewal does"


def test_a_new_page_provokes_nobody() -> None:
    """[A9]"""
    roster = Roster()
    roster.apply(1, ANYONE, said(7, 1), 0.0)
    roster.apply(2, ANYONE, said(8, 2), 0.0)
    roster.flush(1.0)
    assert roster.provoke() == []


def test_an_entry_that_is_not_renewed_is_provoked_and_then_ends() -> None:
    """[A7]"""
    roster = Roster()
    roster.apply(1, ANYONE, said(7, 1), 0.0)
    roster.flush(0.0)
    assert roster.due(0.0) == STALE
    assert roster.flush(STALE) is None
    assert roster.provoke() == [Provocation(1, gone(7, 1))]
    assert roster.due(STALE) == TTL
    assert roster.flush(TTL) == gone(7, 1)
    assert roster.due(TTL) is None


def test_newcomers_get_everyone_and_the_lately_ended() -> None:
    """[A10] Who missed frames must not keep a ghost."""
    roster = Roster()
    assert roster.full() is None
    roster.apply(1, ANYONE, said(7, 1, '"a"'), 0.0)
    roster.apply(2, ANYONE, said(8, 1, '"b"'), 0.0)
    roster.leave(2, 1.0, clean=True)
    assert roster.full() == encode([Entry(7, 1, '"a"'), Entry(8, 1, "null")])


def test_too_many_entries_on_one_connection_are_a_violation() -> None:
    """[A2] In one message or in many."""
    roster = Roster()
    roster.apply(1, ANYONE, encode([Entry(i, 1, "{}") for i in range(MAX_ENTRIES)]), 0.0)
    with pytest.raises(ProtocolViolation, match=str(MAX_ENTRIES)):
        roster.apply(1, ANYONE, said(99, 1), 0.0)
    with pytest.raises(ProtocolViolation):
        roster.apply(2, ANYONE, encode([Entry(i + 100, 1, "{}") for i in range(MAX_ENTRIES + 1)]), 0.0)


@pytest.mark.parametrize("state", ["", "NaN", "{"])
def test_a_state_that_is_not_json_is_a_violation_also_for_an_entry_that_is_known(state: str) -> None:
    """[A2]"""
    roster = Roster()
    with pytest.raises(ProtocolViolation):
        roster.apply(1, ANYONE, said(7, 1, state), 0.0)
    roster.apply(1, ANYONE, said(7, 1), 0.0)
    with pytest.raises(ProtocolViolation):
        roster.apply(1, ANYONE, said(7, 2, state), 0.0)
    assert shown(roster) == {7: (1, "{}")}


@pytest.mark.parametrize("who", [ANYONE, VIOLET], ids=["open", "authenticated"])
def test_a_state_over_the_limit_is_a_violation_that_names_it(who: Identity) -> None:
    """[A2] [A15] It holds for what is sent; what is shown is longer by the identity and ten bytes at most."""
    roster = Roster()
    largest = json.dumps({"a": "x" * (MAX_STATE - 9)})
    assert len(largest) == MAX_STATE
    roster.apply(1, who, said(7, 1, largest), 0.0)
    identity = len(json.dumps({"id": who.user, "name": who.name, "color": who.color}))
    assert len(shown(roster)[7][1]) <= MAX_STATE + identity + 10
    with pytest.raises(ProtocolViolation, match=str(MAX_STATE)):
        roster.apply(1, who, said(7, 2, largest + " "), 0.0)


def test_who_was_never_heard_of_may_leave() -> None:
    """[A8]"""
    roster = Roster()
    roster.leave(1, 0.0, clean=True)
    roster.answered(1)
    roster.unanswered(1, 0.0)
    assert roster.due(0.0) is None
