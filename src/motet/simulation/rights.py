"""What each user may do in each room, by what was decided and when; the server is not asked.

Where a decision was being made, or could not be kept, two answers are right. So there are two sets for every moment:
what the user may for certain, and what might be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

READ: Final = "read"
CONTENT: Final = "content"
COMMENTS: Final = "comments"

MAY: Final[Mapping[str, frozenset[str]]] = {
    "none": frozenset(),
    "viewer": frozenset({READ}),
    "commenter": frozenset({READ, COMMENTS}),
    "editor": frozenset({READ, CONTENT, COMMENTS}),
    "admin": frozenset({READ, CONTENT, COMMENTS}),
}
"""What docs/ACCESS.md says of the roles, by hand."""

LINGER: Final = 13.0
"""Seconds for which a member may stay after its grant has ended: it is looked at each second, and asked for a fresh
token, which may take ten [X6]."""


class Period(NamedTuple):
    """From this moment on, until the next."""

    since: float
    least: frozenset[str]
    most: frozenset[str]


class Rights:
    """Of all users. Times are virtual monotonic seconds, but for the end of tokens."""

    def __init__(self, roles: Mapping[str, Mapping[str, str]]) -> None:
        """By user and room: the role in their tokens."""
        self._periods: dict[tuple[str, str], list[Period]] = {}
        self._roles = {(user, room): role for user, of in roles.items() for room, role in of.items()}
        self._ruled: dict[tuple[str, str], str | None] = {}
        self.unsure: set[tuple[str, str]] = set()
        """Users and rooms for whom the last decision may not have been kept."""
        self._revoked: set[tuple[str, str]] = set()
        self.tokens_end: dict[str, float] = {}
        """When the last token of each user ends (wall clock)."""
        for key, role in self._roles.items():
            self._periods[key] = [Period(0.0, MAY[role], MAY[role])]

    def role(self, user: str, room: str) -> str:
        """As it was decided last; a decision that is under way counts."""
        return self.ruled(user, room) or self._roles.get((user, room), "none")

    # ---- decisions

    def ruled(self, user: str, room: str) -> str | None:
        """The role that was decided last; None: the token's."""
        return self._ruled.get((user, room))

    def begins(self, user: str, room: str, role: str | None, now: float) -> None:
        """Somebody is about to decide the user's role here (None: it is as the token says)."""
        self._ruled[user, room] = role
        self.unsure.add((user, room))
        self._doubt((user, room), MAY[self.role(user, room)], now)

    def holds(self, user: str, room: str, now: float) -> None:
        """It was decided, and is kept."""
        self.unsure.discard((user, room))
        may = MAY[self.role(user, room)]
        self._periods.setdefault((user, room), []).append(Period(now, may, may))

    def revokes(self, user: str | None, room: str | None, now: float) -> None:
        """Grants of a user (None: of all) in a room (None: in all) may not hold from here on."""
        for key in self._of(user, room):
            self._doubt(key, frozenset(), now)

    def revoked(self, user: str | None, room: str | None, now: float) -> None:
        """They do not, and this is kept."""
        for key in self._of(user, room):
            self._revoked.add(key)
            self._periods[key].append(Period(now, frozenset(), frozenset()))

    def renewed(self, user: str | None, room: str | None, now: float) -> None:
        """New grants may hold again."""
        for key in self._revoked.intersection(self._of(user, room)):
            self._revoked.discard(key)
            most = MAY["admin"] if key in self.unsure else MAY[self.role(*key)]
            self._periods[key].append(Period(now, frozenset(), most))

    def _of(self, user: str | None, room: str | None) -> list[tuple[str, str]]:
        return [key for key in self._periods if user in (None, key[0]) and room in (None, key[1])]

    def lanes(self, user: str, room: str) -> tuple[str, ...]:
        """Those that the user may write, as far as they know."""
        return tuple(sorted(MAY[self.role(user, room)] - {READ}))

    def settle(self, now: float) -> None:
        """Nothing that was decided is under way any more, and everybody has shown a grant that is newer than it."""
        for user, room in list(self._periods):
            self.holds(user, room, now)

    def _doubt(self, key: tuple[str, str], may: frozenset[str], now: float) -> None:
        last = self._periods.setdefault(key, [Period(0.0, frozenset(), frozenset())])[-1]
        self._periods[key].append(Period(now, last.least & may, last.most | may))

    # ---- questions

    def might(self, user: str, room: str, lane: str, since: float, wall: float) -> bool:
        """Whether it may have been right at some moment since then; `wall` was the wall clock at the first of them."""
        if wall > self.tokens_end.get(user, 0.0) + LINGER:
            return False
        for period in reversed(self._periods.get((user, room), ())):
            if lane in period.most:
                return True
            if period.since <= since:
                return False
        return False

    def could(self, user: str, room: str, lane: str, since: float) -> bool:
        """Whether it was right for certain at every moment since then."""
        for period in reversed(self._periods.get((user, room), ())):
            if lane not in period.least:
                return False
            if period.since <= since:
                return True
        return False
