"""Who is in a room, and whose entry is whose.

Clients follow one rule (y-protocols, applyAwarenessUpdate): an entry is taken if its clock is higher than the known,
or equal with state null while a state is shown. So an entry that others have removed cannot come back at its old clock,
and clocks are the client's own. But a client that is told that its own state is null keeps it, raises its clock by one
and says so: the null at the known clock, to the owner alone, *provokes* a higher clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Final, NamedTuple

from motet.errors import ProtocolViolation
from motet.presence.awareness import GONE, Span, join, scan, write_entry
from motet.presence.gone import Gone
from motet.presence.held import Held, Member, Said, Shown
from motet.presence.identity import Identity
from motet.presence.outbox import SLACK, Outbox
from motet.presence.provoked import Provocation, Provocations
from motet.presence.returns import Returns

MAX_ENTRIES = 16
"""Entries one connection may own. A client has one; a relay for other clients has more."""

GRACE = 5.0
"""Seconds an entry outlives a connection that ended without a goodbye; clients are back within 2.5."""

CHALLENGE = 2.0
"""Seconds an owner has to show that it is alive, when another connection claims its entry in an open room."""

STALE = 20.0
"""Seconds without a higher clock after which an entry is provoked: a hidden browser tab renews once a minute."""

TTL = 30.0
"""Seconds without a higher clock after which an entry ends, as it then does in every client."""

ROUND_LIMIT = 30
"""Entries up to which a member's return provokes everyone (`Returns`): a client that must be queried answers with all
the entries it knows."""

_FRESH_CLOCK = 3
"""A page that has just opened has set its name and its cursor; a client with a higher clock was here before."""


class Applied(NamedTuple):
    """What an awareness update led to."""

    changed: bool
    """Something is to be done that was not before: ask `due` again."""
    challenge: int | None
    """The member to ping, whose entry another connection claims: report `answered`, or `unanswered` after CHALLENGE."""


_NOTHING: Final = Applied(False, None)
_CHANGED: Final = Applied(True, None)


class Roster:
    """The presence of one room. Members are connections; `now` is in seconds.

    The host calls `flush` when `due` says so, sends what it gives to everyone, then what `provoke` gives to each.
    """

    __slots__ = (
        "_deadline",
        "_entries",
        "_gone",
        "_members",
        "_orphans",
        "_outbox",
        "_provoked",
        "_returns",
        "audience",
    )

    def __init__(self) -> None:
        self.audience = 0
        """Members in the room, with an entry or without: the pace depends on it."""
        self._members: dict[int, Member] = {}
        # Entries are bounded by MAX_ENTRIES for each member; an entry more than that is a violation or is not given.
        self._entries: dict[int, Held] = {}
        self._orphans: dict[int, Held] = {}
        self._provoked = Provocations()
        self._gone = Gone()
        self._outbox = Outbox()
        self._returns = Returns()
        self._deadline = inf

    def __len__(self) -> int:
        """How many entries are shown."""
        return len(self._entries)

    def holder(self, client: int) -> str | None:
        """The user whose entry this client's is; None where none is shown."""
        entry = self._entries.get(client)
        return None if entry is None else entry.user

    def shown(self) -> list[Shown]:
        """Everyone, for an operator to look at."""
        return [
            Shown(entry.client, entry.user, entry.said.shown.decode(errors="replace"))
            for entry in self._entries.values()
        ]

    def apply(self, member: int, identity: Identity, payload: bytes, now: float) -> Applied:
        """Takes what is news in a member's awareness update; echoes, and entries that others own, are dropped.

        In an authenticated room the others get it with the identity in it. Raises ProtocolViolation for bytes that are
        no awareness update, for states that are too large, not JSON or (authenticated) not objects, and for more than
        MAX_ENTRIES entries; what came before the bad entry was taken, and ends with the connection.
        """
        applied = _CHANGED if self.identify(member, identity, now) else _NOTHING
        who = self._members.get(member)
        if who is None:
            who = self._members[member] = Member(identity)
        elif who.own is not None and self._outbox.repeats(payload, member):
            return applied
        spans = scan(payload)
        for span in spans:
            entry = self._entries.get(span.client)
            if entry is None:
                outcome = self._appear(member, who, payload, span, now)
            elif entry.member == member:
                if span.clock < entry.said.clock or (span.clock == entry.said.clock and not _says_gone(payload, span)):
                    continue
                outcome = self._take(entry, who.read(payload, span, entry.said), now)
            elif span.clock > entry.said.clock and (who.own is None or who.own == span.client or not entry.member):
                outcome = self._claim(member, who, entry, payload, span, now)
            elif span.clock == entry.said.clock and who.own is None and len(spans) == 1:
                outcome = self._stand_by(member, who, entry, _says_gone(payload, span), now)
            else:
                continue
            if outcome is not _NOTHING:
                applied = Applied(applied.changed or outcome.changed, outcome.challenge or applied.challenge)
        return applied

    def identify(self, member: int, identity: Identity, now: float) -> bool:
        """The member has another identity, by a fresh token; whether it has, and `due` is to be asked again.

        Newcomers see it at once. The others take only a higher clock, and that is the client's own: it is provoked, and
        they see it after a round trip. When the token is another user's, what the member has shown ends.
        """
        who = self._members.get(member)
        if who is None or who.identity == identity:
            return False
        if who.identity.user != identity.user:
            self.leave(member, now, clean=True)
            return True
        who.identify(identity)
        for entry in list(who.entries.values()):
            try:
                entry.said = who.repeat(entry.client, entry.said)
            except ProtocolViolation:  # nested as deep as could be read, and now the stack has less room
                self._end(entry, entry.said.clock, now)
            else:
                self._provoke(entry)
        return True

    def leave(self, member: int, now: float, clean: bool) -> None:
        """The connection has ended: its entries pass to who claims them, or end; after GRACE if it said no goodbye."""
        who = self._members.pop(member, None)
        self._provoked.forget(member)
        if who is None:
            return
        for entry in list(who.entries.values()):
            entry.member = 0
            if self._settle(entry, now):
                continue
            if clean:
                self._end(entry, entry.said.clock, now)
            else:
                entry.ends = now + GRACE
                self._orphans[entry.client] = entry
                self._ask_candidate(entry)
                self._deadline = min(self._deadline, entry.ends)

    def answered(self, owner: int) -> None:
        """A challenged member is alive: who claimed its entries is refused."""
        who = self._members.get(owner)
        if who is not None:
            for entry in who.entries.values():
                if entry.claim is not None:
                    entry.refused, entry.claim = entry.claim[0], None

    def unanswered(self, owner: int, now: float) -> None:
        """A challenged member has not answered: its entries pass to who claims them."""
        who = self._members.get(owner)
        if who is not None:
            for entry in list(who.entries.values()):
                self._settle(entry, now)

    def full(self) -> bytes | None:
        """Everyone, for a newcomer or one that missed frames: who ended lately is in it as null. None when empty."""
        parts = [entry.said.written for entry in self._entries.values()]
        parts += self._gone.written()
        return join(parts) if parts else None

    def due(self, now: float) -> float | None:
        """When `flush` and `provoke` should be called next; None while there is nothing to wait for."""
        if self._provoked:
            return now
        at = min(self._outbox.due(self._audience()), self._deadline, self._returns.due)
        return None if at == inf else max(at, now)

    def flush(self, now: float) -> bytes | None:
        """Ends and provokes what is due, and gives what changed since the last frame, if a frame is due."""
        if now + SLACK >= self._deadline:
            self._keep_house(now)
        if now + SLACK >= self._returns.due:
            self._raise_all(now)
        return self._outbox.take(now, self._audience())

    def provoke(self) -> Sequence[Provocation]:
        """Who must be made to raise its clock; each is given once."""
        return self._provoked.take()

    def _appear(self, member: int, who: Member, payload: bytes, span: Span, now: float) -> Applied:
        ended = self._gone.clock(span.client)
        if ended is not None and span.clock <= ended:
            return _NOTHING if _says_gone(payload, span) else self._come_back(member, who, span.client, ended, now)
        said = who.read(payload, span)
        if said.state == GONE:
            return _NOTHING
        self._named(who, ended is not None or said.clock > _FRESH_CLOCK, now)
        if who.own is None and who.identity.user and ended is None:
            self._end_orphans_of(who.identity.user, now)
        if len(who.entries) >= MAX_ENTRIES:
            raise ProtocolViolation(f"more than {MAX_ENTRIES} presence entries on one connection")
        self._gone.forget(span.client)
        entry = self._entries[span.client] = Held(span.client)
        self._give(entry, member, who)
        return self._take(entry, said, now)

    def _come_back(self, member: int, who: Member, client: int, ended: int, now: float) -> Applied:
        """An ended entry is named at the clock of its end or below."""
        self._named(who, True, now)
        if who.own is not None and who.own != client:
            return _NOTHING  # an echo from before the end
        self._provoked.add(member, client, ended)
        return _CHANGED

    def _named(self, who: Member, back: bool, now: float) -> None:
        if not who.named:
            who.named = True
            if back:
                self._returns.note(now)

    def _may_have(self, who: Member, entry: Held) -> bool:
        """Whether a connection can come to own an entry: it is the same user's, or somebody else's relays it."""
        owner = self._members.get(entry.member)
        return entry.user == who.identity.user or (owner is not None and owner.own != entry.client)

    def _claim(self, member: int, who: Member, entry: Held, payload: bytes, span: Span, now: float) -> Applied:
        """A connection knows more of an entry than its owner has said."""
        self._named(who, True, now)
        if entry.refused == member or len(who.entries) >= MAX_ENTRIES or not self._may_have(who, entry):
            return _NOTHING
        said = who.read(payload, span)
        owner = self._members.get(entry.member)
        if owner is None or owner.own != entry.client or who.identity.user:
            self._give(entry, member, who)
            return self._take(entry, said, now)
        entry.claim = (member, said)
        if now - entry.challenged < CHALLENGE:
            return _NOTHING
        entry.challenged = now
        return Applied(False, entry.member)

    def _stand_by(self, member: int, who: Member, entry: Held, gone: bool, now: float) -> Applied:
        """A connection without a client names one at the known clock: its own, or it has no state and this is an echo.

        While the owner lives it makes no difference. After that the client itself is told from an echo by provoking it.
        """
        if gone:
            return _NOTHING  # clients say so of others that they have not heard for 30 s
        self._named(who, True, now)
        if not self._may_have(who, entry):
            return _NOTHING
        entry.candidate = member
        if entry.member:
            return _NOTHING
        self._ask_candidate(entry)
        return _CHANGED

    def _settle(self, entry: Held, now: float) -> bool:
        """Gives a claimed entry to its claimant, if that is still here."""
        if entry.claim is None:
            return False
        member, said = entry.claim
        entry.claim = None
        who = self._members.get(member)
        if who is None or said.clock <= entry.said.clock:
            return False
        self._give(entry, member, who)
        self._take(entry, said, now)
        return True

    def _give(self, entry: Held, member: int, who: Member) -> None:
        owner = self._members.get(entry.member)
        if owner is not None:
            del owner.entries[entry.client]
        self._orphans.pop(entry.client, None)
        entry.member, entry.user, entry.ends = member, who.identity.user, inf
        entry.candidate, entry.claim, entry.refused, entry.challenged = 0, None, 0, -inf
        who.entries[entry.client] = entry
        if who.own is None:
            who.own = entry.client

    def _take(self, entry: Held, said: Said, now: float) -> Applied:
        """The owner says something new of its entry."""
        if said.state == GONE:
            self._end(entry, said.clock, now)
            return _CHANGED
        urgent = entry.provoked or said.state != entry.said.state
        entry.said, entry.risen, entry.provoked = said, now, False
        self._outbox.add(entry.client, entry.member, said.written, urgent, now)
        self._deadline = min(self._deadline, now + STALE)
        return _CHANGED

    def _end(self, entry: Held, clock: int, now: float) -> None:
        del self._entries[entry.client]
        self._orphans.pop(entry.client, None)
        owner = self._members.get(entry.member)
        if owner is not None:
            del owner.entries[entry.client]
        self._gone.add(entry.client, clock, now)
        self._outbox.add(entry.client, entry.member, write_entry(entry.client, clock, GONE), True, now)

    def _end_orphans_of(self, user: str, now: float) -> None:
        for entry in [entry for entry in self._orphans.values() if entry.user == user]:
            self._end(entry, entry.said.clock, now)

    def _keep_house(self, now: float) -> None:
        self._deadline = inf
        for entry in list(self._entries.values()):
            at = min(entry.ends, entry.risen + TTL)
            if now + SLACK >= at:
                if not self._settle(entry, now):
                    self._end(entry, entry.said.clock, now)
                continue
            if not entry.provoked:
                stale = entry.risen + STALE
                if now + SLACK >= stale:
                    self._provoke(entry)
                else:
                    at = min(at, stale)
            self._deadline = min(self._deadline, at)

    def _provoke(self, entry: Held) -> None:
        entry.provoked = True
        if entry.member:
            self._provoked.add(entry.member, entry.client, entry.said.clock)
        self._ask_candidate(entry)

    def _ask_candidate(self, entry: Held) -> None:
        candidate = self._members.get(entry.candidate)
        if candidate is not None and candidate.own is None:
            self._provoked.add(entry.candidate, entry.client, entry.said.clock)

    def _raise_all(self, now: float) -> None:
        since = self._returns.begin(now)
        if len(self._entries) > ROUND_LIMIT:
            return
        for entry in self._entries.values():
            if entry.risen <= since:
                self._provoke(entry)

    def _audience(self) -> int:
        return max(self.audience, len(self._members))


def _says_gone(payload: bytes, span: Span) -> bool:
    return payload[span.state_at : span.end] == GONE
