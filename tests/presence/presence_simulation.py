"""Clients that follow y-protocols to the letter, and a host that drives a Roster as the hub does, in simulated time."""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from motet.presence import Entry, Identity, Roster, decode, encode
from motet.presence.roster import CHALLENGE

OUTDATED = 30.0
"""Seconds; outdatedTimeout in awareness.js."""


class Client:
    """awareness.js 1.0.7, and what the provider around it sends.

    A y-websocket provider sends every update of its awareness, whatever its origin; so do Hocuspocus 2.15 and 3.4. A
    Hocuspocus 4.8 provider passes over those that came from it, and answers a query with all the states it knows.
    Tabs of one browser with y-websocket also send each other (`publish`) what they send to the server.
    """

    def __init__(self, client: int, user: str, kind: str, now: float, check_every: float = 3.0) -> None:
        self.client, self.user, self.kind, self.check_every = client, user, kind, check_every
        self.identity = Identity(user, user.title(), "")
        self.states: dict[int, str] = {}
        self.clocks: dict[int, int] = {}
        self.updated: dict[int, float] = {}
        self.send: Callable[[bytes], None] | None = None
        self.publish: Callable[[bytes], None] | None = None
        self.set_local_state("{}", now)

    def set_local_state(self, state: str | None, now: float) -> None:
        own = self.client
        self.clocks[own] = self.clocks[own] + 1 if own in self.clocks else 0
        self.updated[own] = now
        if state is None:
            self.states.pop(own, None)
        else:
            self.states[own] = state
        self._emit([own], from_provider=False)

    def apply(self, update: bytes, now: float) -> None:
        changed = []
        for client, clock, text in decode(update):
            state = None if text == "null" else text
            known = self.clocks.get(client, 0)
            if known < clock or (known == clock and state is None and client in self.states):
                if state is not None:
                    self.states[client] = state
                elif client == self.client and client in self.states:
                    clock += 1
                else:
                    self.states.pop(client, None)
                first = client not in self.clocks
                self.clocks[client], self.updated[client] = clock, now
                if not (first and state is None):
                    changed.append(client)
        if changed:
            self._emit(changed, from_provider=True)

    def check(self, now: float) -> None:
        """_checkInterval."""
        if self.client in self.states and now - self.updated[self.client] >= OUTDATED / 2:
            self.set_local_state(self.states[self.client], now)
        outdated = [c for c in self.states if c != self.client and now - self.updated[c] >= OUTDATED]
        for client in outdated:
            del self.states[client]
        if outdated:
            self._emit(outdated, from_provider=False)

    def connected(self, send: Callable[[bytes], None]) -> None:
        self.send = send
        if self.client in self.states:
            send(self._written([self.client]))

    def disconnected(self) -> None:
        self.send = None
        others = [c for c in self.states if c != self.client]
        self.states = {c: s for c, s in self.states.items() if c == self.client}
        if others:
            self._emit(others, from_provider=True)

    def queried(self) -> None:
        if self.send is not None:
            self.send(self._written(list(self.states)))

    def _emit(self, clients: list[int], from_provider: bool) -> None:
        if self.kind == "hocuspocus" and from_provider:
            return
        if self.send is not None:
            self.send(self._written(clients))
        if self.publish is not None:
            self.publish(self._written(clients))

    def _written(self, clients: list[int]) -> bytes:
        return encode([Entry(c, self.clocks[c], self.states.get(c, "null")) for c in clients])


@dataclass
class Link:
    member: int
    client: Client
    since: float
    latency: float
    alive: bool = True
    behind: bool = False


