"""What a drill needs: a server under somebody's hands, and what its metrics and its console show."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from prometheus_client.parser import text_string_to_metric_families

from support.administrator import AdministratorClient
from support.load import Author, broken_promises
from support.server import MotetServer, in_use
from support.tokens import SECURED, token
from support.waiting import eventually

ROOM = "drill/a"
AT_ROOM = f"/rooms/{quote(ROOM, safe='')}"
ALERTS = Path(__file__).parents[2] / "deploy" / "prometheus" / "alerts.yml"
EVERY = 0.05
"""Seconds between two edits of those who type all the time."""

Json = dict[str, Any]


class View(NamedTuple):
    """What the console has to show."""

    status: Json
    rooms: list[Json]
    room: Json

    @property
    def totals(self) -> Json:
        found: Json = self.status["totals"]
        return found

    @property
    def listed(self) -> Json:
        """The room in the list; it is the only one."""
        return next((room for room in self.rooms if room["room"] == ROOM), {})

    def members(self, user: str) -> list[Json]:
        """Those of a user, in the room."""
        return [member for member in self.room["members"] if member["user"] == user]


@dataclass(frozen=True, slots=True)
class Scrape:
    """/metrics at a moment."""

    at: float
    values: Mapping[tuple[str, str], float]
    """By name and its label, if it has one."""

    def __getitem__(self, name: str) -> float:
        """The value, or the sum over the label."""
        return sum(value for (found, _), value in self.values.items() if found == name)

    def labelled(self, name: str) -> dict[str, float]:
        """The values by the label."""
        return {label: value for (found, label), value in self.values.items() if found == name}


def _increase(name: str, then: Scrape, now: Scrape) -> dict[str, float]:
    before = then.labelled(name)
    return {label: value - before.get(label, 0.0) for label, value in now.labelled(name).items()}


def _p99(name: str, then: Scrape, now: Scrape) -> float:
    """histogram_quantile(0.99, rate(…)) between the two; 0.0 where nothing was observed."""
    buckets = sorted((float(le), count) for le, count in _increase(f"{name}_bucket", then, now).items())
    rank, lower, below = 0.99 * buckets[-1][1], 0.0, 0.0
    for upper, count in buckets:
        if count >= rank > 0:
            return lower if upper == inf else lower + (upper - lower) * (rank - below) / (count - below)
        lower, below = upper, count
    return 0.0


class Rule(NamedTuple):
    """An alert's expression, and whether it holds between two scrapes."""

    expression: str
    holds: Callable[[Scrape, Scrape], bool]


RULES = {
    "MotetNotReady": Rule("motet_ready == 0", lambda then, now: now["motet_ready"] == 0),
    "MotetReadOnly": Rule("motet_read_only == 1", lambda then, now: now["motet_read_only"] == 1),
    "MotetCommitsSlow": Rule(
        "histogram_quantile(0.99, sum by (job, instance, le) (rate(motet_commit_seconds_bucket[5m]))) > 0.1",
        lambda then, now: _p99("motet_commit_seconds", then, now) > 0.1,
    ),
    "MotetMembersBehind": Rule(
        "motet_members_behind >= 3 and motet_members_behind > 0.05 * motet_members",
        lambda then, now: now["motet_members_behind"] >= max(3, 0.05 * now["motet_members"]),
    ),
    "MotetFlood": Rule(
        "sum by (job, instance, kind) (rate(motet_slowed_total[2m])) > 0.5",
        lambda then, now: max(_increase("motet_slowed_total", then, now).values()) > 0.5 * (now.at - then.at),
    ),
    "MotetDivergence": Rule(
        "increase(motet_divergences_total[1h]) > 0",
        lambda then, now: max(_increase("motet_divergences_total", then, now).values()) > 0,
    ),
    "MotetKeysUnavailable": Rule("motet_keys_failing == 1", lambda then, now: now["motet_keys_failing"] == 1),
    "MotetExceptions": Rule(
        "increase(motet_exceptions_total[10m]) > 0",
        lambda then, now: now["motet_exceptions_total"] > then["motet_exceptions_total"],
    ),
}


