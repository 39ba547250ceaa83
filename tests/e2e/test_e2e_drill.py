"""The drill: what goes wrong in production goes wrong here; metrics and console show it, and the runbook cures it."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from access_clients import HOCUSPOCUS, YJS, Member
from drill_scene import ALERTS, AT_ROOM, EVERY, ROOM, RULES, Scene, Scrape, View

from support import planted
from support.disk import SlowDisk, fill, small_disk
from support.issuer import Issuer
from support.load import Overwriter, newest
from support.lossy import LossyProxy, is_update
from support.node import NodeClients, install_packages
from support.people import converged
from support.sockets import RawClient
from support.tokens import shown_by, token
from support.waiting import eventually
from support.wire import Typist

MIB = 1 << 20
SETTLED = 3.0
"""Seconds after a cure in which a counter must stand still."""
PLANTED = {"MOTET_AUTH_CALLABLE": "support.planted:nobody", "PYTHONPATH": str(Path(__file__).parents[1])}

Story = AsyncGenerator[None, None]
"""Goes on to the next act each time: all is well; something is wrong; the runbook was followed; the last look."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and by which names it is known."""

    name: str
    alerts: tuple[str, ...]
    """By whose sections of the runbook it is cured."""
    lines: tuple[str, ...]
    """Of the log, that the runbook sends one to."""
    story: Callable[[Scene], Story]
    shows: Callable[[View], bool]
    """The console has it."""
    is_over: Callable[[View], bool]
    """The console has no more of it, but for totals since the start."""


async def disk_full(scene: Scene) -> Story:
    """Something else takes the whole disk."""
    disk = scene.ending.enter_context(small_disk(scene.home / "disk"))
    await scene.open({"MOTET_LOW_DISK_BYTES": str(4 * MIB)}, disk / "data")
    yield
    filler = fill(disk)
    yield
    filler.unlink()  # MotetDiskLow, 1: what is not Motet's goes first
    yield


async def slow_disk(scene: Scene) -> Story:
    """Each fsync takes 200 ms."""
    directory = scene.home / "slow"
    directory.mkdir()
    disk = SlowDisk(directory)
    await scene.open(disk.env, directory / "data")
    yield
    disk.slow_down(200)
    yield
    await asyncio.to_thread(scene.server.stop)  # MotetCommitsSlow, 4: move the data directory
    shutil.copytree(scene.server.data, scene.home / "fast")
    scene.server.data = scene.home / "fast"
    await asyncio.to_thread(scene.server.start)
    await scene.author("ada", pause=EVERY)
    yield


async def stalled_readers(scene: Scene) -> Story:
    """Three of five stop reading, and somebody pastes."""
    await scene.open()
    users = [f"reader{number}" for number in range(3)]
    readers = [await Member.come(scene.server, YJS, ROOM, token(user, "viewer")) for user in users]
    bob = await RawClient.hocuspocus(scene.server.ws_url, ROOM, apply=False, token=token("bob"))
    writer = Overwriter(await bob.synced())
    yield
    for reader in readers:
        reader.stop_reading()

    async def paste() -> bool:
        await writer.write(MIB)
        return (await scene.scrape())["motet_members_behind"] == len(readers)

    await eventually(paste, "all three are behind")
    yield
    (view, _) = await scene.look()
    for member in view.room["members"]:  # MotetMembersBehind, 3: kick it, it comes back with a fresh socket
        if member["behind"]:
            await scene.act("DELETE", f"{AT_ROOM}/members/{member['member']}")
    back = [await Member.come(scene.server, YJS, ROOM, token(user, "viewer")) for user in users]
    yield
    await eventually(lambda: all(newest(reader) == writer.sent - 1 for reader in back), "they have everything")
    for reader in readers:
        reader.abort()


async def flood(scene: Scene) -> Story:
    """A client in a loop."""
    await scene.open({"MOTET_CONNECTION_FRAMES_PER_SECOND": "50", "MOTET_RATE_SECONDS": "1"})
    yield
    await scene.author("mallory")
    yield
    then = await scene.scrape()
    await asyncio.sleep(SETTLED)
    assert RULES["MotetFlood"].holds(then, await scene.scrape())  # it goes on for as long as it lasts
    (view, _) = await scene.look()
    (member,) = view.members("mallory")
    await scene.act("DELETE", f"{AT_ROOM}/members/{member['member']}")  # MotetFlood, 2: kick it
    await scene.author("mallory")  # it comes back with the same bug
    await scene.act("PUT", f"{AT_ROOM}/roles/mallory", {"role": "viewer"})  # 3
    yield
    (view, _) = await scene.look()
    assert view.members("mallory")[0]["role"] == "viewer"
    await scene.act("DELETE", f"{AT_ROOM}/roles/mallory")