@dataclass
class Room:
    """The hub's part: one timer, pings for challenges, the full roster for newcomers and who fell behind."""

    rng: random.Random
    roster: Roster = field(default_factory=Roster)
    now: float = 0.0
    links: dict[int, Link] = field(default_factory=dict)
    clients: list[Client] = field(default_factory=list)
    users: dict[int, str] = field(default_factory=dict)
    """Whose page each client is, also of those that were closed."""
    frames: int = 0
    received: int = 0
    _next: int = 0
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _armed: float = float("inf")

    def at(self, when: float, act: Callable[[], None]) -> None:
        self._next += 1
        heapq.heappush(self._events, (when, self._next, act))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, act = heapq.heappop(self._events)
            act()
        self.now = until

    def open(self, user: str, kind: str, check_every: float = 3.0) -> Client:
        """A page is opened: a new client, with a state of its own."""
        client = Client(self.rng.randrange(2**32), user, kind, self.now, check_every)
        client.set_local_state(json.dumps({"user": client.client}), self.now)
        self.clients.append(client)
        self.users[client.client] = user

        def check() -> None:
            if client in self.clients:
                client.check(self.now)
                self.at(self.now + check_every, check)

        self.at(self.now + self.rng.uniform(0, check_every), check)
        self.connect(client)
        return client

    def connect(self, client: Client) -> Link:
        self._next += 1
        link = Link(self._next, client, self.now, self.rng.uniform(0.005, 0.1))
        self.links[link.member] = link
        self.roster.audience = len(self.links)
        client.connected(lambda data: self.at(self.now + link.latency, lambda: self._receive(link, data)))
        self._deliver(link, self.roster.full())
        return link

    def share_browser(self, tabs: list[Client]) -> None:
        """Lets tabs hear each other by BroadcastChannel."""

        def channel(tab: Client) -> Callable[[bytes], None]:
            def publish(data: bytes) -> None:
                for other in tabs:
                    if other is not tab and other in self.clients:
                        self.at(self.now + 0.001, lambda other=other: other.apply(data, self.now))

            return publish

        for tab in tabs:
            tab.publish = channel(tab)

    def link_of(self, client: Client) -> Link | None:
        return next((link for link in self.links.values() if link.client is client and link.alive), None)

    def end(self, link: Link, clean: bool) -> None:
        """The server learns that a connection has ended."""
        if self.links.pop(link.member, None) is not None:
            link.alive = False
            self.roster.audience = len(self.links)
            self.roster.leave(link.member, self.now, clean)
            self._arm()

    def close_page(self, client: Client) -> None:
        """The page is closed: the browser says goodbye for it."""
        link = self.link_of(client)
        self.clients.remove(client)
        client.send = None
        if link is not None:
            self.at(self.now + link.latency, lambda: self.end(link, clean=True))

    def drop(self, client: Client, reconnect_after: float, noticed_after: float) -> None:
        """The network is gone: the client is back soon, the server notices late."""
        link = self.link_of(client)
        if link is None:
            return
        link.alive = False
        client.disconnected()
        self.at(self.now + noticed_after, lambda: self.end(link, clean=False))

        def back() -> None:
            if client in self.clients and client.send is None:
                self.connect(client)

        self.at(self.now + reconnect_after, back)

    def rename(self, client: Client) -> None:
        """The client's user gets a token with another name; the server hears of it if it knows the connection."""
        client.identity = client.identity._replace(name=f"{client.user.title()} {self.rng.randrange(100)}")
        link = self.link_of(client)
        if link is not None:
            self.roster.identify(link.member, client.identity, self.now)
            self._arm()

    def forge(self, client: Client, entries: list[Entry]) -> None:
        """A client says what no honest one would."""
        link = self.link_of(client)
        if link is not None:
            self._receive(link, encode(entries))

    def fall_behind(self, client: Client, seconds: float) -> None:
        """Presence frames to a member are dropped for a while; then it is sent the full roster."""
        link = self.link_of(client)
        if link is None:
            return
        link.behind = True

        def drained() -> None:
            link.behind = False
            link.since = self.now
            self._deliver(link, self.roster.full())

        self.at(self.now + seconds, drained)

    def _receive(self, link: Link, data: bytes) -> None:
        if not link.alive or link.member not in self.links:
            return
        self.received += 1
        applied = self.roster.apply(link.member, link.client.identity, data, self.now)
        if applied.challenge is not None:
            self._challenge(applied.challenge)
        if applied.changed:
            self._arm()

    def _challenge(self, member: int) -> None:
        owner = self.links.get(member)
        if owner is not None and owner.alive:
            self.at(self.now + 2 * owner.latency, lambda: self.roster.answered(member))
        else:
            self.at(self.now + CHALLENGE, lambda: (self.roster.unanswered(member, self.now), self._arm()))

    def _arm(self) -> None:
        due = self.roster.due(self.now)
        if due is not None and due < self._armed:
            self._armed = due
            self.at(due, lambda: self._timer(due))

    def _timer(self, due: float) -> None:
        if due != self._armed:
            return
        self._armed = float("inf")
        data = self.roster.flush(self.now)
        if data is not None:
            self.frames += 1
            for link in self.links.values():
                if not link.behind:
                    self._deliver(link, data)
        for provocation in self.roster.provoke():
            link = self.links[provocation.member]
            self._deliver(link, provocation.data)
            if link.client.kind == "hocuspocus":
                self.at(self.now + link.latency, lambda link=link: link.alive and link.client.queried())
        self._arm()

    def _deliver(self, link: Link, data: bytes | None) -> None:
        if data is None:
            return
        for entry in decode(data):
            user = self.users.get(entry.client)
            if user and entry.state != "null":
                assert json.loads(entry.state)["user"]["id"] == user, f"{entry} is {user}'s, at {self.now}"

        def arrive() -> None:
            if link.alive and link.client.send is not None:
                link.client.apply(data, self.now)

        self.at(self.now + link.latency, arrive)

    def shown(self) -> dict[int, str]:
        """What the roster shows."""
        full = self.roster.full()
        return {} if full is None else {e.client: e.state for e in decode(full) if e.state != "null"}

    def here(self) -> dict[int, Any]:
        """What it should show: the clients that have a state, with the identity of who each belongs to."""
        return {c.client: stamped(c.identity, c.states[c.client]) for c in self.clients if c.client in c.states}


def stamped(who: Identity, state: str) -> Any:
    """What others read of a state, in an authenticated room (or in an open one, for user "")."""
    value = json.loads(state)
    if who.user:
        known = value.get("user")
        value["user"] = {**(known if isinstance(known, dict) else {}), "id": who.user, "name": who.name}
    return value
