"""What a world leaves on the disk, read by real Yjs: the same as the replicas of the simulated clients."""

from __future__ import annotations

import base64
import html
import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from motet.persistence.sqlite_file import DATABASE
from motet.simulation.campaign import quiet
from motet.simulation.people import ROOMS
from motet.simulation.rights import READ
from motet.simulation.schedule import Schedule
from motet.simulation.world import World
from support import seeds
from support.node import NODE_DIR

pytestmark = [pytest.mark.node, pytest.mark.usefixtures("node_packages")]

WORLDS = 5
"""Of fixed seeds, and as many of fresh ones."""

EMPTY: dict[str, Any] = {"content": [], "board": {}, "list": [], "page": "", "comments": []}

STORED = """
SELECT 0, snapshots.data FROM snapshots JOIN rooms ON rooms.id = snapshots.room WHERE rooms.name = :room
UNION ALL SELECT log.seq, log.data FROM log JOIN rooms ON rooms.id = log.room WHERE rooms.name = :room ORDER BY 1
"""


@dataclass
class Left:
    """Of a room, when its world has ended."""

    where: str
    stored: list[bytes]
    """Its snapshot and its rows."""
    replicas: set[tuple[str, str]]
    """Hash and content of each device of somebody who may read."""


def ended(seed: int, copy: Path) -> list[Left]:
    """The rooms of a world."""
    world, left = World(Schedule(seed)), list[Left]()
    close = world.disk.close

    def look() -> None:
        for file in world.disk.directory.glob(f"{DATABASE}*"):
            shutil.copy(file, copy)
        left.extend(of_room(world, copy / DATABASE, room) for room in ROOMS if not world.is_deleted(room))
        close()

    world.disk.close = look  # type: ignore[method-assign]
    with quiet():
        report = world.run()
    assert report.finding == "", f"{report.finding}: motet simulate --schedule {seed} --shrink"
    return left


def of_room(world: World, database: Path, room: str) -> Left:
    """One of them."""
    now = world.timeline.now()
    readers = [desk for desk in world.desks if world.rights.could(desk.user, room, READ, now)]
    devices = [device for desk in readers for device in desk.devices if device.room == room]
    with closing(sqlite3.connect(database)) as connection:
        stored = [data for _, data in connection.execute(STORED, {"room": room})]
    replicas = {(device.state_hash(), device.content()) for device in devices}
    return Left(f"{room} of {world.schedule}", stored, replicas)


def as_yjs(content: str) -> dict[str, Any]:
    """A device's content in Yjs's words, which do not escape markup."""
    found: dict[str, Any] = {root: value for root, value in json.loads(content).items() if value is not None}
    return {**EMPTY, **found, "page": html.unescape(found.get("page", ""))}


@pytest.mark.parametrize("first", [1, seeds.fresh()])
def test_real_yjs_reads_from_the_disk_what_the_clients_have(first: int, tmp_path: Path) -> None:
    """Every root, and the exact state hash; nothing waits for what it lacks."""
    print(f"seeds from {first}")
    rooms: list[Left] = []
    for seed in range(first, first + WORLDS):
        copy = tmp_path / str(seed)
        copy.mkdir()
        rooms += [left for left in ended(seed, copy) if left.replicas]
    asked = json.dumps([[base64.b64encode(update).decode() for update in left.stored] for left in rooms])
    node = subprocess.run(["node", "worlds.mjs"], cwd=NODE_DIR, input=asked, capture_output=True, text=True, check=True)
    for left, read in zip(rooms, json.loads(node.stdout), strict=True):
        ((digest, content),) = left.replicas
        assert not read["waiting"], left.where
        assert read["content"] == as_yjs(content), left.where
        assert read["hash"] == digest, left.where
    assert len([left for left in rooms if len(left.stored) > 1]) > WORLDS
