"""What happens in a world: people type, come, go and lose their rights, and everything fails that can.

Each seed draws a climate of its own: some troubles never come, others all the time (Groce et al., "Swarm Testing").
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from motet.access import Grant
from motet.errors import MotetError
from motet.ids import RoomName, UserId
from motet.rooms import Administrator
from motet.simulation.disk_faults import Step
from motet.simulation.hostile import Stranger
from motet.simulation.network import Conditions, Link
from motet.simulation.people import ROLES, ROOMS, SIDE, Desk
from motet.simulation.process import Server

if TYPE_CHECKING:
    from motet.simulation.world import World

STEPS: Final = 220
"""Of a world."""

ROOT: Final = Administrator(Grant(UserId("root"), role="admin"), "10.0.0.9")
ISSUED_LATER: Final = 31.0
"""Seconds after a revocation from which new tokens hold [X4]."""

_ROLES: Final = ("viewer", "commenter", "editor", "editor", "none", None, None)


_FAILURES: Final = (
    {Step.WRITE},
    {Step.SYNC},
    {Step.WRITE, Step.SYNC},
    {Step.WRITE, Step.TRUNCATE},
    {Step.OPEN},
    {Step.READ},
)


_ENDS: Final = ("kill", "power", "die writing", "restart")
"""Of the server's process."""


class Kind(NamedTuple):
    """A kind of step: how often, of how many, and whether it is a trouble."""

    does: Callable[[Steps, Random], None]
    weight: float
    is_fault: bool


