"""What must be true while nothing happens; and when, out of this rest, people leave and the server is stopped.

Each of these is a promise about seconds: a busy world cannot tell whether it is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from motet.simulation.device import Device
from motet.simulation.people import Desk
from motet.simulation.rights import READ

if TYPE_CHECKING:
    from motet.simulation.verdict import Verdict
    from motet.simulation.world import World

REST: Final = 35.0
"""Seconds of it: two renewals of everybody's presence."""
SPEAKS: Final = 15.0 + 2.5
"""Seconds in which every connection hears something [R7]; the server looks each second."""
GONE: Final = 5.0 + 1.0
"""Seconds after which nobody sees who was lost [A8], and a frame's way."""
BACK: Final = 6.0
"""Seconds after which those who left are there again, or most of them."""
RESTART: Final = 25.0
"""Seconds in which everybody is back after a restart, and seen."""


class Rest:
    """The last part of a world."""

    def __init__(self, world: World, verdict: Verdict) -> None:
        self._world = world
        self._judge = world.judge
        self._verdict = verdict
        self._lost: set[int] = set()

    def begin(self) -> None:
        """From here on there is no reason to repeat any presence."""
        self._judge.presences.at_rest = True

    def end(self, then: Callable[[], None]) -> None:
        """Looks, has people leave and come back, then the server stop and start; and then `then`."""
        self._judge.presences.at_rest = False
        self._look_at_sockets()
        for desk in self._world.desks:
            for device in desk.devices:
                self._look_at(desk, device)
        self._leave()
        self._later(GONE, lambda: self._look_for_ghosts(then))

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self._world.timeline.later(seconds, call)

    # ---- at rest

    def _look_at_sockets(self) -> None:
        judge = self._judge
        for link in judge.links:
            if link.broken and link.far is not None and not link.far.is_closing():
                judge.finds(f"the server has a socket of {link.address}, where nobody is any more")
        for link in self._world.network.living():
            desk = judge.desks.get(link.address)
            # Whoever is refused and held over the yjs dialect has been told all that there is.
            if desk is None or not (desk.speaks_hocuspocus or self._verdict.is_here(desk, desk.devices[0])):
                continue
            if (seconds := judge.presences.silence(link)) > SPEAKS:
                judge.finds(f"{link.address} has heard nothing for {seconds:.1f} s")

    def _look_at(self, desk: Desk, device: Device) -> None:
        """Who may not be there was told so."""
        world, judge = self._world, self._judge
        provider, page, now = desk.provider(device), desk.page, world.timeline.now()
        if provider is None or page is None or world.is_deleted(device.room):
            return
        if not world.rights.might(desk.user, device.room, READ, now - REST, world.clock.time()):
            told = provider.denied_reason is not None or now - judge.told.get((desk.address, device.room), 0.0) < REST
            if page.connected and not told:
                judge.finds(f"{desk.user} at {desk.address} was not told that {device.room} is not theirs")

    # ---- who leaves

    def _leave(self) -> None:
        """Half of the people: they close their pages, or their network is gone."""
        for n, desk in enumerate(self._world.desks[::2]):
            if desk.page is not None:
                self._lost |= {provider.awareness.client for provider in desk.page.providers}
            if n % 2:
                desk.offline()
            else:
                desk.close(goodbye=False)

    def _look_for_ghosts(self, then: Callable[[], None]) -> None:
        for desk in self._world.desks[1::2]:
            for provider in desk.page.providers if desk.page is not None else ():
                if ghosts := sorted(self._lost & set(provider.awareness.states)):
                    self._judge.finds(f"{desk.address} still sees {ghosts} in {provider.device.room}: they have left")
        for desk in self._world.desks[::2]:
            desk.online()
            desk.open()
        self._later(BACK, lambda: self._last_words(then))

    # ---- a restart

    def _last_words(self, then: Callable[[], None]) -> None:
        """Everybody types, and before it is all on disk the server is told to stop."""
        world = self._world
        for desk in world.desks:
            for device in desk.devices:
                if desk.page is not None and (lanes := world.rights.lanes(desk.user, device.room)):
                    for _ in range(3):
                        desk.page.edit(device, lanes[-1])
        typed = world.timeline.now()
        self._later(0.03, lambda: self._stop(typed))
        self._later(RESTART, lambda: self._look_who_was_told(then))

    def _stop(self, typed: float) -> None:
        connected = {link.address for link in self._world.network.living()}
        here = [desk for desk in self._world.desks if desk.address in connected]
        self._judge.parting = {desk.page for desk in here if desk.page is not None and desk.page.connected}
        self._judge.stops = typed
        self._world.stop()

    def _look_who_was_told(self, then: Callable[[], None]) -> None:
        for client in self._judge.parting:
            self._judge.finds(f"{client.owner.address} was not told that the server stopped")
        for desk in self._world.desks:
            for device in desk.devices:
                self._look_for_unsaved(desk, device)
        then()

    def _look_for_unsaved(self, desk: Desk, device: Device) -> None:
        """They have all begun a sync since they typed, so that what was ambiguous is settled [H8]."""
        provider = desk.provider(device)
        if provider is None or not desk.speaks_hocuspocus or not self._verdict.is_here(desk, device):
            return
        if provider.unsynced > 0 and not self._verdict.is_stained(device):
            self._judge.finds(
                f"{desk.address} shows {provider.unsynced} changes of {device.room} as unsaved {desk.place.traits.name}"
            )
