"""Planted bugs of presence and of sockets: who is seen, who is sent away, and who is found to be gone."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import pytest
from planted import Plant
from planted_rights import nothing

from motet.errors import MotetError
from motet.gateway import Gateway, Refusal
from motet.gateway.holding import HoldingPen
from motet.gateway.wire import PicowsWire
from motet.presence import Identity, Roster
from motet.presence.awareness import scan
from motet.presence.roster import Applied
from motet.rooms import Served
from motet.rooms.connection_hocuspocus import HocuspocusConnection
from motet.rooms.connection_yjs import YjsConnection
from motet.rooms.delivery import broadcast
from motet.rooms.effects import Broadcast, Effects, Out


def takes_echoes(patch: pytest.MonkeyPatch) -> None:
    """What a client repeats of its own or of others' presence is taken for news."""
    apply = Roster.apply

    def believed(self: Roster, member: int, identity: Identity, payload: bytes, now: float) -> Applied:
        applied = apply(self, member, identity, payload, now)
        for span in scan(payload):
            entry = self._entries.get(span.client)
            if entry is not None and span.clock == entry.said.clock:
                self._outbox.add(span.client, entry.member, entry.said.written, True, now)
                applied = Applied(True, applied.challenge)
        return applied

    patch.setattr(Roster, "apply", believed)


def takes_old_clocks(patch: pytest.MonkeyPatch) -> None:
    """An entry of presence is taken at a lower clock than it is known at."""
    apply = Roster.apply

    def believed(self: Roster, member: int, identity: Identity, payload: bytes, now: float) -> Applied:
        applied = apply(self, member, identity, payload, now)
        who = self._members.get(member)
        for span in scan(payload):
            entry = self._entries.get(span.client)
            if who is not None and entry is not None and span.clock < entry.said.clock:
                applied = self._take(entry, who.read(payload, span), now)
        return applied

    patch.setattr(Roster, "apply", believed)


def shows_presence_everywhere(patch: pytest.MonkeyPatch) -> None:
    """The presence of one room is shown in all rooms."""
    perform = Served.perform

    def everywhere(self: Served, effects: Effects) -> None:
        perform(self, effects)
        for effect in effects:
            if isinstance(effect, Broadcast) and effect.out is Out.AWARENESS:
                for other in self.host.served.values():  # type: ignore[attr-defined]
                    if other is not self:
                        broadcast(other.groups.values(), effect.out, effect.data, None, self.host.counts)

    patch.setattr(Served, "perform", everywhere)


def shows_who_has_left(patch: pytest.MonkeyPatch) -> None:
    """The entry of a connection that has ended stays."""
    patch.setattr(Roster, "leave", nothing)


def gives_grace_for_ever(patch: pytest.MonkeyPatch) -> None:
    """The grace of an entry whose connection was lost does not end."""
    patch.setattr("motet.presence.roster.GRACE", inf)


def hides_newcomers(patch: pytest.MonkeyPatch) -> None:
    """Who joins is not told who is here."""
    patch.setattr(Roster, "full", lambda self: None)


def refuses_without_a_word(patch: pytest.MonkeyPatch) -> None:
    """Who is not let in is not told why."""
    mark_denied = HocuspocusConnection._mark_denied

    def unsaid(self: HocuspocusConnection, address: str, error: MotetError, keep: bool = True) -> None:
        with pytest.MonkeyPatch.context() as once:
            once.setattr(HocuspocusConnection, "_say", nothing)
            mark_denied(self, address, error, keep)

    patch.setattr(HocuspocusConnection, "_mark_denied", unsaid)
    patch.setattr(YjsConnection, "_turn_away", lambda self, error: self.wire.turn_away(error, self._key))
    patch.setattr("motet.app.Refusal", lambda error, frames, key: Refusal(error, (), key))


def holds_nobody(patch: pytest.MonkeyPatch) -> None:
    """Who comes back at once after a refusal is not held."""
    patch.setattr(HoldingPen, "refuse", lambda self, key, now, since=inf: 0.0)


def stops_without_a_word(patch: pytest.MonkeyPatch) -> None:
    """A server that stops cuts its connections, without 1012."""

    async def cut(self: Gateway, hurry: Callable[[], bool]) -> None:
        for wire in tuple(self._wires):
            wire.abort()

    patch.setattr(Gateway, "drain", cut)


def says_nothing_to_the_denied(patch: pytest.MonkeyPatch) -> None:
    """A socket whose documents were all denied hears nothing more."""
    patch.setattr("motet.rooms.connection_hocuspocus.KEEP_ALIVE", inf)


def says_nothing_in_quiet_rooms(patch: pytest.MonkeyPatch) -> None:
    """A room in which nothing happens says nothing."""
    patch.setattr("motet.rooms.room.KEEP_ALIVE", inf)


def pings_nobody(patch: pytest.MonkeyPatch) -> None:
    """Sockets whose peer is gone are not found."""
    patch.setattr(PicowsWire, "tick", nothing)


PLANTS: tuple[Plant, ...] = (
    takes_echoes,
    takes_old_clocks,
    shows_presence_everywhere,
    shows_who_has_left,
    gives_grace_for_ever,
    hides_newcomers,
    refuses_without_a_word,
    holds_nobody,
    stops_without_a_word,
    says_nothing_to_the_denied,
    says_nothing_in_quiet_rooms,
    pings_nobody,
)
