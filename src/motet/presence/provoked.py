"""Who is to be told that its own entry is null, so that it raises its clock and says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from motet.presence.awareness import GONE, join, write_entry
from motet.varint import MAX_SAFE


class Provocation(NamedTuple):
    """An awareness update for one member alone.

    Hocuspocus provider 4.8 raises its clock too, but must then be queried for awareness to say so.
    """

    member: int
    data: bytes


class Provocations:
    """Those that are due."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        # Member to client to clock. Bounded by the entries and the members that have none.
        self._due: dict[int, dict[int, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._due)

    def add(self, member: int, client: int, clock: int) -> None:
        """A client is known at this clock and should rise above it; who is at the highest there is, cannot."""
        if clock < MAX_SAFE:
            self._due.setdefault(member, {})[client] = clock

    def forget(self, member: int) -> None:
        """The member is gone."""
        self._due.pop(member, None)

    def take(self) -> Sequence[Provocation]:
        """Each is given once."""
        due, self._due = self._due, {}
        return [
            Provocation(member, join([write_entry(client, clock, GONE) for client, clock in wanted.items()]))
            for member, wanted in due.items()
        ]
