"""Plays histories of real Yjs into replicas: shuffled, duplicated, batched, cut, parked, reopened and compacted."""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from motet.crdt.replica import Replica, Touched, read_state_vector
from motet.crdt.replica.scan import scan
from motet.varint import write

FUZZ = Path(__file__).parent / "fuzz"


def node() -> str:
    """Node, with the packages of the fuzzer installed; skips where there is none, fails in CI."""
    path = shutil.which("node")
    reason = "Node is not installed" if path is None else ""
    if path is not None:
        with (FUZZ / "package-lock.json").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of a parallel run share the folder
            reason = _install()
    if path is None or reason:
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def _install() -> str:
    """Installs the packages unless they are there; why it could not."""
    if (FUZZ / "node_modules" / "yjs" / "package.json").exists():
        return ""
    command = ["npm", "ci", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=FUZZ, capture_output=True, text=True, check=False)
    return f"npm ci failed: {done.stderr[-500:]}" if done.returncode else ""


@dataclass(frozen=True, slots=True)
class History:
    """What histories.mjs writes for a seed."""

    seed: int
    updates: list[tuple[int, bytes]]
    late: list[bytes]
    vectors: list[bytes]
    fulls: list[bytes]
    reference: bytes
    lagging: bytes
    lagging_vector: bytes

    @classmethod
    def read(cls, path: Path) -> list[History]:
        """All histories of a file."""
        return [
            cls(
                seed=h["seed"],
                updates=[(author, bytes.fromhex(update)) for author, update in h["updates"]],
                late=[bytes.fromhex(update) for update in h["late"]],
                vectors=[bytes.fromhex(vector) for vector in h["vectors"]],
                fulls=[bytes.fromhex(full) for full in h["fulls"]],
                reference=bytes.fromhex(h["reference"]),
                lagging=bytes.fromhex(h["lagging"]),
                lagging_vector=bytes.fromhex(h["laggingVector"]),
            )
            for h in json.loads(path.read_text())
        ]


def drain(replica: Replica, update: bytes, author: int) -> int:
    """take_slowly, to its end."""
    return drain_steps(replica.take_slowly(update, author))