class Scene:
    """A server with a room in which somebody types all the time, and an administrator."""

    server: MotetServer
    admin: AdministratorClient

    def __init__(self, home: Path) -> None:
        self.home = home
        self.authors: list[Author] = []
        self.ending = ExitStack()
        """The last that was entered is left first."""

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *_: object) -> None:
        for author in self.authors:
            author.client.abort()
        self.ending.close()

    async def open(self, env: Mapping[str, str] | None = None, data: Path | None = None) -> None:
        """Starts the server. Nobody is asked what they hold: raw clients do not hold what others wrote."""
        settled = {"MOTET_DRAIN_SECONDS": "0.5", "MOTET_CONVERGENCE_SECONDS": "0"}
        env = SECURED | settled | (env or {})
        self.server = MotetServer(data or self.home / "data", self.home / "server.log", env=env)
        in_use.append(self.server)
        self.ending.callback(in_use.remove, self.server)
        self.ending.callback(self.server.discard)
        await asyncio.to_thread(self.server.start)
        self.admin = AdministratorClient(self.server, token("root", "admin"))
        await self.author("ada", pause=EVERY)

    async def author(self, user: str, pause: float = 0.0) -> Author:
        """Somebody who types, and has been acknowledged some of it."""
        author = await Author.join(self.server.ws_url, ROOM, len(self.authors), token(user), pause)
        self.authors.append(author)
        await eventually(lambda: author.client.saved > 4, f"{user} is acknowledged")
        return author

    async def act(self, method: str, path: str, body: object = None) -> None:
        """Something that an administrator does."""
        await asyncio.to_thread(self.admin.done, method, path, body)

    async def look(self) -> list[View]:
        """By requests, and by the stream of events."""
        return await asyncio.to_thread(lambda: [self._by_requests(), self._by_stream()])

    def _by_requests(self) -> View:
        status, rooms, room = (self.admin.ask("GET", path) for path in ("/status", "/rooms?by=bytes", AT_ROOM))
        assert (status.status, rooms.status, room.status) == (200, 200, 200)
        return View(status.json, rooms.json["rooms"], room.json)

    def _by_stream(self) -> View:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            path = f"/api/v1/events?by=bytes&room={quote(ROOM)}"
            connection.request("GET", path, headers={"authorization": f"Bearer {self.admin.shown}"})
            answer = connection.getresponse()
            assert answer.status == 200
            told: dict[str, Json] = {}
            while told.keys() < {"status", "room"}:
                name, data, _ = (answer.readline().decode() for _ in range(3))
                told[name.removeprefix("event: ").strip()] = json.loads(data.removeprefix("data: "))
            return View(told["status"], told["status"]["rooms"], told["room"])
        finally:
            connection.close()

    async def scrape(self) -> Scrape:
        """/metrics, now."""
        _, text = await asyncio.to_thread(self.server.get, "/metrics")
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        values = {(sample.name, next(iter(sample.labels.values()), "")): sample.value for sample in samples}
        return Scrape(time.monotonic(), values)

    def told(self, event: str) -> bool:
        """Whether the log has a line of this name."""
        lines = [json.loads(line) for line in self.server.log().splitlines()]
        return any(line["event"] == event for line in lines)

    async def lost(self) -> dict[str, set[str]]:
        """What was acknowledged and is not there after a power cut; those who are still in have all of theirs saved."""
        for author in self.authors:
            await (author.finish() if author.client.closed is None else author.hear_the_rest())
        await asyncio.to_thread(self.server.kill)
        await asyncio.to_thread(self.server.start)
        return await broken_promises(self.server.ws_url, self.authors, token("eve", "viewer"))
