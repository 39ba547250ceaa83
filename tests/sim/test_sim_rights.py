"""What each user may, for certain and perhaps, by what was decided and when."""

from __future__ import annotations

from motet.simulation.rights import COMMENTS, CONTENT, LINGER, READ, Rights

SOON = 1e9
"""A wall clock before the end of every token here."""


def rights() -> Rights:
    """Ada edits, and Bob is nobody."""
    made = Rights({"ada": {"notes": "editor"}, "bob": {"notes": "none"}})
    made.tokens_end.update(ada=2e9, bob=2e9)
    return made


def test_what_nobody_decided_is_as_the_tokens_say() -> None:
    """For certain."""
    known = rights()
    for lane in (READ, CONTENT, COMMENTS):
        assert known.could("ada", "notes", lane, 1.0)
        assert known.might("ada", "notes", lane, 1.0, SOON)
        assert not known.could("bob", "notes", lane, 1.0)
        assert not known.might("bob", "notes", lane, 1.0, SOON)
    assert not known.might("ada", "other", READ, 1.0, SOON)
    assert known.lanes("ada", "notes") == (COMMENTS, CONTENT)


def test_while_a_role_is_being_taken_away_both_answers_are_right() -> None:
    """And when it is kept only one is; of what was done before, still the other."""
    known = rights()
    known.begins("ada", "notes", "viewer", 10.0)
    assert known.unsure == {("ada", "notes")}
    assert known.might("ada", "notes", CONTENT, 11.0, SOON)
    assert not known.could("ada", "notes", CONTENT, 11.0)
    assert known.could("ada", "notes", READ, 11.0)
    known.holds("ada", "notes", 12.0)
    assert known.unsure == set()
    assert not known.might("ada", "notes", CONTENT, 13.0, SOON)
    assert known.might("ada", "notes", READ, 13.0, SOON)
    assert known.might("ada", "notes", CONTENT, 9.0, SOON)
    assert not known.could("ada", "notes", CONTENT, 9.0)
    assert known.lanes("ada", "notes") == ()


def test_while_a_role_is_being_given_both_answers_are_right() -> None:
    """And when it is kept only one is."""
    known = rights()
    known.begins("bob", "notes", "commenter", 10.0)
    assert known.might("bob", "notes", COMMENTS, 11.0, SOON)
    assert not known.could("bob", "notes", COMMENTS, 11.0)
    known.holds("bob", "notes", 12.0)
    assert known.could("bob", "notes", COMMENTS, 12.0)
    assert not known.could("bob", "notes", COMMENTS, 11.0)
    assert not known.might("bob", "notes", CONTENT, 13.0, SOON)


def test_a_decision_that_may_not_have_been_kept_leaves_both_answers_right() -> None:
    """Until it is made again, and kept."""
    known = rights()
    known.begins("ada", "notes", "none", 10.0)
    assert known.might("ada", "notes", CONTENT, 1_000.0, SOON)
    assert not known.could("ada", "notes", READ, 1_000.0)
    known.begins("ada", "notes", known.ruled("ada", "notes"), 1_001.0)
    known.holds("ada", "notes", 1_002.0)
    assert not known.might("ada", "notes", READ, 1_003.0, SOON)


def test_a_role_that_is_taken_back_is_the_tokens_again() -> None:
    """None stands for that."""
    known = rights()
    for role, at in (("none", 10.0), (None, 20.0)):
        known.begins("ada", "notes", role, at)
        known.holds("ada", "notes", at + 1)
    assert known.could("ada", "notes", CONTENT, 22.0)
    assert not known.could("ada", "notes", CONTENT, 15.0)


def test_who_is_revoked_may_nothing_until_new_grants_hold() -> None:
    """Of one user in all rooms, or of all users in one."""
    for user, room in (("ada", None), (None, "notes")):
        known = rights()
        known.revokes(user, room, 10.0)
        assert known.might("ada", "notes", CONTENT, 11.0, SOON)
        assert not known.could("ada", "notes", READ, 11.0)
        known.revoked(user, room, 12.0)
        assert not known.might("ada", "notes", READ, 13.0, SOON)
        known.renewed(user, room, 40.0)
        assert known.might("ada", "notes", CONTENT, 41.0, SOON)
        assert not known.could("ada", "notes", CONTENT, 41.0)
        known.settle(60.0)
        assert known.could("ada", "notes", CONTENT, 60.0)
    known = rights()
    known.revokes("bob", None, 10.0)
    assert known.could("ada", "notes", CONTENT, 11.0)


def test_when_the_last_token_has_ended_nothing_is_right_any_more() -> None:
    """But for the time in which a server may look and ask for another one."""
    known = rights()
    known.tokens_end["ada"] = 100.0
    assert known.might("ada", "notes", READ, 1.0, 100.0 + LINGER)
    assert not known.might("ada", "notes", READ, 1.0, 100.1 + LINGER)
