"""Out of a rest, what must come right within seconds: each thing is done to all at once, and then looked at.

A busy world hides what is put right late: whoever reconnects is told everything anew. Here nobody does, until they are
to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from motet.simulation.device import CONTENT, LANES, Device
from motet.simulation.disk_faults import Step
from motet.simulation.network import Link
from motet.simulation.people import ROOMS, Desk
from motet.simulation.rights import COMMENTS

if TYPE_CHECKING:
    from motet.simulation.verdict import Verdict
    from motet.simulation.world import World

_LATENCY: Final = 0.03
"""Seconds in which a quiet line delivers."""
_ALL: Final = frozenset(LANES)
_LARGE: Final = "x" * 12_000
"""In presence: with a few of it in each frame more passes by than a connection that is not read may hold."""

LENGTH: Final = 53.0
"""Seconds of all drills."""


class Drills:
    """Of one world."""

    def __init__(self, world: World, verdict: Verdict) -> None:
        self._world = world
        self._judge = world.judge
        self._verdict = verdict
        self._demoted: list[tuple[str, str | None]] = []
        self._lost: set[int] = set()
        self._typed_at = 0.0
        self._unsaved: dict[tuple[str, str], int] = {}
        """By address and room: what showed as unsaved before. A delete may, until the next sync [H8]."""

    def begin(self) -> None:
        """They take LENGTH seconds from now."""
        for desk, device, unsynced in self._unsynced():
            self._unsaved[desk.address, device.room] = unsynced
        times: list[tuple[float, Callable[[], None]]] = [
            (0.0, self._demote),
            (0.5, self._type_as_demoted),
            (1.5, self._promote),
            (2.5, self._reload),
            (3.2, self._verdict.compare),
            (3.5, partial(self._world.disk.fail, {Step.WRITE, Step.SYNC})),
            *[(3.5 + n / 25, self._type_without_a_store) for n in range(65)],
            (4.3, self._world.disk.calm),
            (7.5, self._reload),
            (8.2, self._look_whether_saved),
            (8.5, self._stall),
            *[(8.5 + n / 10, self._show_much) for n in range(10)],
            (9.7, self._read_on),
            (12.0, self._verdict.compare),
            (12.5, self._leave),
            (18.5, self._look_for_ghosts),
            (19.0, self._look_at_newcomers),
            (26.0, self._slow_down),
            *[(26.0 + n / 25, self._type_together) for n in range(6)],
            (26.25, self._stop),
            (LENGTH - 0.1, self._look_who_was_told),
        ]
        for at, call in times:
            self._world.timeline.later(at, call)

    def _here(self) -> Iterator[tuple[Desk, Device]]:
        for desk in self._world.desks:
            for device in desk.devices:
                if self._verdict.is_here(desk, device):
                    yield desk, device

    def _type_together(self, least: frozenset[str] = frozenset()) -> None:
        """The same, and it all arrives in one turn of the server's loop."""
        links = self._world.network.living()
        for link in links:
            link.conditions.silent = True
        self._type(least)
        self._world.timeline.later(_LATENCY, lambda: self._deliver(links))

    def _deliver(self, links: list[Link]) -> None:
        for link in links:
            link.conditions.silent = False
        for link in links:
            link.up.flow()
            link.down.flow()

    def _type(self, least: frozenset[str] = frozenset()) -> None:
        """Everybody who may write these lanes at least, where they may."""
        for desk, device in list(self._here()):
            lanes = self._world.rights.lanes(desk.user, device.room)
            if set(lanes) >= least and lanes and desk.page is not None:
                desk.page.edit(device, lanes[0])

    def _reload(self) -> None:
        """Who was denied, and shows the document no more, loads the page anew: 2.15 leaves at any denial."""
        for desk in self._world.desks:
            if not all(self._verdict.is_here(desk, device) for device in desk.devices):
                desk.close(goodbye=False)
                desk.open()

    # ---- roles

    def _demote(self) -> None:
        """Of the editors of one room all but one may only read from now on [X2]."""
        rights = self._world.rights
        editors = {desk.user for desk, device in self._here() if device.room == ROOMS[0]}
        editors = {user for user in editors if CONTENT in rights.lanes(user, ROOMS[0])}
        for user in sorted(editors)[1:]:
            self._demoted.append((user, rights.ruled(user, ROOMS[0])))
            self._world.rulings.set_role(user, ROOMS[0], "viewer")

    def _type_as_demoted(self) -> None:
        demoted = {user for user, _ in self._demoted}
        for desk, device in list(self._here()):
            if desk.user in demoted and device.room == ROOMS[0] and desk.page is not None:
                desk.page.edit(device, COMMENTS)

    def _promote(self) -> None:
        """They may again, and are asked for what was refused."""
        for desk, device in list(self._here()):
            self._verdict.was_told(desk, device)
        for user, role in self._demoted:
            self._world.rulings.set_role(user, ROOMS[0], role)

    # ---- the disk

    def _type_without_a_store(self) -> None:
        """Not those who may not pass on what others have typed meanwhile: what they type on top of it is refused."""
        self._type_together(_ALL)

    def _look_whether_saved(self) -> None:
        """The store was back seconds ago: everybody was asked for what it lacked, and has what was owed [R6]."""
        self._verdict.compare()
        for desk, device, unsynced in self._unsynced():
            if unsynced > self._unsaved.get((desk.address, device.room), 0):
                who = f"{desk.user} at {desk.address} ({desk.place.traits.name})"
                self._judge.finds(f"{who} shows {unsynced} changes of {device.room} as unsaved")

    def _unsynced(self) -> Iterator[tuple[Desk, Device, int]]:
        for desk, device in self._here():
            provider = desk.provider(device)
            if provider is not None and desk.speaks_hocuspocus and provider.denied_reason is None:
                yield desk, device, provider.unsynced

    # ---- who does not read

    def _stall(self) -> None:
        slow = {desk.address for desk in self._world.desks[::2]}
        for link in self._world.network.living():
            link.conditions.stalled = link.address in slow

    def _show_much(self) -> None:
        self._type()
        for desk, device in self._here():
            if desk in self._world.desks[1::2] and desk.page is not None:
                desk.page.set_presence(device, {"room": device.room, "much": f"{self._world.timeline.now()}{_LARGE}"})

    def _read_on(self) -> None:
        for link in self._world.network.living():
            link.mend()
        for desk, device in self._here():
            desk.point(device)

    # ---- who leaves

    def _leave(self) -> None:
        """Half of the people: they close their pages in the moment of an edit, or their network is gone."""
        closing = {desk.address for desk in self._world.desks[::4]}
        links = [link for link in self._world.network.living() if link.address in closing]
        for link in links:
            link.conditions.silent = True
        self._world.timeline.later(_LATENCY, lambda: self._deliver(links))
        self._type()
        for n, desk in enumerate(self._world.desks[::2]):
            if desk.page is not None:
                self._lost |= {provider.awareness.client for provider in desk.page.providers}
            if n % 2:
                desk.offline()
            else:
                desk.close(goodbye=False)

    def _look_for_ghosts(self) -> None:
        """[A8] Who was lost is gone after 5 s."""
        for desk in self._world.desks[1::2]:
            for provider in desk.page.providers if desk.page is not None else ():
                if ghosts := sorted(self._lost & set(provider.awareness.states)):
                    self._judge.finds(f"{desk.address} still sees {ghosts} in {provider.device.room}: they have left")
        for desk in self._world.desks[::2]:
            desk.online()
            desk.open()

    def _look_at_newcomers(self) -> None:
        """[A10] They see at once who was here."""
        stayed = self._world.desks[1::2]
        there = [(device.room, desk.provider(device)) for desk, device in self._here() if desk in stayed]
        for desk, device in self._here():
            provider = desk.provider(device)
            if desk in stayed or provider is None:
                continue
            shown = {p.awareness.client for room, p in there if room == device.room and p is not None}
            if unseen := sorted(shown - set(provider.awareness.states)):
                self._judge.finds(f"{desk.address} has joined {device.room} and does not see {unseen}")

    # ---- a restart

    def _slow_down(self) -> None:
        """The disk takes long: what everybody types next waits for it when the server is told to stop."""
        if self._world.process is not None:
            self._world.process.slow = 1.0
        self._typed_at = self._world.timeline.now()

    def _stop(self) -> None:
        connected = {link.address for link in self._world.network.living()}
        pages = [desk.page for desk in self._world.desks if desk.address in connected]
        self._judge.parting = {page for page in pages if page is not None and page.connected}
        self._judge.stops = self._typed_at
        self._world.stop()

    def _look_who_was_told(self) -> None:
        """[G2] And they are all back, and nothing shows as unsaved: whoever syncs anew knows [H8]."""
        for client in self._judge.parting:
            self._judge.finds(f"{client.owner.address} was not told that the server stopped")
        self._unsaved.clear()
        self._look_whether_saved()
