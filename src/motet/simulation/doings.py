"""What people do: they type, load their pages anew, leave, and are cut off."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from motet.simulation.hostile import Stranger
from motet.simulation.people import ROLES

if TYPE_CHECKING:
    from motet.simulation.world import World


def typing(world: World, rnd: Random) -> None:
    """Somebody types for a while."""
    desk = rnd.choice(world.desks)
    device = rnd.choice(desk.devices)
    left, pause = rnd.choice((1, 5, 20, 40)), rnd.choice((0.0, 0.01, 0.1, 0.3))

    def one(left: int) -> None:
        page = desk.page
        if page is None or device not in desk.devices:
            return
        may = world.rights.lanes(desk.user, device.room)
        if may or rnd.random() < 0.02:
            page.edit(device, rnd.choice(may) if may and rnd.random() < 0.99 else None)
        if rnd.random() < 0.3:
            world.judge.counts["operations"] += 1
            desk.point(device, left)
        if left > 1:
            world.timeline.later(pause * rnd.random(), lambda: one(left - 1))

    one(left)


def reload(world: World, rnd: Random) -> None:
    """A page is loaded anew: from the browser's storage, or from nothing."""
    desk = rnd.choice(world.desks)
    desk.close(goodbye=False)
    for n, device in enumerate(desk.devices):
        if rnd.random() < 0.5 or world.verdict.is_stained(device):
            desk.devices[n] = world.make_device(device.room)
    desk.open()


def leave(world: World, rnd: Random) -> None:
    """A page is closed, and opened again later."""
    desk = rnd.choice(world.desks)
    desk.close(goodbye=rnd.random() < 0.5)
    world.timeline.later(rnd.choice((0.1, 5.0, 30.0)) * rnd.random(), desk.open)


def unplug(world: World, rnd: Random) -> None:
    """Somebody's network is gone for a while; the server hears of it or not."""
    desk = rnd.choice(world.desks)
    if rnd.random() < 0.5:
        for link in [link for link in world.network.living() if link.address == desk.address]:
            link.conditions.silent = True
    desk.offline()
    world.timeline.later(rnd.choice((0.5, 10.0, 45.0)) * rnd.random(), desk.online)


def lapse(world: World, rnd: Random) -> None:
    """Somebody's application hands out no new tokens for a while, or short ones."""
    user = rnd.choice(list(ROLES))
    if rnd.random() < 0.5:
        world.issuer.lapsed.add(user)
        world.timeline.later(rnd.choice((10.0, 40.0)), lambda: world.issuer.lapsed.discard(user))
    else:
        world.issuer.seconds = rnd.choice((3.0, 15.0, 40.0, 3600.0))


def who_is_who(world: World, rnd: Random) -> None:
    """Who says who somebody is is slow, or does not answer."""
    server = world.server
    if server is not None:
        server.hesitant.down = rnd.random() < 0.6
        server.hesitant.seconds = rnd.choice((0.0, 0.5, 12.0))

        def well() -> None:
            server.hesitant.down, server.hesitant.seconds = False, 0.0

        world.timeline.later(rnd.choice((1.0, 8.0, 20.0)), well)


def stranger(world: World, rnd: Random) -> None:
    """Somebody sends what no client would."""
    Stranger(world.network, world.timeline, world.issuer.token("ada")[0], rnd).come()
