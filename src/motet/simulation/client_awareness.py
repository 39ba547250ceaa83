"""Awareness as every Yjs client keeps it: who is here, by whose word, and until when.

Source: y-protocols 1.0.7, awareness.js, quirks included: an entry that was removed stays away at an unchanged clock,
and one at clock 0 of a client never heard of is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final, Protocol, TypeAlias

from motet import varint
from motet.simulation.ports import Timer, Timers

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
State: TypeAlias = dict[str, Json]

OUTDATED_SECONDS: Final = 30.0
_RENEW_SECONDS: Final = OUTDATED_SECONDS / 2
_CHECK_SECONDS: Final = OUTDATED_SECONDS / 10


class Changed(Protocol):
    """Is told of every change, also to the same state."""

    def __call__(self, clients: list[int], *, by_provider: bool) -> None:
        """`by_provider`: it came from the server, or the provider removed whoever it was cut off from."""
        ...


class Awareness:
    """One client's view of everybody's presence, its own included."""

    def __init__(self, client: int, timers: Timers, changed: Changed) -> None:
        self.client = client
        self.states: dict[int, Json] = {client: {}}
        """Those who are here."""
        self.clocks: dict[int, int] = {client: 0}
        """The newest of everybody ever heard of: they outlive the states."""
        self._timers = timers
        self._changed = changed
        self._since = {client: timers.now()}
        self._check: Timer = timers.later(_CHECK_SECONDS, self._check_all)

    @property
    def local(self) -> Json:
        """Its own state; None when it has none."""
        return self.states.get(self.client)

    def set_local(self, state: State | None) -> None:
        """Shows itself; None: is gone."""
        self._note(self.client, self.clocks[self.client] + 1, state)
        self._changed([self.client], by_provider=False)

    def remove(self, clients: Iterable[int], *, by_provider: bool) -> None:
        """Takes the states away of those that have one, at their clocks; its own at the next."""
        removed = [client for client in clients if client in self.states]
        for client in removed:
            del self.states[client]
            if client == self.client:
                self._note(client, self.clocks[client] + 1, None)
        if removed:
            self._changed(removed, by_provider=by_provider)

    def remove_others(self) -> None:
        """The connection was lost: who is at its other end is not known any more."""
        self.remove([client for client in self.states if client != self.client], by_provider=True)

    def apply(self, update: bytes) -> None:
        """What the server says. Raises IndexError, ValueError for bytes that are no awareness update."""
        added: list[int] = []
        updated: list[int] = []
        removed: list[int] = []
        count, at = varint.read(update, 0)
        for _ in range(count):
            client, at = varint.read(update, at)
            clock, at = varint.read(update, at)
            text, at = varint.read_bytes(update, at)
            state: Json = json.loads(text)
            known = self.clocks.get(client)
            current = known or 0
            if current > clock or (current == clock and (state is not None or client not in self.states)):
                continue
            if state is None and client == self.client and self.local is not None:
                self.clocks[client], self._since[client] = clock + 1, self._timers.now()  # it is still here
            else:
                self._note(client, clock, state)
            if state is None:
                if known is not None:
                    removed.append(client)
            else:
                (added if known is None else updated).append(client)
        if changed := added + updated + removed:
            self._changed(changed, by_provider=True)

    def encode(self, clients: Iterable[int], *, gone: bool = False) -> bytes:
        """An awareness update about these, of whom it has heard; `gone`: that they have no state, whatever it knows."""
        out: list[bytes] = []
        for client in clients:
            state = None if gone else self.states.get(client)
            text = json.dumps(state, separators=(",", ":"), ensure_ascii=False).encode()
            out.append(varint.write(client) + varint.write(self.clocks[client]) + varint.write_bytes(text))
        return varint.write(len(out)) + b"".join(out)

    def destroy(self) -> None:
        """Its document is closed. Nothing changes any more, and nobody is told."""
        self._check.cancel()
        self._note(self.client, self.clocks[self.client] + 1, None)

    def _note(self, client: int, clock: int, state: Json) -> None:
        if state is None:
            self.states.pop(client, None)
        else:
            self.states[client] = state
        self.clocks[client] = clock
        self._since[client] = self._timers.now()

    def _check_all(self) -> None:
        self._check = self._timers.later(_CHECK_SECONDS, self._check_all)
        now = self._timers.now()
        if self.client in self.states and now - self._since[self.client] >= _RENEW_SECONDS:
            self._note(self.client, self.clocks[self.client] + 1, self.states[self.client])
            self._changed([self.client], by_provider=False)
        since = self._since
        late = [client for client in self.states if client != self.client and now - since[client] >= OUTDATED_SECONDS]
        if late:
            self.remove(late, by_provider=False)
