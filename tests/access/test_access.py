"""The decision: a grant, the rulings over it, and the time."""

from __future__ import annotations

from motet.access import Access, Credentials, Grant, OpenAccess, Rulings, built_in
from motet.ids import RoomName, UserId


async def test_open_mode_lets_everybody_edit_and_names_nobody() -> None:
    """Whatever they show: a token in open mode proves nothing, so its user is not believed."""
    access = Access(OpenAccess(), built_in(), Rulings(), lambda: 0.0, is_open=True)
    for token in ("", "anything"):
        for address in ("127.0.0.1", "unix"):
            grant = await access.identify(Credentials(token, address), RoomName("a/b"))
            role = access.role(grant, RoomName("a/b"))
            assert grant == Grant(UserId(""), role="editor")
            assert role.name == "editor"
