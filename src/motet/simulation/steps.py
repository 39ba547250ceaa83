"""What happens in a world, in what order: drawn from its seed.

Each seed draws a climate of its own: some troubles never come, others all the time (Groce et al., "Swarm Testing").
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from motet.simulation import burdens, doings, oddities, troubles

if TYPE_CHECKING:
    from motet.simulation.world import World

STEPS: Final = 220
"""Of a world."""

_ENDS: Final = ("kill", "power", "die writing", "restart")
"""Of the server's process."""


class Kind(NamedTuple):
    """A kind of step: how often, of how many, and whether it is a trouble."""

    does: Callable[[World, Random], None]
    weight: float
    is_fault: bool


class Steps:
    """Of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._plan: list[tuple[float, int, str]] = []

    def plan(self, seconds: float) -> None:
        """All steps of the schedule, over so many seconds."""
        world = self._world
        rnd = world.schedule.random("steps")
        climate = {
            name: kind.weight * (rnd.choice((0, 0, 1, 1, 3)) if kind.is_fault else 1) for name, kind in KINDS.items()
        }
        plan = sorted((rnd.random() * seconds, number) for number in range(STEPS))
        names = rnd.choices(list(climate), list(climate.values()), k=STEPS)
        self._plan = [(at, number, names[number]) for at, number in plan if world.schedule.has(number)]
        for number, desk in enumerate(world.desks):
            desk.may_keep_ids = not any(climate[name] for name in _ENDS)
            world.timeline.later(0.5 + 0.1 * number, desk.open)
        self._next(0.0, seconds)

    def _next(self, now: float, end: float) -> None:
        """One step waits for the other, so that they keep their distance when the machines sleep."""
        world = self._world
        if not self._plan:
            world.timeline.later(end - now, world.verdict.hush)
            return
        at, number, name = self._plan.pop(0)

        def step() -> None:
            self._do(number, name, world.schedule.random(f"step {number}"))
            self._next(at, end)

        world.timeline.later(at - now, step)

    def _do(self, number: int, name: str, rnd: Random) -> None:
        kind = KINDS[name]
        self._world.tell(f"{number}: {name}")
        if kind.is_fault:
            self._world.faults[name] += 1
        kind.does(self._world, rnd)


KINDS: Final[dict[str, Kind]] = {
    "type": Kind(doings.typing, 60, False),
    "reload": Kind(doings.reload, 3, False),
    "leave": Kind(doings.leave, 3, False),
    "unplug": Kind(doings.unplug, 3, True),
    "sleep": Kind(troubles.sleep, 0.7, True),
    "role": Kind(lambda world, rnd: world.rulings.role(rnd), 4, True),
    "revoke": Kind(lambda world, rnd: world.rulings.revoke(rnd), 1, True),
    "lapse": Kind(doings.lapse, 1, True),
    "who is who": Kind(doings.who_is_who, 1, True),
    "reset": Kind(troubles.reset, 3, True),
    "half open": Kind(troubles.half_open, 2, True),
    "stall": Kind(troubles.stall, 3, True),
    "weather": Kind(troubles.weather, 2, True),
    "disk fails": Kind(troubles.disk_fails, 2, True),
    "disk fails once": Kind(troubles.disk_fails_once, 1, True),
    "disk is slow": Kind(troubles.disk_is_slow, 2, True),
    "disk is low": Kind(troubles.disk_is_low, 0.7, True),
    "kill": Kind(troubles.kill, 1, True),
    "power": Kind(troubles.power, 1, True),
    "die writing": Kind(troubles.die_writing, 1, True),
    "restart": Kind(troubles.restart, 1, True),
    "set the clock": Kind(troubles.set_the_clock, 0.7, True),
    "look after": Kind(lambda world, rnd: world.rulings.look_after(rnd), 3, False),
    "delete": Kind(lambda world, rnd: world.rulings.delete(rnd), 1, True),
    "recreate": Kind(lambda world, rnd: world.rulings.recreate(rnd), 2, False),
    "stranger": Kind(doings.stranger, 2, True),
    "chatter": Kind(oddities.chatter, 1, True),
    "hurry": Kind(oddities.hurry, 0.5, True),
    "names": Kind(oddities.names, 0.5, True),
    "crowd": Kind(oddities.crowd, 0.3, True),
    "impatience": Kind(oddities.impatience, 0.5, True),
    "tokens": Kind(oddities.tokens, 1, True),
    "early": Kind(oddities.early, 1, True),
    "mistakes": Kind(oddities.mistakes, 1, True),
    "forgetful": Kind(oddities.forgetful, 1, True),
    "huge": Kind(burdens.huge, 0.3, True),
    "slow reader": Kind(burdens.slow_reader, 0.5, True),
    "deaf": Kind(burdens.deaf, 0.5, True),
    "oversized": Kind(burdens.oversized, 0.3, True),
    "full": Kind(burdens.full, 0.3, True),
    "waits long": Kind(burdens.waits_long, 0.3, True),
}
