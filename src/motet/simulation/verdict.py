"""The end of a world: everything comes to rest, and then all who should hold the same are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pycrdt import Doc

from motet.crdt.replica import read_state_vector
from motet.simulation.client import Provider
from motet.simulation.client_hocuspocus_provider import HocuspocusProvider
from motet.simulation.device import LANES, Device
from motet.simulation.drills import LENGTH, Drills
from motet.simulation.network import Conditions
from motet.simulation.people import ROOMS, Desk
from motet.simulation.rest import REST, Rest
from motet.simulation.rights import READ
from motet.simulation.stored import missing
from motet.simulation.troubles import set_wall

if TYPE_CHECKING:
    from motet.simulation.world import World


FOUND: Final = 60.0
"""Seconds in which the server finds half-open sockets, clients find silent ones, and new tokens hold again."""


REFUSED_EDIT: Final = "may not write"
"""In the reason of a denial that is about an edit: its author stays in the room."""


class Verdict:
    """Of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.hushed = False
        """Nothing happens any more."""
        self._stained: set[Device] = set()
        self._rest = Rest(world, self)
        self._drills = Drills(world, self)

    def counts(self, user: str, room: str) -> bool:
        """Whether a divergence of this user's, in this room, is one: no replica of theirs is known to hold what was
        refused, and it is no room of visitors who diverge on purpose."""
        of_user = (desk for desk in self._world.desks if desk.user == user)
        return room in ROOMS and not any(
            v.room == room and self.is_stained(v) for desk in of_user for v in desk.devices
        )

    def is_stained(self, device: Device) -> bool:
        """Whether an edit in it was not certainly right, from when it was made until now."""
        if device not in self._stained:
            user = self._owner(device)
            rights = self._world.rights
            edits = self._world.judge.edits.get(device, ())
            if not all(rights.could(user, device.room, edit.lane, edit.at) for edit in edits):
                self._stained.add(device)
        return device in self._stained

    def _owner(self, device: Device) -> str:
        return next(desk.user for desk in self._world.desks if device in desk.devices)

    def hush(self) -> None:
        """From now on nothing fails, and everybody who may be there is."""
        world = self._world
        world.tell("hush")
        world.disk.calm()
        world.network.weather = Conditions
        for link in world.network.living():
            link.mend()
            link.conditions.cut, link.conditions.latency, link.conditions.jitter = 0, 0.02, 0.01
        # What was decided when the clock was ahead is then not of the future any more.
        self.hushed = True
        world.stays_down = 0.2
        set_wall(world, world.clock.behind)
        world.issuer.lapsed.clear()
        world.issuer.seconds = 1e6
        for seconds in range(20, 30):  # each decides for one user once, and the server may just be starting
            world.timeline.later(seconds, world.rulings.decide_again)
        world.timeline.later(FOUND, self._open_all)

    def _open_all(self) -> None:
        """Who was sent away comes back, and who typed what was refused begins anew: their pages are loaded again."""
        world = self._world
        for desk in world.desks:
            desk.online()
            stained = [device for device in desk.devices if self.is_stained(device)]
            for device in stained:
                self.was_told(desk, device)
                desk.devices[desk.devices.index(device)] = world.make_device(device.room)
            ends_soon = desk.token_ends < world.clock.time() + 2 * FOUND
            if stained or ends_soon or not self._is_content(desk):
                desk.close(goodbye=False)
                desk.open()
        world.rights.settle(world.timeline.now())
        world.timeline.later(FOUND, self._rest.begin)
        world.timeline.later(FOUND + REST, self.give)

    def _is_content(self, desk: Desk) -> bool:
        return desk.page is not None and all(self.is_here(desk, device) for device in desk.devices)

    def is_here(self, desk: Desk, device: Device) -> bool:
        """Whether the page shows the document as synced, and nobody has told it that it may not."""
        provider = desk.provider(device)
        if provider is None or desk.page is None or not desk.page.connected or not provider.synced:
            return False
        if isinstance(provider, HocuspocusProvider) and not provider.listed:
            return False  # 2.15 leaves at any denial, and stays deaf in every connection that follows
        return provider.denied_reason is None or REFUSED_EDIT in provider.denied_reason

    def was_told(self, desk: Desk, device: Device) -> None:
        """Who is here, with an edit that never was right, knows that it was refused."""
        world, provider = self._world, desk.provider(device)
        if provider is None or not self.is_here(desk, device):
            return
        ends = read_state_vector(world.judge.shadow(device.room).get_state())
        for edit in world.judge.edits.get(device, ()):
            made = world.judge.made.get(edit.marks[0]) if edit.marks else None
            if made is None or edit.marks[0] in world.judge.out or made.end <= ends.get(made.client, 0):
                continue  # the last: it became nothing (GC), and nothing may be written by everybody
            if not world.rights.might(desk.user, device.room, edit.lane, edit.at, made.wall) and (
                provider.denied_reason is None
            ):
                world.judge.finds(f"<{edit.marks[0]}> of {desk.user} in {device.room} was refused without a word")

    def give(self) -> None:
        """Compares, at rest; then the drills."""
        self.compare()
        self._rest.end()
        self._drills.begin()
        self._world.timeline.later(LENGTH, self._world.end)

    def compare(self) -> None:
        """Everybody who may be there is, has what was committed, and sees the others."""
        world = self._world
        for room in ROOMS:
            here = [(desk, device) for desk in world.desks for device in desk.devices if device.room == room]
            expected = [(d, v) for d, v in here if world.rights.could(d.user, room, READ, world.timeline.now())]
            if world.is_deleted(room):
                continue
            for desk, device in expected:
                if not self.is_here(desk, device):
                    who = f"{desk.user} at {desk.address} ({desk.place.traits.name})"
                    world.judge.finds(f"{who} is not in {room}: {self._state(desk, device)}")
            self._compare(room, expected)
            self._presence(room, [desk.provider(device) for desk, device in expected])

    def _state(self, desk: Desk, device: Device) -> str:
        provider = desk.provider(device)
        if provider is None or desk.page is None:
            return "no page"
        return f"connected {desk.page.connected}, synced {provider.synced}, denied {provider.denied_reason!r}"

    def _compare(self, room: str, here: list[tuple[Desk, Device]]) -> None:
        """Everybody has all that was committed, and the same of it."""
        world = self._world
        kept = world.judge.shadow(room)
        same: list[Device] = []
        for desk, device in here:
            doc = _doc(device)
            world.judge.counts["compared replicas"] += 1
            if lack := missing(kept, doc):
                world.judge.finds(f"{device.client} of {desk.user} in {room} lacks {lack}")
            if not (more := missing(doc, kept)):
                same.append(device)
            elif all(world.rights.could(desk.user, room, lane, world.timeline.now()) for lane in LANES):
                world.judge.finds(f"{device.client} of {desk.user} in {room} has {more}, and the log has not")
            else:
                # A broadcast is a rumour: its commit failed, and who could bring it again is gone, or may not.
                world.judge.counts["rumours"] += 1
        looks = {(device.content(), device.state_hash()) for device in same}
        if len(looks) > 1:
            world.judge.finds(f"{[device.client for device in same]} in {room} hold the same and show it otherwise")

    def _presence(self, room: str, providers: list[Provider | None]) -> None:
        shown = {p.awareness.client for p in providers if p is not None and p.awareness.local is not None}
        for provider in providers:
            if provider is None:
                continue
            seen = {client for client, state in provider.awareness.states.items() if state is not None}
            if seen != shown:
                self._world.judge.finds(
                    f"{provider.device.client} in {room} sees {sorted(seen)}, and there are {sorted(shown)}"
                )
            wrong = [
                s for s in provider.awareness.states.values() if isinstance(s, dict) and s.get("room", room) != room
            ]
            if wrong:
                self._world.judge.finds(f"{provider.device.client} in {room} sees presence of another room: {wrong[0]}")


def _doc(device: Device) -> Doc[Any]:
    doc: Doc[Any] = Doc()
    doc.apply_update(device.update_since(b"\0"))
    return doc
