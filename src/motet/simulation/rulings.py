"""What administrators decide, and what operators do."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from random import Random
from typing import TYPE_CHECKING, Final

from motet.access import Grant
from motet.errors import MotetError
from motet.ids import RoomName, UserId
from motet.rooms import Administrator
from motet.simulation.people import ROLES, ROOMS, SIDE

if TYPE_CHECKING:
    from motet.simulation.world import World

ROOT: Final = Administrator(Grant(UserId("root"), role="admin"), "10.0.0.9")
ISSUED_LATER: Final = 31.0
"""Seconds after a revocation from which new tokens hold [X54]."""

_ROLES: Final = ("viewer", "commenter", "editor", "editor", "none", None, None)


class Rulings:
    """Of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ruling: set[str] = set()
        self._tasks: set[object] = set()

    def server_ended(self) -> None:
        """Nothing that was asked of it comes to an end."""
        self._ruling.clear()
        self._tasks.clear()

    def _rule(self, user: str, work: Coroutine[object, object, object], then: Callable[[], None]) -> None:
        """Has an administrator do it, if there is a server and nobody else rules over the user; `then` when it is
        kept."""
        server = self._world.server
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

    def role(self, rnd: Random) -> None:
        """An administrator gives somebody a role in a room."""
        self.set_role(rnd.choice(list(ROLES)), rnd.choice(ROOMS), rnd.choice(_ROLES))

    def set_role(self, user: str, room: str, role: str | None) -> None:
        """An administrator gives this role (None: takes back what was given)."""
        world, server = self._world, self._world.server
        if server is None or user in self._ruling:
            return
        world.rights.begins(user, room, role, world.timeline.now())
        world.tell(f"{user} is to be {role} in {room}")
        work = server.administration.set_role(RoomName(room), UserId(user), role, ROOT)
        self._rule(user, work, lambda: world.rights.holds(user, room, world.timeline.now()))

    def decide_again(self) -> None:
        """What may not have been kept."""
        for user, room in sorted(self._world.rights.unsure):
            self.set_role(user, room, self._world.rights.ruled(user, room))

    def revoke(self, rnd: Random) -> None:
        """An administrator revokes all of a user, in a room, or one token."""
        world, server = self._world, self._world.server
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
        made = world.clock.time()

        def then() -> None:
            left = made + ISSUED_LATER - 2.0 - world.clock.time()
            if left <= 0.0 or world.clock.behind:
                return  # there are newer tokens; or some of when the clock was ahead, which no revocation covers
            world.rights.revoked(user, room, world.timeline.now())
            world.timeline.later(left, lambda: world.rights.renewed(user, room, world.timeline.now()))

        self._rule(ruler, work, then)

    def look_after(self, rnd: Random) -> None:
        """An operator compacts, sends everything anew, ends a connection or looks around."""
        server = self._world.server
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
        world, server = self._world, self._world.server
        if server is None:
            return
        world.judge.dies(SIDE)

        async def work() -> None:
            if await server.administration.delete(RoomName(SIDE), ROOT):
                world.judge.buried(SIDE)

        self._rule("*", work(), lambda: None)

    def recreate(self, rnd: Random) -> None:
        """Its name is given free."""
        world, server = self._world, self._world.server
        if server is not None:
            work = server.administration.recreate(RoomName(SIDE), ROOT)
            self._rule("*", work, lambda: world.judge.tombstones.discard(SIDE))
