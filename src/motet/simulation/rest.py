"""What must be true while nothing happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from motet.simulation.device import Device
from motet.simulation.people import ROOMS, Desk
from motet.simulation.rights import READ

if TYPE_CHECKING:
    from motet.simulation.verdict import Verdict
    from motet.simulation.world import World

REST: Final = 35.0
"""Seconds of it: two renewals of everybody's presence."""
SPEAKS: Final = 15.0 + 2.5
"""Seconds in which every connection hears something [R7]; the server looks each second."""


class Rest:
    """Of one world."""

    def __init__(self, world: World, verdict: Verdict) -> None:
        self._world = world
        self._judge = world.judge
        self._verdict = verdict

    def begin(self) -> None:
        """From here on there is no reason to repeat any presence; in one room there is none."""
        self._judge.presences.at_rest = True
        for desk in self._world.desks:
            for device in desk.devices:
                if device.room == ROOMS[1] and desk.page is not None:
                    desk.page.set_presence(device, None)

    def end(self) -> None:
        """Looks."""
        self._judge.presences.at_rest = False
        self._look_at_sockets()
        for desk in self._world.desks:
            for device in desk.devices:
                self._look_at(desk, device)
                if device.room == ROOMS[1]:
                    desk.point(device)

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
