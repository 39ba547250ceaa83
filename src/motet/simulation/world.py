"""A world: a server and its people, and everything that happens to them, from a seed to a verdict."""

from __future__ import annotations

import random
import traceback
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from motet.config import KIB, Settings, load
from motet.errors import MotetError
from motet.observability import DivergenceFound, Unexpected
from motet.simulation.client import NotUnderstood, Surroundings
from motet.simulation.clock import START, Clock
from motet.simulation.disk import Disk
from motet.simulation.judge import Found, Judge
from motet.simulation.network import Network
from motet.simulation.people import ROLES, SECRET, SIDE, Desk, Issuer, device_maker, places
from motet.simulation.process import Died, Process, Server
from motet.simulation.rights import Rights
from motet.simulation.rulings import Rulings
from motet.simulation.schedule import Schedule
from motet.simulation.steps import Steps
from motet.simulation.stored import look
from motet.simulation.timeline import Timeline
from motet.simulation.verdict import Verdict

BUSY: Final = 70.0
"""Seconds of a world in which things happen."""

_TOLD: Final = 60
"""Events that are shown of a world that failed."""


class _Over(BaseException):
    """The world has ended."""


@dataclass
class Report:
    """What a world came to."""

    schedule: Schedule
    finding: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    """Virtual."""
    told: list[str] = field(default_factory=list)
    """The last events before the finding."""


