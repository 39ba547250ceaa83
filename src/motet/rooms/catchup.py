"""What a room answers to a sync step 1, and how a member that fell behind follows again.

A member is behind while its transport buffer is over its high-water mark: no document frame is written to it, and what
it had is remembered as a state vector. When the buffer has drained it gets what it lacks in updates of at most `CHUNK`
bytes, the next when the last has drained, so that a slow member costs the mark plus one chunk, whatever passes by.
"""

from __future__ import annotations

from motet.crdt.replica import Replica
from motet.rooms.effects import Effect, Out, Send
from motet.rooms.member import Member

CHUNK = 1 << 20
"""Bytes of one update of a catch-up (a single struct may be longer)."""

ROUNDS = 3
"""Catch-ups in chunks before the rest goes out whole: edits that never pause, or deletes that alone outgrow a chunk,
must not keep a member behind for ever."""

SHARED = 64 * 1024
"""Bytes from which the answer to an empty state vector is kept and shared among those who join together."""

SHARED_SECONDS = 0.5
"""Time without a join after which it is let go."""

EMPTY_VECTORS = (b"", b"\0")


class Shared:
    """The whole document as it was at one moment. All who join get this very object, so its frame is built once."""

    __slots__ = ("data", "state_vector", "used", "version")

    def __init__(self, data: bytes, state_vector: bytes, version: int, now: float) -> None:
        self.data = data
        self.state_vector = state_vector
        self.version = version
        self.used = now


class CatchUp:
    """Answers from one replica. `version` counts the changes of the replica: its owner adds one per tick with news."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.version = 0
        self.shared: Shared | None = None

    def answer(self, member: Member, state_vector: bytes, now: float) -> list[Effect]:
        """To a member's sync step 1: a sync step 2, at once or at the end of a catch-up. Raises MalformedUpdate."""
        if member.is_behind():
            # One sync answer is outstanding per member: the newest question replaces the one before.
            self.replica.lacks(state_vector)
            member.have, member.chunks, member.answer_due = state_vector, None, True
            return []
        if state_vector in EMPTY_VECTORS and self.replica.size >= SHARED:
            return self._answer_shared(member, now)
        diff = self.replica.diff(state_vector)
        if len(diff) <= CHUNK or state_vector in EMPTY_VECTORS:
            return [Send(member, Out.SYNC_STEP_2, diff)]
        member.behind_since, member.have, member.answer_due = now, state_vector, True
        return self.go_on(member, now)

    def _answer_shared(self, member: Member, now: float) -> list[Effect]:
        shared, replica = self.shared, self.replica
        tail = b""
        if shared is not None and shared.version != self.version:
            tail = replica.diff(shared.state_vector)
            if len(tail) > len(shared.data) >> 3:
                shared, tail = None, b""
        if shared is None:
            shared = self.shared = Shared(replica.encode(), replica.state_vector(), self.version, now)
        shared.used = now
        effects: list[Effect] = [Send(member, Out.SYNC_STEP_2, shared.data)]
        if tail:
            effects.append(Send(member, Out.UPDATE, tail))
        return effects

    def fall_behind(self, member: Member, now: float) -> None:
        """From now on the member gets no document frames. All that the replica holds must have been written to it."""
        if not member.is_behind():
            member.behind_since, member.rounds = now, 0
            member.have, member.chunks, member.answer_due = self.replica.state_vector(), None, False

    def go_on(self, member: Member, now: float) -> list[Effect]:
        """The next piece for a member that is behind and whose buffer has drained; it is not behind after the last."""
        member.behind_since = now
        if member.chunks is not None:
            chunk = next(member.chunks, None)
            if chunk is not None:
                return [Send(member, Out.UPDATE, chunk)]
            member.have, member.chunks = member.aim, None
        diff = self.replica.diff(member.have)
        if len(diff) > CHUNK and member.rounds < ROUNDS:
            member.rounds += 1
            member.aim = self.replica.state_vector()
            member.chunks = self.replica.chunks(member.have, CHUNK)
            return self.go_on(member, now)
        out = Out.SYNC_STEP_2 if member.answer_due else Out.UPDATE
        member.behind_since, member.rounds, member.have, member.aim, member.answer_due = 0.0, 0, b"", b"", False
        return [Send(member, out, diff)]

    def let_go(self, now: float) -> None:
        """Forgets the shared answer when nobody has joined for a while."""
        if self.shared is not None and now - self.shared.used > SHARED_SECONDS:
            self.shared = None