async def divergent_member(scene: Scene) -> Story:
    """A real client loses an update, and then what heals it."""
    await scene.open({"MOTET_CONVERGENCE_SECONDS": "1"})
    await scene.authors[0].finish()
    await scene.authors[0].client.close()
    install_packages()
    clients = await NodeClients.start()
    async with LossyProxy(scene.server.port) as proxy:
        try:
            kind = "y-websocket-3"
            victim = await clients.create(kind, proxy.ws_url, ROOM, **shown_by(kind, token("vic")))
            author = await clients.create(kind, scene.server.ws_url, ROOM, **shown_by(kind, token("bob")))
            await asyncio.gather(victim.synced(), author.synced())
            await converged([author, victim])
            yield
            proxy.loses = lambda payload: is_update(payload) or payload.startswith(b"\0\1")
            await author.edit(append="lost")
            yield
            proxy.loses = lambda payload: False
            await scene.act("POST", f"{AT_ROOM}/resync")  # MotetDivergence, 2
            yield
            assert (await converged([author, victim])).text.endswith("lost")
            now = await scene.scrape()
            assert now["motet_healed_total"] == now["motet_divergences_total"] == 1
        finally:
            await clients.close()


async def expired_keys(scene: Scene) -> Story:
    """The issuer hangs until the keys that are held are too old."""
    with Issuer() as issuer:
        await scene.open(PLANTED | {"MOTET_JWKS_URL": issuer.url})
        inside = await Member.come(scene.server, HOCUSPOCUS, ROOM, issuer.token("cy"))
        assert inside.is_in
        yield
        issuer.hangs(True)

        async def is_refused() -> bool:
            newcomer = await Member.come(scene.server, YJS, ROOM, issuer.token("dan"))
            newcomer.abort()
            return not newcomer.is_in

        await eventually(is_refused, "nobody new gets in")
        assert inside.closed is None
        yield
        issuer.hangs(False)  # MotetKeysUnavailable, 1; nobody signs in until it is over
        yield
        assert not await is_refused()
        await inside.update(Typist(8, root="said").type("through it all"))
        await eventually(lambda: inside.saved == 1, "who was in has stayed")


async def bug(scene: Scene) -> Story:
    """A client has an update that the server cannot take, and sends it again whenever it comes."""
    await scene.open(PLANTED)

    async def comes() -> Member:
        member = await Member.come(scene.server, HOCUSPOCUS, ROOM, token("eve"))
        await member.update(Typist(9).type(planted.POISON))
        return member

    yield
    for _ in range(2):
        await (await comes()).ended()
    yield
    await scene.act("PUT", f"{AT_ROOM}/roles/eve", {"role": "viewer"})  # MotetExceptions, 2
    saved = await asyncio.to_thread(scene.admin.ask, "GET", f"{AT_ROOM}/update")
    assert scene.authors[0].name.encode() in saved.body
    eve = await comes()
    yield
    assert (eve.closed, eve.refused) == (None, 1)
    assert scene.authors[0].client.closed is None


