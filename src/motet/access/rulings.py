"""Rulings: revocations, and roles that override what tokens say. They outlive the process, as records of a store.

Pure: whoever rules writes the record that is returned, and gives all records back at the start.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import inf, isfinite
from typing import NamedTuple

from motet.access.grant import Grant
from motet.errors import StoreCorrupt
from motet.ids import RoomName, UserId

KIND = "access"
"""Of the records in the store."""


class Record(NamedTuple):
    """A ruling as it is stored: a key, and its value or None when the ruling is withdrawn."""

    key: str
    value: bytes | None


class Rulings:
    """What administrators have decided. Bounded by what they do: one entry for each user, room, token or pair named."""

    def __init__(self) -> None:
        # Subject to the newest time at which it was revoked, in seconds since the epoch.
        self._users: dict[str, float] = {}
        self._rooms: dict[str, float] = {}
        self._tokens: dict[str, float] = {}
        self._roles: dict[tuple[str, str], str] = {}

    @classmethod
    def of(cls, records: Mapping[str, bytes]) -> Rulings:
        """What the store holds. Raises StoreCorrupt: a ruling that cannot be read is not absent."""
        rulings = cls()
        for key, value in records.items():
            try:
                match json.loads(key), json.loads(value):
                    case ["role", str(room), str(user)], str(role):
                        rulings._roles[room, user] = role
                    case [("user" | "room" | "token") as what, str(subject)], (int() | float()) as at if isfinite(at):
                        rulings._revoked(what)[subject] = float(at)
                    case _:
                        raise ValueError("of no known form")
            except (ValueError, OverflowError) as e:
                raise StoreCorrupt(f"the ruling {key} cannot be read: {e}") from e
        return rulings

    def _revoked(self, what: str) -> dict[str, float]:
        return {"user": self._users, "room": self._rooms, "token": self._tokens}[what]

    def revoke_user(self, user: UserId, at: float) -> Record:
        """All that the user was granted up to now is void."""
        return self._revoke("user", user, at)

    def revoke_room(self, room: RoomName, at: float) -> Record:
        """All that was granted up to now is void in this room."""
        return self._revoke("room", room, at)

    def revoke_token(self, token_id: str, at: float) -> Record:
        """The token of this id is void for good."""
        return self._revoke("token", token_id, at)

    def _revoke(self, what: str, subject: str, at: float) -> Record:
        revoked = self._revoked(what)
        revoked[subject] = max(at, revoked.get(subject, -inf))
        return Record(json.dumps([what, subject]), json.dumps(revoked[subject]).encode())

    def set_role(self, room: RoomName, user: UserId, role: str | None) -> Record:
        """The user's role in this room from now on, whatever tokens say; None: what they say holds again."""
        key = json.dumps(["role", room, user])
        if role is None:
            self._roles.pop((room, user), None)
            return Record(key, None)
        self._roles[room, user] = role
        return Record(key, json.dumps(role).encode())

    def role(self, room: RoomName, user: UserId) -> str | None:
        """The role that overrides the user's tokens in this room, if there is one."""
        return self._roles.get((room, user))

    def covers(self, grant: Grant, room: RoomName | None) -> bool:
        """Whether the grant is revoked, in this room (None: wherever that may be)."""
        if grant.token_id and grant.token_id in self._tokens:
            return True
        revoked = self._users.get(grant.user, -inf)
        if room is not None:
            revoked = max(revoked, self._rooms.get(room, -inf))
        return -inf < revoked and grant.issued <= revoked
