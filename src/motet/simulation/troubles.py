"""What fails: the network, the disk, the server, and time."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from motet.simulation.disk_faults import Step
from motet.simulation.network import Conditions

if TYPE_CHECKING:
    from motet.simulation.world import World

_FAILURES: Final = (
    {Step.WRITE},
    {Step.SYNC},
    {Step.WRITE, Step.SYNC},
    {Step.WRITE, Step.TRUNCATE},
    {Step.OPEN},
    {Step.READ},
)


def reset(world: World, rnd: Random) -> None:
    """A connection is torn."""
    links = world.network.living()
    if links:
        rnd.choice(links).reset()


def half_open(world: World, rnd: Random) -> None:
    """Nothing gets through any more, and nobody is told; for a while, or for good."""
    links = world.network.living()
    if links:
        link = rnd.choice(links)
        link.conditions.silent = True
        if rnd.random() < 0.5:
            world.timeline.later(rnd.choice((2.0, 20.0)), link.mend)


def stall(world: World, rnd: Random) -> None:
    """A client does not read."""
    links = world.network.living()
    if links:
        link = rnd.choice(links)
        link.conditions.stalled = True
        world.timeline.later(rnd.choice((1.0, 8.0, 25.0)), link.mend)


def weather(world: World, rnd: Random) -> None:
    """Lines are slow, or cut everything into pieces."""
    latency, jitter, cut = (
        rnd.choice((0.001, 0.02, 0.3)),
        rnd.choice((0.0, 0.05, 1.0)),
        rnd.choice((0, 0, 1, 3, 700)),
    )
    for link in world.network.living():
        if rnd.random() < 0.5:
            link.conditions.latency, link.conditions.jitter, link.conditions.cut = latency, jitter, cut
    world.network.weather = partial(Conditions, latency, jitter, cut)


def disk_fails(world: World, rnd: Random) -> None:
    """It is full, or answers with errors; for a while."""
    disk = world.disk
    disk.fail(rnd.choice(_FAILURES), full=rnd.random() < 0.5)
    world.timeline.later(rnd.choice((0.05, 1.0, 6.0)) * rnd.random(), disk.calm)


def disk_fails_once(world: World, rnd: Random) -> None:
    """One step of it fails."""
    world.disk.fail_at(rnd.randrange(1, 40))


def disk_is_slow(world: World, rnd: Random) -> None:
    """Every call to it takes long."""
    process = world.process
    if process is not None:
        process.slow = rnd.choice((0.1, 0.6, 4.0))
        world.timeline.later(rnd.choice((1.0, 8.0)), lambda: setattr(process, "slow", 0.0))


def disk_is_low(world: World, rnd: Random) -> None:
    """There is little space."""
    server = world.server
    if server is not None:
        server.free = 1 << 20
        world.timeline.later(rnd.choice((0.5, 6.0)), lambda: setattr(server, "free", 1 << 40))


def kill(world: World, rnd: Random) -> None:
    """kill -9."""
    _goes_down(world, rnd)
    world.die("kill")


def power(world: World, rnd: Random) -> None:
    """The machine loses power."""
    _goes_down(world, rnd)
    world.die("power")


def die_writing(world: World, rnd: Random) -> None:
    """The process dies at a step of the disk's, with it done in part; perhaps the machine too."""
    _goes_down(world, rnd)
    world.dies_writing(rnd.randrange(1, 60), power=rnd.random() < 0.7)


def restart(world: World, rnd: Random) -> None:
    """SIGTERM."""
    _goes_down(world, rnd)
    world.stop()


def _goes_down(world: World, rnd: Random) -> None:
    world.stays_down = rnd.choice((0.05, 1.0, 15.0)) * rnd.random()


def set_the_clock(world: World, rnd: Random) -> None:
    """The wall clock jumps, for a while."""
    seconds = rnd.choice((-86_400.0, -3_600.0, -10.0, 10.0, 3_600.0, 86_400.0))
    set_wall(world, seconds)

    def back() -> None:
        if not world.verdict.hushed:
            set_wall(world, -seconds)

    world.timeline.later(20.0 * rnd.random(), back)


def set_wall(world: World, seconds: float) -> None:
    """Sets it forward, or back."""
    world.clock.set_wall(seconds)
    _it_is_later(world, seconds)


def _it_is_later(world: World, seconds: float) -> None:
    """Tokens that are issued now may be newer than what was revoked a moment ago."""
    world.judge.leapt(seconds)
    world.rights.renewed(None, None, world.timeline.now())


def sleep(world: World, rnd: Random) -> None:
    """Somebody's machine is closed for days, and so is everything else."""
    desk = rnd.choice(world.desks)
    desk.offline()
    seconds = rnd.choice((60.0, 3_600.0, 86_400.0, 259_200.0))
    world.timeline.leap(seconds)
    _it_is_later(world, seconds)
    world.timeline.later(5.0 * rnd.random(), desk.online)
