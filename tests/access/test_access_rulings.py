"""Rulings: what they cover, and that they outlive the process unchanged."""

from __future__ import annotations

import json
import random
from math import inf

import pytest

from motet.access import Grant, Rulings
from motet.access.rulings import Record
from motet.errors import StoreCorrupt
from motet.ids import RoomName, UserId
from support import seeds

ADA, BOB = UserId("ada"), UserId("bob")
ROOM, OTHER = RoomName("notes/a"), RoomName("notes/b")


def of(user: UserId, issued: float, token_id: str = "") -> Grant:
    return Grant(user, rooms={"**": "editor"}, issued=issued, token_id=token_id)


def test_a_revocation_of_a_user_covers_what_was_issued_up_to_then() -> None:
    """[T6] In every room, the moment itself included; not what comes after, nor others."""
    rulings = Rulings()
    rulings.revoke_user(ADA, 100.0)
    for issued, covered in ((-inf, True), (99.0, True), (100.0, True), (100.001, False), (inf, False)):
        for room in (ROOM, None):
            assert rulings.covers(of(ADA, issued), room) is covered
    assert not rulings.covers(of(BOB, 1.0), ROOM)


def test_a_revocation_of_a_room_covers_that_room_alone() -> None:
    """[T6] Of everybody."""
    rulings = Rulings()
    rulings.revoke_room(ROOM, 100.0)
    for user in (ADA, BOB):
        assert rulings.covers(of(user, 100.0), ROOM)
        assert not rulings.covers(of(user, 101.0), ROOM)
        assert not rulings.covers(of(user, 1.0), OTHER)
        assert not rulings.covers(of(user, 1.0), None)


def test_a_revoked_token_is_void_for_good() -> None:
    """[T6] Whenever it says that it was issued; a grant without an id is no token's."""
    rulings = Rulings()
    rulings.revoke_token("t1", 100.0)
    rulings.revoke_token("", 100.0)
    assert rulings.covers(of(ADA, inf, "t1"), None)
    assert not rulings.covers(of(ADA, -inf, "t2"), ROOM)
    assert not rulings.covers(of(ADA, -inf), ROOM)


def test_without_a_ruling_nothing_is_covered() -> None:
    """[T6] Nor is a token that does not say when it was issued."""
    assert not Rulings().covers(of(ADA, -inf, "t"), ROOM)


def test_the_later_of_two_revocations_holds() -> None:
    """[T6] A clock that was set back does not undo one."""
    rulings = Rulings()
    rulings.revoke_user(ADA, 100.0)
    assert json.loads(rulings.revoke_user(ADA, 50.0).value or b"") == 100.0
    assert rulings.covers(of(ADA, 100.0), None)


def test_a_role_is_one_users_in_one_room_until_it_is_withdrawn() -> None:
    """[T3] Whatever the names hold."""
    rulings = Rulings()
    odd_room, odd_user = RoomName('a", "b'), UserId("c/d")
    for room, user in ((ROOM, ADA), (odd_room, odd_user)):
        assert rulings.set_role(room, user, "viewer").value is not None
        assert rulings.role(room, user) == "viewer"
        assert rulings.role(OTHER, user) is None
        assert rulings.role(room, BOB) is None
        assert rulings.set_role(room, user, None).value is None
        assert rulings.role(room, user) is None
        assert rulings.set_role(room, user, None).value is None


@pytest.mark.parametrize("seed", [1, 2, 3, seeds.fresh()])
def test_rulings_outlive_the_process(seed: int) -> None:
    """[T6] Any sequence of them, kept by key as a store does, decides the same afterwards."""
    rng = random.Random(seed)
    names = ["ada", "bob", "", 'a", "b', "é", "\U0001f600", "[]"]
    rulings, stored = Rulings(), dict[str, bytes]()
    for _ in range(300):
        name, at = rng.choice(names), rng.choice([0.0, 1.5, 1e9, rng.random() * 1e9])
        record: Record = rng.choice(
            [
                lambda: rulings.revoke_user(UserId(name), at),  # noqa: B023 - called at once
                lambda: rulings.revoke_room(RoomName(name), at),  # noqa: B023
                lambda: rulings.revoke_token(name, at),  # noqa: B023
                lambda: rulings.set_role(RoomName(name), UserId(rng.choice(names)), rng.choice(["viewer", "x", None])),  # noqa: B023
            ]
        )()
        if record.value is None:
            stored.pop(record.key, None)
        else:
            stored[record.key] = record.value
    again = Rulings.of(stored)
    for user in names:
        for room in names:
            assert again.role(RoomName(room), UserId(user)) == rulings.role(RoomName(room), UserId(user)), seed
            for issued in (-inf, 0.0, 1.5, 5e8, 1e9, inf):
                grant = of(UserId(user), issued, rng.choice(names))
                assert again.covers(grant, RoomName(room)) == rulings.covers(grant, RoomName(room)), seed


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("", b"1"),
        ("user", b"1"),
        ('["user"]', b"1"),
        ('["user", "ada"]', b""),
        ('["user", "ada"]', b"null"),
        ('["user", "ada"]', b'"now"'),
        ('["user", "ada"]', b"NaN"),
        ('["user", "ada"]', b"Infinity"),
        ('["user", "ada"]', b"1" + b"0" * 400),
        ('["user", "ada"]', b"\xff\xfe\xfd"),
        ('["user", 7]', b"1"),
        ('["group", "ada"]', b"1"),
        ('["role", "a"]', b'"viewer"'),
        ('["role", "a", "b"]', b"7"),
        ('["role", "a", "b", "c"]', b'"viewer"'),
    ],
)
def test_a_ruling_that_cannot_be_read_is_not_absent(key: str, value: bytes) -> None:
    """[T6] The server says so, rather than let in whom somebody shut out."""
    with pytest.raises(StoreCorrupt, match="cannot be read"):
        Rulings.of({key: value})