class Steps:
    """Of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._plan: list[tuple[float, int, str]] = []
        self._ruling: set[str] = set()
        self._tasks: set[object] = set()

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

    def server_ended(self) -> None:
        """Nothing that an administrator asked of it comes to an end."""
        self._ruling.clear()
        self._tasks.clear()

    def _do(self, number: int, name: str, rnd: Random) -> None:
        kind = KINDS[name]
        self._world.tell(f"{number}: {name}")
        if kind.is_fault:
            self._world.faults[name] += 1
        kind.does(self, rnd)

    # ---- people

    def typing(self, rnd: Random) -> None:
        """Somebody types for a while."""
        world = self._world
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
                page.set_presence(device, {"room": device.room, "cursor": left})
            if left > 1:
                world.timeline.later(pause * rnd.random(), lambda: one(left - 1))

        one(left)

    def reload(self, rnd: Random) -> None:
        """A page is loaded anew: from the browser's storage, or from nothing."""
        desk = rnd.choice(self._world.desks)
        desk.close(goodbye=False)
        for n, device in enumerate(desk.devices):
            if rnd.random() < 0.5 or self._world.verdict.is_stained(device):
                desk.devices[n] = self._world.make_device(device.room)
        desk.open()

    def leave(self, rnd: Random) -> None:
        """A page is closed, and opened again later."""
        desk = rnd.choice(self._world.desks)
        desk.close(goodbye=rnd.random() < 0.5)
        self._world.timeline.later(rnd.choice((0.1, 5.0, 30.0)) * rnd.random(), desk.open)

    def unplug(self, rnd: Random) -> None:
        """Somebody's network is gone for a while; the server hears of it or not."""
        desk = rnd.choice(self._world.desks)
        if rnd.random() < 0.5:
            for link in self._links(desk):
                link.conditions.silent = True
        desk.offline()
        self._world.timeline.later(rnd.choice((0.5, 10.0, 45.0)) * rnd.random(), desk.online)

    def sleep(self, rnd: Random) -> None:
        """Somebody's machine is closed for days, and so is everything else."""
        world = self._world
        desk = rnd.choice(world.desks)
        desk.offline()
        seconds = rnd.choice((60.0, 3_600.0, 86_400.0, 259_200.0))
        world.timeline.leap(seconds)
        self._it_is_later(seconds)
        world.timeline.later(5.0 * rnd.random(), desk.online)

    def _links(self, desk: Desk) -> list[Link]:
        return [link for link in self._world.network.living() if link.address == desk.address]

    # ---- rights

    def _rule(self, user: str, work: Coroutine[object, object, object], then: Callable[[], None]) -> None:
        """Has an administrator do it, if there is a server and nobody else rules over the user; `then` when it is
        kept."""
        server = self._server()
        if server is None or user in self._ruling:
            work.close()
            return
        self._ruling.add(user)

        async def ruled() -> None:
            try:
                await work
            except MotetError as error:
                self._world.tell(f"it could not be done: {error}")
                return
            finally:
                self._ruling.discard(user)
            then()

        self._start(ruled())

    def _start(self, work: Coroutine[object, object, None]) -> None:
        assert self._world.process is not None
        task = self._world.process.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _server(self) -> Server | None:
        return self._world.process.server if self._world.process is not None else None

    def role(self, rnd: Random) -> None:
        """An administrator gives somebody a role in a room."""
        self._set_role(rnd.choice(list(ROLES)), rnd.choice(ROOMS), rnd.choice(_ROLES))

    def _set_role(self, user: str, room: str, role: str | None) -> None:
        world, server = self._world, self._server()
        if server is None or user in self._ruling:
            return
        world.rights.begins(user, room, role, world.timeline.now())
        world.tell(f"{user} is to be {role} in {room}")
        work = server.administration.set_role(RoomName(room), UserId(user), role, ROOT)
        self._rule(user, work, lambda: world.rights.holds(user, room, world.timeline.now()))

    def decide_again(self) -> None:
        """What may not have been kept."""
        for user, room in sorted(self._world.rights.unsure):
            self._set_role(user, room, self._world.rights.ruled(user, room))

    def revoke(self, rnd: Random) -> None:
        """An administrator revokes all of a user, in a room, or one token."""
        world, server = self._world, self._server()
        user, room = rnd.choice(list(ROLES)), rnd.choice(ROOMS)
        if server is None:
            return
        acts, now = server.administration, world.timeline.now()
        what = rnd.randrange(3)
        if what == 0:
            world.rights.revokes(user, None, now)
            self._revoke(user, acts.revoke_user(UserId(user), ROOT), user, None)
        elif what == 1:
            world.rights.revokes(None, room, now)
            self._revoke("*", acts.revoke_room(RoomName(room), ROOT), None, room)
        elif world.issuer.shown.get(user):
            # They may have others: nothing follows for what they may.
            world.rights.revokes(user, None, now)
            self._rule("*", acts.revoke_token(rnd.choice(world.issuer.shown[user]), ROOT), lambda: None)

    def _revoke(self, ruler: str, work: Coroutine[object, object, object], user: str | None, room: str | None) -> None:
        world = self._world

        def then() -> None:
            if not world.faults["set the clock"] and not world.faults["sleep"]:
                world.rights.revoked(user, room, world.timeline.now())
                world.timeline.later(ISSUED_LATER - 2.0, lambda: world.rights.renewed(user, room, world.timeline.now()))

        self._rule(ruler, work, then)

    def lapse(self, rnd: Random) -> None:
        """Somebody's application hands out no new tokens for a while, or short ones."""
        world, user = self._world, rnd.choice(list(ROLES))
        if rnd.random() < 0.5:
            world.issuer.lapsed.add(user)
            world.timeline.later(rnd.choice((10.0, 40.0)), lambda: world.issuer.lapsed.discard(user))
        else:
            world.issuer.seconds = rnd.choice((3.0, 15.0, 40.0, 3600.0))

    def who_is_who(self, rnd: Random) -> None:
        """Who says who somebody is is slow, or does not answer."""
        server = self._server()
        if server is not None:
            server.hesitant.down = rnd.random() < 0.6
            server.hesitant.seconds = rnd.choice((0.0, 0.5, 12.0))

            def well() -> None:
                server.hesitant.down, server.hesitant.seconds = False, 0.0

            self._world.timeline.later(rnd.choice((1.0, 8.0, 20.0)), well)

    # ---- the network

    def reset(self, rnd: Random) -> None:
        """A connection is torn."""
        links = self._world.network.living()
        if links:
            rnd.choice(links).reset()

    def half_open(self, rnd: Random) -> None:
        """Nothing gets through any more, and nobody is told; for a while, or for good."""
        links = self._world.network.living()
        if links:
            link = rnd.choice(links)
            link.conditions.silent = True
            if rnd.random() < 0.5:
                self._world.timeline.later(rnd.choice((2.0, 20.0)), link.mend)

    def stall(self, rnd: Random) -> None:
        """A client does not read."""
        links = self._world.network.living()
        if links:
            link = rnd.choice(links)
            link.conditions.stalled = True
            self._world.timeline.later(rnd.choice((1.0, 8.0, 25.0)), link.mend)

    def weather(self, rnd: Random) -> None:
        """Lines are slow, or cut everything into pieces."""
        latency, jitter, cut = (
            rnd.choice((0.001, 0.02, 0.3)),
            rnd.choice((0.0, 0.05, 1.0)),
            rnd.choice((0, 0, 1, 3, 700)),
        )
        for link in self._world.network.living():
            if rnd.random() < 0.5:
                link.conditions.latency, link.conditions.jitter, link.conditions.cut = latency, jitter, cut
        self._world.network.weather = partial(Conditions, latency, jitter, cut)

    # ---- the disk

    def disk_fails(self, rnd: Random) -> None:
        """It is full, or answers with errors; for a while."""
        disk = self._world.disk
        disk.fail(rnd.choice(_FAILURES), full=rnd.random() < 0.5)
        self._world.timeline.later(rnd.choice((0.05, 1.0, 6.0)) * rnd.random(), disk.calm)

    def disk_fails_once(self, rnd: Random) -> None:
        """One step of it fails."""
        self._world.disk.fail_at(rnd.randrange(1, 40))

    def disk_is_slow(self, rnd: Random) -> None:
        """Every call to it takes long."""
        process = self._world.process
        if process is not None:
            process.slow = rnd.choice((0.1, 0.6, 4.0))
            self._world.timeline.later(rnd.choice((1.0, 8.0)), lambda: setattr(process, "slow", 0.0))

    def disk_is_low(self, rnd: Random) -> None:
        """There is little space."""
        server = self._server()
        if server is not None:
            server.free = 1 << 20
            self._world.timeline.later(rnd.choice((0.5, 6.0)), lambda: setattr(server, "free", 1 << 40))

    # ---- the server

    def kill(self, rnd: Random) -> None:
        """kill -9."""
        self._goes_down(rnd)
        self._world.die("kill")

    def power(self, rnd: Random) -> None:
        """The machine loses power."""
        self._goes_down(rnd)
        self._world.die("power")

    def die_writing(self, rnd: Random) -> None:
        """The process dies at a step of the disk's, with it done in part; perhaps the machine too."""
        self._goes_down(rnd)
        self._world.dies_writing(rnd.randrange(1, 60), power=rnd.random() < 0.7)

    def restart(self, rnd: Random) -> None:
        """SIGTERM."""
        self._goes_down(rnd)
        self._world.stop()

    def _goes_down(self, rnd: Random) -> None:
        self._world.stays_down = rnd.choice((0.05, 1.0, 15.0)) * rnd.random()

    def set_the_clock(self, rnd: Random) -> None:
        """The wall clock jumps, for a while."""
        seconds = rnd.choice((-86_400.0, -3_600.0, -10.0, 10.0, 3_600.0, 86_400.0))
        self.set_wall(seconds)

        def back() -> None:
            if not self._world.verdict.hushed:
                self.set_wall(-seconds)

        self._world.timeline.later(20.0 * rnd.random(), back)

    def set_wall(self, seconds: float) -> None:
        """Sets it forward, or back."""
        world = self._world
        world.clock.set_wall(seconds)
        self._it_is_later(seconds)

    def _it_is_later(self, seconds: float) -> None:
        """Tokens that are issued now may be newer than what was revoked a moment ago."""
        self._world.judge.leapt(seconds)
        self._world.rights.renewed(None, None, self._world.timeline.now())

    # ---- operators

    def look_after(self, rnd: Random) -> None:
        """An operator compacts, sends everything anew, ends a connection or looks around."""
        server = self._server()
        if server is None:
            return
        room, acts = RoomName(rnd.choice(ROOMS)), server.administration
        what = rnd.randrange(3)
        if what == 0:
            self._rule("*", acts.compact(room, ROOT), lambda: None)
        elif what == 1:
            acts.resync(room, ROOT)
        elif room in server.hub.served:
            seats = list(server.hub.served[room].seats)
            if seats:
                acts.kick(room, rnd.choice(seats), ROOT)

    def delete(self, rnd: Random) -> None:
        """The side room is deleted."""
        world, server = self._world, self._server()
        if server is None:
            return

        world.judge.dies(SIDE)

        async def work() -> None:
            if await server.administration.delete(RoomName(SIDE), ROOT):
                world.judge.buried(SIDE)

        self._rule("*", work(), lambda: None)

    def recreate(self, rnd: Random) -> None:
        """Its name is given free."""
        world, server = self._world, self._server()
        if server is not None:
            work = server.administration.recreate(RoomName(SIDE), ROOT)
            self._rule("*", work, lambda: world.judge.tombstones.discard(SIDE))

    def stranger(self, rnd: Random) -> None:
        """Somebody sends what no client would."""
        Stranger(self._world.network, self._world.timeline, self._world.issuer.token("ada")[0], rnd).come()


