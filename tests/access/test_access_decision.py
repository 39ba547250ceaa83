"""The decision: a grant, the rulings over it, and the time."""

from __future__ import annotations

import pytest
from access_harness import NOW, Clock, shown

from motet.access import Access, Credentials, Grant, OpenAccess, Role, Roles, Rulings, built_in
from motet.errors import Forbidden, MotetError, NotAuthenticated
from motet.ids import RoomName, UserId

ADA = UserId("ada")
ROOM = RoomName("notes/a")


class Granting:
    """Everybody has this grant."""

    def __init__(self, grant: Grant) -> None:
        self.held = grant

    async def grant(self, credentials: Credentials, room: RoomName) -> Grant:
        return self.held


def decision(rulings: Rulings | None = None, clock: Clock | None = None, roles: Roles | None = None) -> Access:
    return Access(Granting(Grant(ADA)), roles or built_in(), rulings or Rulings(), clock or Clock(), is_open=False)


async def test_open_mode_lets_everybody_edit_and_names_nobody() -> None:
    """[T18] Whatever they show: a token in open mode proves nothing, so its user is not believed."""
    access = Access(OpenAccess(), built_in(), Rulings(), lambda: 0.0, is_open=True)
    for token in ("", "anything"):
        for address in ("127.0.0.1", "unix"):
            found = await access.identify(Credentials(token, address), RoomName("a/b"))
            assert found == Grant(UserId(""), role="editor")
            assert access.role(found, RoomName("a/b")).name == "editor"
            for room in (RoomName("a/b"), None):
                with pytest.raises(Forbidden):
                    access.check_administrator(found, room)


def test_a_room_that_is_not_readable_is_refused_in_the_same_words_whatever_it_is() -> None:
    """[T4] No pattern, the role of nobody, a role that was taken away, one that nobody defined."""
    rulings = Rulings()
    rulings.set_role(RoomName("notes/c"), ADA, "none")
    rulings.set_role(RoomName("notes/d"), ADA, "gone")
    rulings.set_role(RoomName("notes/e"), ADA, "")
    access, held = decision(rulings), Grant(ADA, rooms={"notes/*": "editor", "notes/b": "none"}, issued=NOW)
    said = set()
    for name in ("hr/salaries", "notes/b", "notes/c", "notes/d", "notes/e", "no/such/room"):
        with pytest.raises(Forbidden) as refused:
            access.role(held, RoomName(name))
        said.add(str(refused.value))
    assert len(said) == 1
    assert access.role(held, ROOM).name == "editor"


@pytest.mark.parametrize("ruled", ["viewer", "admin", "none"])
def test_a_role_that_an_administrator_set_beats_the_token(ruled: str) -> None:
    """[T3] Up and down, in that room alone, for that user alone, until it is withdrawn."""
    rulings = Rulings()
    access, held = decision(rulings), Grant(ADA, rooms={"notes/*": "editor"}, issued=NOW)

    def role(by: Grant, room: RoomName) -> str:
        try:
            return access.role(by, room).name
        except Forbidden:
            return "none"

    rulings.set_role(ROOM, ADA, ruled)
    assert role(held, ROOM) == ruled
    assert role(held, RoomName("notes/b")) == "editor"
    assert role(Grant(UserId("bob"), rooms={"**": "editor"}), ROOM) == "editor"
    rulings.set_role(ROOM, ADA, None)
    assert role(held, ROOM) == "editor"


def test_a_role_that_was_set_is_nobodys_without_a_name() -> None:
    """[T3] In open mode nobody is the user of a ruling."""
    rulings = Rulings()
    rulings.set_role(ROOM, UserId(""), "admin")
    assert decision(rulings).role(OpenAccess.EVERYBODY, ROOM).name == "editor"


def test_a_grant_ends_at_its_very_second() -> None:
    """[T5] By our clock."""
    clock = Clock()
    access, held = decision(clock=clock), Grant(ADA, role="editor", expires=NOW + 1, issued=NOW)
    clock.now = NOW + 0.999
    assert isinstance(access.role(held, ROOM), Role)
    for now in (NOW + 1, NOW + 2):
        clock.now = now
        with pytest.raises(NotAuthenticated, match="expired"):
            access.role(held, ROOM)
        with pytest.raises(NotAuthenticated, match="expired"):
            access.check_administrator(held, None)


def test_a_revoked_grant_is_worth_nothing_at_once() -> None:
    """[T6] Nor does a role that was set for its user keep it alive."""
    rulings = Rulings()
    access, held = decision(rulings), Grant(ADA, role="admin", issued=NOW)
    rulings.set_role(ROOM, ADA, "admin")
    access.check_administrator(held, ROOM)
    access.check_administrator(held, None)
    rulings.revoke_user(ADA, NOW)
    for check in (access.role, access.standing, access.check_administrator):
        with pytest.raises(NotAuthenticated, match="revoked"):
            check(held, ROOM)
    with pytest.raises(NotAuthenticated, match="revoked"):
        access.check_administrator(held, None)


@pytest.mark.parametrize(
    ("held", "somewhere", "everywhere"),
    [
        (Grant(ADA, role="admin"), True, True),
        (Grant(ADA, rooms={"**": "admin"}), True, True),
        (Grant(ADA, rooms={"**": "admin", "notes/*": "admin"}), True, True),
        (Grant(ADA, rooms={"notes/*": "admin"}), True, False),
        (Grant(ADA, role="admin", rooms={"**": "viewer"}), False, False),
        (Grant(ADA, rooms={"**": "admin", "hr/**": "none"}), True, False),
        (Grant(ADA, role="admin", rooms={"hr/**": "editor"}), True, False),
        (Grant(ADA, rooms={"**": "admin", "hr/**": "misspelt"}), True, False),
        (Grant(ADA, rooms={"**": "editor"}), False, False),
        (Grant(ADA), False, False),
    ],
    ids=lambda value: str(dict(value.rooms)) + str(value.role) if isinstance(value, Grant) else None,
)
def test_only_who_administers_every_room_administers_the_server(held: Grant, somewhere: bool, everywhere: bool) -> None:
    """[T7] Else what is told of all rooms would tell of those that are closed to them."""
    access = decision()
    for room, allowed in ((ROOM, somewhere), (None, everywhere)):
        try:
            access.check_administrator(held, room)
        except MotetError as e:
            assert isinstance(e, Forbidden)
            assert not allowed
        else:
            assert allowed


def test_a_role_of_the_applications_own_may_administer() -> None:
    """[T7] By what it may do, not by its name."""
    roles = Roles({"warden": ["administration"]}, {})
    access, held = decision(roles=roles), Grant(ADA, rooms={"**": "warden"})
    access.check_administrator(held, ROOM)
    access.check_administrator(held, None)


def test_credentials_do_not_show_their_token() -> None:
    """[T12] In a traceback or a log; nor the headers, which may hold a cookie."""
    assert "hidden" not in repr(shown("hidden-token", cookie="hidden=1"))
