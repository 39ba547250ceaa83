"""What must be true when all is quiet again, as far as it can be seen from outside."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterable

from torture_people import Writer, lasting
from torture_scene import ALONE, ROOMS, Scene

from support import wire
from support.node import Content
from support.refusals import HOLD
from support.sockets import RawClient
from support.waiting import eventually

GROWTH = 256 << 20
"""Bytes that the process may have more than at its smallest."""
FORGOTTEN = 25.0
"""Seconds: clients forget by themselves who was silent for 30."""
KEPT = 6
"""Outcasts that go on trying into the next part of a run."""


async def judge(scene: Scene) -> None:
    """All of it, with a power cut in between. Raises AssertionError."""
    await _pass_by(scene)
    await scene.pause()
    assert scene.problems == []
    agreed = {room: await _agreed(scene, room) for room in ROOMS}
    await _presence(scene)
    for room, (content, _) in agreed.items():
        await _is_whole(scene, room, content)
    await _has_every_promise(scene)
    async with scene.power:
        with scene.excuse():
            await asyncio.to_thread(scene.server.kill)
            hashes = await asyncio.to_thread(_verified, scene)
            assert {room: hashes[room] for room in ROOMS} == {room: hash_ for room, (_, hash_) in agreed.items()}
            _rows(scene)
            await scene.start()
    for room, (content, _) in agreed.items():
        assert await _seen_by_a_stranger(scene, room) == content.text, f"{room} is not what it was"
    await _has_every_promise(scene)
    for room in scene.deleted:
        await _is_deleted(scene, room)
    await _outcasts(scene)
    _process(scene)


async def _pass_by(scene: Scene) -> None:
    """Somebody is gone from each room without a word, and from presence long before it would be forgotten by itself."""
    for room in ROOMS:
        watcher, passer_by = [
            await RawClient.yjs(scene.server.ws_url, room, apply=False, token=lasting(user, room))
            for user in ("watcher", "passer-by")
        ]
        await passer_by.synced()
        await passer_by.set_awareness(wire.AwarenessEntry(5, 1, {"name": "passer-by"}))
        await eventually(lambda: watcher.awareness[5].state if 5 in watcher.awareness else None, "it is seen")  # noqa: B023
        passer_by.abort()
        await eventually(lambda: watcher.awareness[5].state is None, "it is gone", deadline=FORGOTTEN)  # noqa: B023
        await watcher.close()


async def _agreed(scene: Scene, room: str) -> tuple[Content, str]:
    """Waits until everybody in the room holds the same; content and exact state hash."""
    here = [writer.client for writer in scene.writers if writer.room == room]

    async def equal() -> str:
        hashes = await asyncio.gather(*(client.state_hash() for client in here))
        assert len(set(hashes)) == 1, hashes
        return hashes[0]

    hash_ = await eventually(equal, f"all documents of {room} are equal", deadline=60)
    contents = await asyncio.gather(*(client.content() for client in here))
    assert all(content == contents[0] for content in contents), "equal hashes, and content that is not"
    assert not contents[0].waiting, "something waits"
    return contents[0], hash_


async def _presence(scene: Scene) -> None:
    """Everybody sees exactly those who are there."""

    async def exact() -> bool:
        for room in ROOMS:
            here = [writer for writer in scene.everybody if writer.room == room]
            seen = await asyncio.gather(*(writer.client.names() for writer in here))
            names = {writer.user for writer in here}
            wrong = {w.user: view ^ names for w, view in zip(here, seen, strict=True) if view != names}
            assert not wrong, wrong
        return True

    await eventually(exact, "everybody sees exactly those who are there", deadline=60)


async def _is_whole(scene: Scene, room: str, content: Content) -> None:
    """What was acknowledged, or typed by who is still there, is in the room, once; and nothing else is."""
    found = content.text.split(";")[:-1]
    marks = set(found)
    assert len(marks) == len(found), "something is there twice"
    writers = [writer for writer in scene.writers if writer.room == room]
    chairs = [chair for chair in scene.chairs if chair.room == room]
    gone = [writer for writer in scene.outcasts if writer.room == room]
    promised = set().union(*(chair.promises for chair in chairs), *(writer.promises for writer in (*writers, *gone)))
    assert promised <= marks, f"lost: {sorted(promised - marks)}"
    for writer in writers:
        assert writer.marks(writer.typed) <= marks, f"lost, though its author is there: {writer.user}"
        assert content.map.get(writer.user) == writer.typed - 1, f"the last count of {writer.user} is not the last"
    may = set().union(*(writer.marks(writer.typed) for writer in (*writers, *gone))) - scene.late
    may |= {f"{author.name}:{n}" for chair in chairs for author in chair.authors for n in range(author.sent)}
    assert marks <= may, f"nobody may have typed this here: {sorted(marks - may)}"
    strangers = content.map.keys() - {writer.user for writer in (*writers, *gone)}
    assert not strangers, f"nobody may have counted here: {strangers}"
    assert await _seen_by_a_stranger(scene, room) == content.text, "a stranger sees something else"
    for viewer in (viewer for viewer in scene.viewers if viewer.room == room):
        await eventually(lambda: _reads(viewer, marks), f"{viewer.user} has read everything", deadline=60)  # noqa: B023
        assert viewer.saved == 0 or viewer.saved < viewer.typed, f"{viewer.user} was told that its edits are saved"
    written = scene.server.authors(room) & {viewer.user for viewer in scene.viewers}
    assert not written, f"in the log: {written}"
    scene.counts[f"acknowledged in {room}"] = len(promised)


async def _reads(viewer: Writer, marks: set[str]) -> bool:
    """Whether it has these marks, and its own."""
    return set((await viewer.client.content()).text.split(";")[:-1]) - viewer.marks(viewer.typed) == marks


async def _has_every_promise(scene: Scene) -> None:
    """The room in which nobody else remembers what an author was promised."""
    authors = [author for chair in scene.chairs if chair.room == ALONE for author in chair.authors]
    found = (await _seen_by_a_stranger(scene, ALONE)).split(";")[:-1]
    promised = set().union(*(author.promises for author in authors))
    assert promised <= set(found), f"lost: {sorted(promised - set(found))}"
    assert set(found) <= {f"{author.name}:{n}" for author in authors for n in range(author.sent)}
    assert len(set(found)) == len(found), "something is there twice"
    scene.counts[f"acknowledged in {ALONE}"] = len(promised)


async def _seen_by_a_stranger(scene: Scene, room: str) -> str:
    shown = lasting("stranger", room, "viewer")
    stranger = await (await RawClient.yjs(scene.server.ws_url, room, token=shown)).synced()
    text = stranger.text()
    await stranger.close()
    return text


async def _is_deleted(scene: Scene, room: str) -> None:
    """Who comes with something is sent away."""
    late = await RawClient.hocuspocus(scene.server.ws_url, room, token=lasting("late", room))
    await late.update(wire.Typist(client=9).type("late;"))
    await eventually(lambda: any("deleted" in why for why in late.denials), f"{room} is deleted")
    await late.close()


def _verified(scene: Scene) -> dict[str, str]:
    """The exact state hash of each room, by `motet verify`, which finds nothing wrong."""
    command = [sys.executable, "-m", "motet", "verify", "--hash", "--data", str(scene.server.data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: hash_ for hash_, name in re.findall(r"^([0-9a-f]{64})\s+(\S+)$", done.stdout, re.MULTILINE)}


def _rows(scene: Scene) -> None:
    """Sequence numbers without a gap, from the snapshot on; nothing of a deleted room."""
    with contextlib.closing(sqlite3.connect(f"file:{scene.server.data / 'motet.db'}?mode=ro", uri=True)) as store:
        rooms = dict(store.execute("SELECT id, name FROM rooms"))
        snapshots = dict(store.execute("SELECT room, seq FROM snapshots"))
        rows = store.execute("SELECT room, MIN(seq), MAX(seq), COUNT(*) FROM log GROUP BY room").fetchall()
    assert not set(rooms.values()) & set(scene.deleted)
    for room, first, last, count in rows:
        assert count == last - first + 1, f"a gap in {rooms[room]}"
        assert first <= snapshots.get(room, 0) + 1, f"rows of {rooms[room]} are missing before {first}"


async def _outcasts(scene: Scene) -> None:
    """While links could be made and held, each tried at most twice, and then once for each time that it was held."""
    for writer in scene.outcasts:
        report = await writer.client.report()
        for began, ended in _spans(scene.excuses, report.attempts[0] / 1000):
            attempts = sum(began <= at / 1000 < ended for at in report.attempts)
            assert attempts <= 2 + (ended - began) // HOLD, (writer.user, writer.client.kind, began, ended, report)
    for writer in scene.outcasts[:-KEPT]:
        await writer.client.destroy()


def _spans(excuses: Iterable[tuple[float, float]], since: float) -> list[tuple[float, float]]:
    """The times between the excuses."""
    spans, at = [], since
    for began, ended in sorted(excuses):
        if began > at:
            spans.append((at, began))
        at = max(at, ended)
    return spans


def _process(scene: Scene) -> None:
    log = scene.server.log()
    for wrong in ("Traceback", '"unexpected"', "divergence_found"):
        assert wrong not in log, "\n".join(line for line in log.splitlines() if wrong in line)[:4000]
    grown = max(scene.memory) - min(scene.memory)
    assert grown <= GROWTH, f"{grown >> 20} MiB more"
