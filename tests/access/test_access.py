"""Grants, roles and open mode."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from motet.access import Authenticator, Credentials, Grant, OpenAccess, Role
from motet.ids import RoomName, UserId


def test_an_editor_may_edit_and_a_viewer_may_not() -> None:
    """The one line that a room asks before it takes an update."""
    assert {role: role.may_edit for role in Role} == {Role.VIEWER: False, Role.EDITOR: True}


async def test_open_mode_lets_everybody_edit_and_names_nobody() -> None:
    """Whatever they show: a token in open mode proves nothing, so its user is not believed."""
    access: Authenticator = OpenAccess()
    for token in ("", "anything"):
        for address in ("127.0.0.1", "unix"):
            grant = await access.grant(Credentials(token, address), RoomName("a/b"))
            assert grant == Grant(UserId(""), Role.EDITOR)


def test_a_grant_does_not_change() -> None:
    """A role changes by another grant, which somebody must hand over."""
    grant = Grant(UserId("ada"), Role.VIEWER)
    with pytest.raises(FrozenInstanceError):
        grant.role = Role.EDITOR  # type: ignore[misc]