def drain_steps(steps: Generator[None, None, int]) -> int:
    """The answer of what goes in steps."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return int(done.value)


def survey_slowly(replica: Replica, update: bytes) -> Touched:
    """touching, to its end."""
    steps = replica.touching(update)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            seen: Touched = done.value
            return seen


class Player:
    """Plays one history, and keeps what the checker wants to see."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._random = random.Random(history.seed)
        self._replica = Replica()
        self._tickets: set[int] = set()
        self._news: list[bytes] = []
        self._authors: list[list[bytes]] = []

    def play(self) -> dict[str, object]:
        """The whole history; the row for check.mjs."""
        history, rnd = self._history, self._random
        sequence = self._sequence()
        batch = rnd.random() < 0.5
        midway, cut_at, i = None, rnd.randrange(len(sequence) + 1), 0
        while i < len(sequence):
            n = rnd.choice((1, 2, 5, 10)) if batch else 1
            for author, update in sequence[i : i + n]:
                self._take(update, author)
            self._listen()
            if i <= cut_at < i + n:
                midway = self._replica.diff(history.lagging_vector)
            i += n
            self._disturb()
        assert not self._replica.waiting_bytes and not self._tickets
        self._compact()
        for update in history.late:  # an offline client comes back after a compaction
            self._take(update, len(history.vectors))
            self._listen()
        return self._row(midway)

    def _sequence(self) -> list[tuple[int, bytes]]:
        """The updates: shuffled, or in each author's order; some twice; some inside a bigger one."""
        history, rnd = self._history, self._random
        updates = list(history.updates)
        mode = rnd.random()
        if mode < 0.4:
            rnd.shuffle(updates)
        elif mode < 0.8:
            queues = [[u for u in updates if u[0] == author] for author in {author for author, _ in updates}]
            updates = []
            while queues:
                queue = rnd.choice(queues)
                updates.append(queue.pop(0))
                queues = [q for q in queues if q]
        again = rnd.sample(updates, len(updates) // 4)
        for update in again:
            updates.insert(rnd.randrange(len(updates) + 1), update)
        if rnd.random() < 0.5:
            updates.insert(rnd.randrange(len(updates)), (0, history.lagging))
        return updates

    def _take(self, update: bytes, author: int) -> None:
        slowly = self._random.random() < 0.2
        ticket = drain(self._replica, update, author) if slowly else self._replica.take(update, author)
        assert ticket >= 0
        if ticket:
            assert self._replica.take(update, author) == ticket, "a duplicate has the same ticket"
            self._tickets.add(ticket)

    def _listen(self) -> None:
        news = self._replica.news()
        if news is None:
            return
        for update in (news.update, *[update for _, update in news.authors]):
            scan(update, {})
        self._news.append(news.update)
        self._authors.append([update for _, update in news.authors])
        self._tickets -= set(news.ripe)

    def _disturb(self) -> None:
        rnd, replica = self._random, self._replica
        if rnd.random() < 0.03 and not replica.waiting_bytes:
            self._replica = Replica.load(replica.encode())
        elif rnd.random() < 0.03 and not replica.waiting_bytes:
            self._replica = Replica.open(replica.encode(), replica.sidecar())
            assert self._replica.encode() == replica.encode()
            assert self._replica.state_vector() == replica.state_vector()
        elif rnd.random() < 0.05:
            self._compact()

    def _compact(self) -> None:
        for _ in self._replica.compact():
            pass
        assert self._replica.garbage == 0

    def _row(self, midway: bytes | None) -> dict[str, object]:
        history, replica, rnd = self._history, self._replica, self._random
        row: dict[str, object] = {
            "diffs": [replica.diff(vector).hex() for vector in history.vectors],
            "lagging": replica.diff(history.lagging_vector).hex(),
            "midway": midway.hex() if midway else None,
            "cuts": [replica.diff(self._any_vector()).hex() for _ in range(3)],
            "chunks": [chunk.hex() for chunk in replica.chunks(history.lagging_vector, rnd.choice((64, 512, 1 << 20)))],
            "encoded": replica.encode().hex(),
            "news": [update.hex() for update in self._news],
            "authors": [[update.hex() for update in updates] for updates in self._authors],
            "vector": replica.state_vector().hex(),
        }
        self._compact()
        row["compacted"] = replica.encode().hex()
        for full in (*history.fulls, history.reference):  # they bring the implicit deletes
            assert replica.take(full, 0) == 0
        row["hash"] = replica.state_hash()
        assert Replica.load(replica.encode()).state_hash() == row["hash"]
        self._compact()
        assert replica.state_hash() == row["hash"]
        return row

    def _any_vector(self) -> bytes:
        clocks = read_state_vector(self._replica.state_vector())
        cut = {client: self._random.randrange(clock + 1) for client, clock in clocks.items()}
        return write(len(cut)) + b"".join([write(client) + write(clock) for client, clock in cut.items()])


def wrongs(first: int, count: int, scratch: Path) -> dict[str, list[int]]:
    """Plays the histories of `count` seeds, and what check.mjs has against the outcome: nothing, if all is well."""
    histories, replicas = scratch / f"histories{first}.json", scratch / f"replicas{first}.json"
    run = node()
    subprocess.run([run, "histories.mjs", str(first), str(count), str(histories)], cwd=FUZZ, check=True)
    replicas.write_text(json.dumps([Player(history).play() for history in History.read(histories)]))
    judged = subprocess.run(
        [run, "check.mjs", str(histories), str(replicas)], cwd=FUZZ, check=True, capture_output=True, text=True
    )
    verdict: dict[str, list[int]] = json.loads(judged.stdout)
    return verdict
