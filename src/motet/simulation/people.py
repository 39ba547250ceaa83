"""The people of a world: who they are, what their tokens say, and what they have on their desks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from random import Random
from typing import Final, NamedTuple

from motet.access.keys import secret_key
from motet.access.tokens import mint
from motet.simulation.client import Client, Owner, Provider, Surroundings
from motet.simulation.client_hocuspocus import HocuspocusClient
from motet.simulation.client_traits import HOCUSPOCUSES, Y_WEBSOCKETS, HocuspocusTraits, YjsTraits
from motet.simulation.client_yjs import YjsClient
from motet.simulation.clock import Clock
from motet.simulation.device import Device
from motet.simulation.rights import Rights

SECRET: Final = "what every token of a simulation is signed with"
KEY: Final = secret_key(SECRET.encode(), frozenset({"HS256"}))

ROOMS: Final = ("notes/a", "notes/b", "side")
SIDE: Final = "side"
"""The room that is deleted and made anew."""

ROLES: Final[Mapping[str, Mapping[str, str]]] = {
    "ada": {"notes/a": "editor", "notes/b": "editor", SIDE: "editor"},
    "bob": {"notes/a": "editor", "notes/b": "viewer", SIDE: "editor"},
    "cyd": {"notes/a": "commenter", "notes/b": "editor", SIDE: "none"},
    "dan": {"notes/a": "viewer", "notes/b": "none", SIDE: "commenter"},
    "eve": {"notes/a": "none", "notes/b": "commenter", SIDE: "viewer"},
}
"""What their tokens say."""

Traits = YjsTraits | HocuspocusTraits


class Place(NamedTuple):
    """A desk: whose it is, what runs on it, and the rooms that it shows."""

    user: str
    traits: Traits
    rooms: tuple[str, ...]


def places(rnd: Random) -> list[Place]:
    """Who sits where: everybody at two desks or so, with whatever client."""
    found = []
    for user in ROLES:
        for _ in range(rnd.choice((1, 2, 2))):
            if rnd.random() < 0.5:
                found.append(Place(user, rnd.choice(Y_WEBSOCKETS), (rnd.choice((*ROOMS[:2], *ROOMS)),)))
            else:
                rooms = tuple(room for room in ROOMS if rnd.random() < 0.6) or (ROOMS[0],)
                found.append(Place(user, rnd.choice(HOCUSPOCUSES), rooms))
    return found


class Issuer:
    """The application, as far as tokens go."""

    def __init__(self, clock: Clock, rights: Rights) -> None:
        self._clock = clock
        self._rights = rights
        self._numbers = count(1)
        self._newest: dict[str, tuple[str, float]] = {}
        self.lapsed: set[str] = set()
        """Users who get no new token, and show their last."""
        self.seconds = 3600.0
        """For which a token holds."""
        self.shown: dict[str, list[str]] = {}
        """Ids of the tokens of each user."""

    def token(self, user: str) -> tuple[str, float]:
        """What a user shows now, and when it ends (wall clock)."""
        if user in self.lapsed and user in self._newest:
            return self._newest[user]
        now = self._clock.time()
        ends = now + self.seconds
        name = f"t{next(self._numbers)}"
        claims = {"sub": user, "rooms": dict(ROLES[user]), "iat": int(now), "exp": ends, "jti": name}
        self._rights.tokens_end[user] = max(ends, self._rights.tokens_end.get(user, 0.0))
        self.shown.setdefault(user, []).append(name)
        self._newest[user] = mint(KEY, claims), ends
        return self._newest[user]


class Desk:
    """Somebody at a machine: the replicas in its storage, and the page that shows them while one is open."""

    def __init__(
        self,
        place: Place,
        address: str,
        issuer: Issuer,
        surroundings: Surroundings,
        rnd: Random,
        devices: Sequence[Device],
        clients: Iterator[int],
    ) -> None:
        self.user = place.user
        self.place = place
        self.address = address
        self.page: Client | None = None
        self.devices = list(devices)
        self.reachable = True
        self.may_keep_ids = False
        """Clocks of presence begin anew with a provider, under the old id. Others pass over what is not newer than they
        know; a server that remembers provokes newer ones [A7], and one that was restarted does not remember."""
        self._loads_anew = False
        self._clients = clients
        self.token_ends = 0.0
        """When the token that was shown last ends (wall clock)."""
        self._issuer = issuer
        self._owner = Owner(place.user, address, self._token, {})
        self._surroundings = surroundings
        self._rnd = rnd

    def _token(self) -> str:
        token, self.token_ends = self._issuer.token(self.user)
        return token

    @property
    def speaks_hocuspocus(self) -> bool:
        """Else it is y-websocket."""
        return isinstance(self.place.traits, HocuspocusTraits)

    def open(self) -> None:
        """A page that shows all documents: under new ids, unless it is the old one with a new provider."""
        if self.page is not None:
            return
        if self._loads_anew:
            for device in self.devices:
                device.fresh(next(self._clients))
        rnd = Random(self._rnd.getrandbits(64))
        traits = self.place.traits
        if isinstance(traits, YjsTraits):
            self.page = YjsClient(traits, self._owner, self.devices[0], self._surroundings, rnd)
        else:
            self.page = HocuspocusClient(traits, self._owner, self.devices, self._surroundings, rnd)
        if not self.reachable:
            self.page.offline()
        for device in self.devices:
            self.point(device)
        self.page.start()

    def point(self, device: Device, cursor: int = 0) -> None:
        """Shows a cursor, as editors do; and the room, so that a judge sees what gets where."""
        if self.page is not None:
            self.page.set_presence(device, {"room": device.room, "cursor": cursor})

    def close(self, goodbye: bool) -> None:
        """The page is closed; with `goodbye` the application destroys its provider first."""
        page, self.page = self.page, None
        self._loads_anew = not (goodbye and self.may_keep_ids)
        if page is not None:
            (page.stop if goodbye else page.close_page)()

    def offline(self) -> None:
        """No network."""
        self.reachable = False
        if self.page is not None:
            self.page.offline()

    def online(self) -> None:
        """Network."""
        self.reachable = True
        if self.page is not None:
            self.page.online()

    def provider(self, device: Device) -> Provider | None:
        """What shows the document now."""
        providers = self.page.providers if self.page is not None else ()
        return next((provider for provider in providers if provider.device is device), None)


MakeDevice = Callable[[str], Device]


def device_maker(clients: Iterator[int], marks: Iterator[int], rnd: Random, surroundings: Surroundings) -> MakeDevice:
    """Makes empty replicas of rooms, with ids that nobody else has."""

    def make(room: str) -> Device:
        return Device(room, next(clients), Random(rnd.getrandbits(64)), marks, surroundings.timers)

    return make
