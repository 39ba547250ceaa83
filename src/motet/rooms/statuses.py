"""Which authors are told that their edits are saved, and after which commit."""

from __future__ import annotations

from collections import deque

from motet.rooms.member import Member, Parked


class Statuses:
    """[R1] A broadcast is a rumour, a status is a promise: it follows the commit. A member stands in a list once for
    each status it gets there. Bounded by what waits for the disk (max_journal_bytes)."""

    __slots__ = ("_in_flight", "due")

    def __init__(self) -> None:
        self.due: list[Member] = []
        """For what was taken since the last tick."""
        self._in_flight: deque[list[Member]] = deque()

    @property
    def in_flight(self) -> int:
        """Commits that are awaited."""
        return len(self._in_flight)

    def ride(self) -> None:
        """What was taken goes to the disk now: its statuses follow that commit."""
        self._in_flight.append(self.due)
        self.due = []

    def repeat(self) -> list[Member]:
        """[R11] What was taken added nothing: its statuses follow the newest commit, for that may be of the original.
        Those that are due at once, when no commit is awaited."""
        due, self.due = self.due, []
        if self._in_flight:
            self._in_flight[-1] += due
            return []
        return due

    def committed(self) -> list[Member]:
        """The oldest awaited commit is on disk: who is told so."""
        return self._in_flight.popleft() if self._in_flight else []

    def withhold(self) -> None:
        """[R6] The store failed: everything that was promised to somebody is owed, until the member's next sync."""
        for members in (*self._in_flight, self.due):
            for member in members:
                member.owed += 1
        self._in_flight.clear()
        self.due = []

    def forget(self, member: Member) -> None:
        """[H8] A provider that begins a sync sets its count to one, whatever it still waited for: all of that is in the
        answer to our next question, whose status follows the commit of everything before it."""
        member.owed = member.refused = 0
        member.parked = {ticket: Parked(parked.since, 0) for ticket, parked in member.parked.items()}
        self.due = [other for other in self.due if other is not member]
        for members in self._in_flight:
            members[:] = [other for other in members if other is not member]