KINDS: Final[dict[str, Kind]] = {
    "type": Kind(Steps.typing, 60, False),
    "reload": Kind(Steps.reload, 3, False),
    "leave": Kind(Steps.leave, 3, False),
    "unplug": Kind(Steps.unplug, 3, True),
    "sleep": Kind(Steps.sleep, 0.7, True),
    "role": Kind(Steps.role, 4, True),
    "revoke": Kind(Steps.revoke, 1, True),
    "lapse": Kind(Steps.lapse, 1, True),
    "who is who": Kind(Steps.who_is_who, 1, True),
    "reset": Kind(Steps.reset, 3, True),
    "half open": Kind(Steps.half_open, 2, True),
    "stall": Kind(Steps.stall, 3, True),
    "weather": Kind(Steps.weather, 2, True),
    "disk fails": Kind(Steps.disk_fails, 2, True),
    "disk fails once": Kind(Steps.disk_fails_once, 1, True),
    "disk is slow": Kind(Steps.disk_is_slow, 2, True),
    "disk is low": Kind(Steps.disk_is_low, 0.7, True),
    "kill": Kind(Steps.kill, 1, True),
    "power": Kind(Steps.power, 1, True),
    "die writing": Kind(Steps.die_writing, 1, True),
    "restart": Kind(Steps.restart, 1, True),
    "set the clock": Kind(Steps.set_the_clock, 0.7, True),
    "look after": Kind(Steps.look_after, 3, False),
    "delete": Kind(Steps.delete, 1, True),
    "recreate": Kind(Steps.recreate, 2, False),
    "stranger": Kind(Steps.stranger, 2, True),
}