class World:
    """One world. `run` it once; it is the only one of its process while it runs."""

    steps: Steps
    rulings: Rulings

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.clock = Clock()
        self.timeline = Timeline(self.clock)
        self.disk = Disk(schedule.random("disk"))
        self.rights = Rights(ROLES)
        self._settings = settings(schedule.random("settings"))
        self.judge = Judge(self.clock, self.rights, self._settings.high_water_bytes)
        self.judge.on_burial = self.forget_side
        self.network = Network(self.timeline, schedule.random("network"), self.judge)
        self.issuer = Issuer(self.clock, self.rights)
        self.desks: list[Desk] = []
        self.process: Process | None = None
        self.verdict = Verdict(self)
        self.told: deque[str] = deque(maxlen=_TOLD)
        self.faults: Counter[str] = Counter()
        self.stays_down = 0.0
        """Seconds until the server is started again."""
        self._rnd = schedule.random("process")
        self._death = ""
        self._disk_death = "kill"
        self._over = self._last = False
        # Held until the end: the collector would close a dead process's tasks in the midst of the next one's life.
        self._buried: list[Process] = []
        surroundings = Surroundings(self.network, self.timeline, self.judge)
        rnd = schedule.random("people")
        clients = count(1000)
        self.make_device = device_maker(clients, count(1), rnd, surroundings)
        for number, place in enumerate(places(rnd)):
            devices = [self.make_device(room) for room in place.rooms]
            own = schedule.random(f"desk {number}")
            desk = Desk(place, f"10.0.1.{number}", self.issuer, surroundings, own, devices, clients)
            self.desks.append(desk)
            self.judge.desks[desk.address] = desk
        self.steps = Steps(self)
        self.rulings = Rulings(self)

    def run(self) -> Report:
        """To its end, or to the first thing that is not as it must be."""
        report = Report(self.schedule)
        with self.clock.installed():
            try:
                self.steps.plan(BUSY)
                while not self._over:
                    self._live()
                self.judge.check()
            except (Found, NotUnderstood) as found:
                report.finding = str(found)
            finally:
                self._end()
        report.counts = self.judge.counts + self.faults + self.disk.counts
        report.counts["faults"] += sum(self.faults.values())
        report.seconds = self.timeline.now() - START
        report.told = list(self.told)
        return report

    # ---- the server's lives

    @property
    def server(self) -> Server | None:
        """The server, while it listens."""
        return self.process.server if self.process is not None else None

    def _live(self) -> None:
        made = self._settings.model_copy(update={"data": self.disk.directory})
        process = Process(made, self.clock, self.timeline, self.network, self.judge, self._rnd)
        self.process, self._death = process, ""
        process.check, process.started = self._check, self._started
        try:
            process.live(self._observe)
            self.tell("the server has stopped")
            self.network.server_died(told=True)
            self._found_stored()
            self._over = self._last
        except Died:
            self._bury(process)
        except MotetError as error:  # it could not start
            self.tell(f"the server did not start: {error}")
            if self.disk.dead:
                self._bury(process)
            else:
                process.loop.bury()
        except _Over:
            pass
        self.process = None
        self.rulings.server_ended()
        self._stay_down()

    def _bury(self, process: Process) -> None:
        how = self._death or self._disk_death
        self.tell(f"the server has died: {how}")
        self.network.server_died(told=how != "power")
        process.loop.bury()
        self._buried.append(process)
        if how == "power":
            self.disk.power_cut()
        else:
            self.disk.kill()
        self._found_stored()

    def _found_stored(self) -> None:
        """What the disk has while nobody writes to it."""
        look(self.disk.directory, self.judge)
        self.judge.check()

    def _stay_down(self) -> None:
        until = self.timeline.now() + self.stays_down
        self.stays_down = 0.2
        while self.timeline.now() < until and not self._over:
            self.timeline.step(until)
            self.judge.check()

    def stop(self) -> None:
        """SIGTERM, if it runs."""
        if self.process is not None:
            self.process.stop()

    def end(self) -> None:
        """The server is stopped, and then the world ends."""
        self._last = True
        self.stop()

    def dies_writing(self, steps: int, power: bool) -> None:
        """So many steps of the disk from now the process dies, and perhaps its machine."""
        self._disk_death = "power" if power else "kill"
        self.disk.crash_at(steps)

    def is_deleted(self, room: str) -> bool:
        """Whether the room's name has a tombstone."""
        return room in self.judge.tombstones

    def forget_side(self) -> None:
        """Everybody's application drops what it had of the side room."""
        for desk in self.desks:
            for n, device in enumerate(desk.devices):
                if device.room == SIDE:
                    desk.close(goodbye=False)
                    desk.devices[n] = self.make_device(SIDE)
            desk.open()

    def die(self, how: str) -> None:
        """The process, or the machine under it ("power"), is gone with the end of this event."""
        self._death = how

    def _check(self) -> None:
        self.judge.check()
        if self._over:
            raise _Over
        if self._death or self.disk.dead:
            raise Died

    def _started(self) -> None:
        self.tell("the server listens")
        self.judge.started()
        assert self.server is not None
        self.server.hub.errors.send = self._explain

    # ---- what is told

    def tell(self, what: str) -> None:
        """For whoever wants to know how it came about."""
        self.told.append(f"{self.timeline.now() - START:8.3f} {what}")

    def _observe(self, event: object) -> None:
        self.tell(str(event)[:220])
        if isinstance(event, DivergenceFound) and self.verdict.counts(event.user, event.room):
            self.judge.finds(f"a divergence: {event}")
        elif isinstance(event, Unexpected):
            self.judge.finds(f"nobody designed {event}")

    def _explain(self, error: BaseException, about: Unexpected) -> None:
        self.told.append("".join(traceback.format_exception(error)))

    def _end(self) -> None:
        for desk in self.desks:
            desk.close(goodbye=False)
        if self.process is not None:
            self.process.loop.bury()
            self._buried.append(self.process)
        self.disk.close()


def settings(rnd: random.Random) -> Settings:
    """Small limits and short times, so that much happens."""
    return load(
        {
            "secret": SECRET,
            "room_idle_seconds": rnd.choice((0.0, 3.0, 60.0)),
            "snapshot_rows": rnd.choice((10, 50, 5000)),
            "retention_days": rnd.choice((0.0, 0.0, 1.0)),
            "high_water_bytes": rnd.choice((16 * KIB, 256 * KIB)),
            "behind_seconds": rnd.choice((5.0, 60.0)),
            "convergence_seconds": rnd.choice((0.0, 2.0, 10.0)),
            "ping_seconds": rnd.choice((5.0, 30.0)),
            "pong_seconds": rnd.choice((3.0, 10.0)),
            "drain_seconds": rnd.choice((0.5, 5.0)),
            "max_journal_bytes": rnd.choice((64 * KIB, 8 << 20)),
        }
    )