FAULTS = [
    Fault(
        "disk full", ("MotetReadOnly", "MotetNotReady"), ("read_only_began",), disk_full,
        lambda view: bool({"disk", "store"} & view.status["reasons"].keys()) and view.listed["suspended"]
        and view.room["suspended"],
        lambda view: view.status["ready"] and not view.listed["suspended"] and not view.room["suspended"],
    ),
    Fault(
        "slow disk", ("MotetCommitsSlow",), (), slow_disk,
        lambda view: (view.totals["durable_p99"] or 0) > 0.1 and view.listed["lag"] > 0.1 and view.room["lag"] > 0.1,
        lambda view: view.listed["lag"] < 0.1 and view.room["lag"] < 0.1,
    ),
    Fault(
        "stalled readers", ("MotetMembersBehind",), ("member_behind",), stalled_readers,
        lambda view: view.totals["behind"] == view.listed["behind"] == 3
        and sum(member["behind"] and member["buffered"] > 0 for member in view.room["members"]) == 3,
        lambda view: view.totals["behind"] == view.listed["behind"] == view.room["behind"] == 0,
    ),
    Fault(
        "flood", ("MotetFlood",), ("peer_slowed",), flood,
        lambda view: view.totals["slowed"] > 0
        and max(view.room["members"], key=lambda member: member["edits"])["user"] == "mallory",
        lambda view: True,
    ),
    Fault(
        "divergent member", ("MotetDivergence",), ("divergence_found",), divergent_member,
        lambda view: view.status["divergences"] == 1 and bool(view.members("vic")),
        lambda view: True,
    ),
    Fault(
        "expired keys", ("MotetKeysUnavailable", "MotetNotReady"), ("keys_unavailable",), expired_keys,
        lambda view: view.status["keys_failing"] and "keys" in view.status["reasons"] and bool(view.room["refusals"]),
        lambda view: not view.status["keys_failing"] and view.status["ready"],
    ),
    Fault(
        "bug", ("MotetExceptions",), ("unexpected",), bug,
        lambda view: view.status["exceptions"] == 2,
        lambda view: view.status["exceptions"] == 2,
    ),
]  # fmt: skip


async def since(began: float, condition: Callable[[], Awaitable[bool]], what: str) -> float:
    """Waits; the seconds from the beginning until it was so."""
    await eventually(condition, what, deadline=45)
    return time.monotonic() - began


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
async def test_it_is_seen_by_the_name_that_the_runbook_uses_and_its_cure_works(fault: Fault, tmp_path: Path) -> None:
    """[R6] [P13] [X31] [V5] Nothing that was acknowledged is lost on the way, nor by a power cut afterwards."""

    def firing(then: Scrape, now: Scrape) -> list[bool]:
        return [RULES[alert].holds(then, now) for alert in fault.alerts]

    with Scene(tmp_path) as scene:
        async with aclosing(fault.story(scene)) as story:
            await anext(story)

            async def healthy() -> bool:
                then = await scene.scrape()
                quiet = not any(firing(then, await scene.scrape()))
                return quiet and not any(fault.shows(view) for view in await scene.look())

            await eventually(healthy, "nothing is wrong yet", deadline=45)  # a busy machine's disk may be slow itself
            well = await scene.scrape()

            began = time.monotonic()
            await anext(story)

            async def measured() -> bool:
                return all(firing(well, await scene.scrape()))

            async def shown() -> bool:
                return all(fault.shows(view) for view in await scene.look())

            seen = await asyncio.gather(
                since(began, measured, "the alert's metric"), since(began, shown, "the console")
            )
            print(
                f"{fault.name}: {' and '.join(fault.alerts)} after {seen[0]:.1f} s, the console after {seen[1]:.1f} s"
            )
            assert [line for line in fault.lines if not scene.told(line)] == []

            began = time.monotonic()
            await anext(story)

            async def cured() -> bool:
                then = await scene.scrape()
                await asyncio.sleep(SETTLED)
                return not any(firing(then, await scene.scrape())) and all(map(fault.is_over, await scene.look()))

            print(f"{fault.name}: over {await since(began, cured, 'it is over') - SETTLED:.1f} s after the cure began")
            with suppress(StopAsyncIteration):
                await anext(story)
            assert await scene.lost() == {}
            assert fault.story is bug or "Traceback" not in scene.server.log()


def test_the_rules_of_the_drill_are_those_of_the_alerts() -> None:
    """As Prometheus is given them."""
    shipped = dict(re.findall(r"- alert: (\w+)\n +expr: (.+)\n", ALERTS.read_text("utf-8")))
    assert {name: shipped.get(name) for name in RULES} == {name: rule.expression for name, rule in RULES.items()}


def test_the_runbook_has_a_row_for_every_fault() -> None:
    """By its alerts."""
    _, _, drill = (ALERTS.parents[2] / "docs" / "RUNBOOK.md").read_text("utf-8").partition("\n## Drill\n")
    table = re.findall(r"^\| ([^-].*)", drill, re.MULTILINE)[1:]
    rows = [re.findall(r"\(#(motet\w+)\)", row.split(" | ")[1]) for row in table]
    assert [row.partition(":")[0] for row in table] == [fault.name for fault in FAULTS]
    assert rows == [[alert.lower() for alert in fault.alerts] for fault in FAULTS]
