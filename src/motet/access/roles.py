"""Roles: what each may do, in lanes. A lane is a part of a room: of its document, or what is around that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from motet.errors import ConfigError

READ: Final = "read"
"""Gets the document and the others' presence. Every role may, but `none`: what is not readable is not joined."""
PRESENCE: Final = "presence"
"""Is seen by the others."""
HISTORY: Final = "history"
"""Reads what was before."""
ADMINISTRATION: Final = "administration"
"""Sees the members, changes roles, revokes, deletes the room."""
CONTENT: Final = "content"
"""Writes every root that no other lane is bound to."""
COMMENTS: Final = "comments"

AROUND: Final = frozenset({PRESENCE, HISTORY, ADMINISTRATION})
"""The lanes that are no part of the document."""

NOBODY: Final = "none"
"""The role of who may not even read."""


@dataclass(frozen=True, slots=True)
class Role:
    """A name, and what it may do: READ, lanes around the document, and the lanes of the document that it may write."""

    name: str
    may: frozenset[str]


class Roles:
    """The roles and lanes of a server. Raises ConfigError for a table that contradicts itself."""

    def __init__(self, roles: Mapping[str, Sequence[str]], lanes: Mapping[str, Sequence[str]]) -> None:
        self._lane_of: dict[str, str] = {}
        for lane, roots in lanes.items():
            if lane in AROUND or lane in (READ, CONTENT):
                raise ConfigError(f"the lane {lane!r} has its meaning already: give yours another name")
            for root in roots:
                if root in self._lane_of:
                    raise ConfigError(f"the root {root!r} is in two lanes: {self._lane_of[root]} and {lane}")
                self._lane_of[root] = lane
        self.lanes: Final = frozenset({CONTENT, *lanes})
        """The lanes of a document."""
        present = {READ, PRESENCE}
        self._roles = {
            NOBODY: Role(NOBODY, frozenset()),
            "viewer": Role("viewer", frozenset(present)),
            "commenter": Role("commenter", frozenset(present | ({COMMENTS} & self.lanes))),
            "editor": Role("editor", frozenset(present | {HISTORY} | self.lanes)),
            "admin": Role("admin", frozenset({READ} | AROUND | self.lanes)),
        }
        for name, may in roles.items():
            self._roles[name] = self._own(name, may)

    def _own(self, name: str, may: Iterable[str]) -> Role:
        if name in self._roles:
            raise ConfigError(f"the role {name!r} is built in: give yours another name")
        known = self.lanes | AROUND | {READ}
        for lane in may:
            if lane not in known:
                raise ConfigError(f"the role {name!r} may write {lane!r}, and there is no such lane")
        return Role(name, frozenset(may) | {READ})

    def __contains__(self, name: str) -> bool:
        return name in self._roles

    def __getitem__(self, name: str) -> Role:
        """The role of this name; of a name that nobody defined, the role of nobody: an unknown word opens no door."""
        return self._roles.get(name) or self._roles[NOBODY]

    @property
    def names(self) -> tuple[str, ...]:
        """Every role."""
        return tuple(self._roles)

    def unknown(self, names: Iterable[str]) -> str | None:
        """The first name that nobody defined: whoever wrote it meant something else."""
        return next((name for name in names if name not in self._roles), None)

    def lane(self, root: str) -> str:
        """The lane that a root type of a document is in."""
        return self._lane_of.get(root, CONTENT)

    def writes_all(self, role: Role) -> bool:
        """Whether the role may write every lane of a document: its updates need no closer look."""
        return self.lanes <= role.may


@lru_cache(1)
def built_in() -> Roles:
    """The roles of a server without any of its own."""
    return Roles({}, {COMMENTS: (COMMENTS, "threads")})
