"""The npm clients, driven from Python through tests/node/client.mjs."""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.waiting import eventually

NODE_DIR = Path(__file__).parent.parent / "node"

Y_WEBSOCKET = ("y-websocket-1", "y-websocket-2", "y-websocket-3")
HOCUSPOCUS = ("hocuspocus-provider-2", "hocuspocus-provider-3", "hocuspocus-provider-4")
KINDS = Y_WEBSOCKET + HOCUSPOCUS
"""The aliases of tests/node/package.json, which says the exact versions."""


def missing(what: str) -> None:
    """Ends the test that needs `what`: skipped with the reason, or failed where everything must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and CI=true allows no skip", pytrace=False)
    pytest.skip(what)


def install_packages(directory: Path = NODE_DIR) -> None:
    """`npm ci` when node_modules is missing or older than the lock file; safe against parallel test runs."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing("Node and npm are not installed")
    lock, stamp = directory / "package-lock.json", directory / "node_modules" / ".installed"
    with lock.open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if stamp.exists() and stamp.stat().st_mtime >= lock.stat().st_mtime:
            return
        done = subprocess.run(["npm", "ci"], cwd=directory, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            missing(f"npm ci failed in {directory.name}: {done.stderr[-2000:]}")
        stamp.touch()


class NodeError(Exception):
    """The driver could not do what it was asked."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a client's document holds. `state_vector` is sorted; `waiting`: it holds updates whose causes it lacks."""

    text: str
    map: dict[str, Any]
    array: list[Any]
    comments: list[Any]
    state_vector: tuple[tuple[int, int], ...]
    waiting: bool


@dataclass(frozen=True, slots=True)
class Report:
    """A provider's state as it tells its application. From `unsynced_changes` on it is Hocuspocus's."""

    client_id: int
    attempts: tuple[float, ...]
    """When each connection was tried: milliseconds since the epoch."""
    closes: tuple[tuple[int, str], ...]
    refusals: tuple[int, ...]
    """HTTP statuses of refused upgrades."""
    statuses: tuple[str, ...]
    synced: bool
    connected: bool
    connecting: bool
    """It is connected or goes on trying."""
    awareness: dict[int, Any]
    unsynced_changes: int = 0
    unsynced: tuple[int, ...] = ()
    """Every value that unsyncedChanges was announced with."""
    denied: tuple[str, ...] = ()
    scopes: tuple[str | None, ...] = ()
    stateless: tuple[str, ...] = ()
    closed: tuple[dict[str, Any], ...] = ()
    tokens_asked: int = 0
    """How often its token function was called."""


class NodeClient:
    """One provider with its document."""

    def __init__(self, driver: NodeClients, name: str, kind: str) -> None:
        self._driver = driver
        self._key = name
        self.name = name
        """What it calls itself in its awareness state."""
        self.kind = kind

    async def _ask(self, op: str, **arguments: Any) -> Any:
        return await self._driver.ask(op, client=self._key, **arguments)

    async def edit(self, **edits: Any) -> None:
        """Edits by name (see EDITS in client.mjs), each a transaction: `insert=[at, text]`, `append=text`,
        `delete=[at, length]`, `set=[key, value]`, `unset=key`, `push=[values]`, `comment=[values]`; offsets in UTF-16
        units."""
        await self._ask("edit", edits=list(edits.items()))

    async def edit_often(self, edits: list[tuple[str, Any]]) -> None:
        """Any number of edits in one turn of the client's event loop; `("cut", None)` among them is `cut`."""
        await self._ask("edit", edits=edits)

    async def kill_when_saved(self, pid: int, **edits: Any) -> None:
        """Edits; in the callback in which the provider announces that nothing is unsaved it kills `pid`, and leaves for
        good."""
        await self._ask("killWhenSaved", pid=pid, edits=list(edits.items()))

    async def set_awareness(self, state: dict[str, Any] | None) -> None:
        """Replaces its own awareness state."""
        await self._ask("awareness", state=state)

    async def set_token(self, token: str) -> None:
        """What its token function answers from now on (`tokenFunction`)."""
        await self._ask("setToken", token=token)

    async def connect(self) -> None:
        """The provider's own connect()."""
        await self._ask("connect")

    async def attach(self) -> None:
        """Takes the document back to its socket, which 2.15 leaves when it is denied (Hocuspocus)."""
        await self._ask("attach")

    async def disconnect(self) -> None:
        """The provider's own disconnect()."""
        await self._ask("disconnect")

    async def cut(self) -> None:
        """Breaks its TCP connection; the provider reconnects as it likes."""
        await self._ask("cut")

    async def state_hash(self) -> str:
        """The exact state hash of its document, as Yjs computes it."""
        return str(await self._ask("hash"))

    async def destroy(self) -> None:
        """The provider's own destroy(): it leaves for good."""
        await self._ask("destroy")

    async def undo(self) -> None:
        """Undoes what this client did to the text within half a second (Y.UndoManager's captureTimeout)."""
        await self._ask("undo")

    async def report(self) -> Report:
        """What the provider knows now."""
        raw = await self._ask("report")
        return Report(
            client_id=raw["clientId"],
            attempts=tuple(raw["attempts"]),
            closes=tuple((close["code"], close["reason"]) for close in raw["closes"]),
            refusals=tuple(raw["refusals"]),
            statuses=tuple(raw["statuses"]),
            synced=raw["synced"],
            connected=raw["connected"],
            connecting=raw["connecting"],
            awareness=dict(raw["awareness"]),
            unsynced_changes=raw.get("unsyncedChanges", 0),
            unsynced=tuple(raw.get("unsynced", ())),
            denied=tuple(raw.get("denied", ())),
            scopes=tuple(raw.get("scopes", ())),
            stateless=tuple(raw.get("stateless", ())),
            closed=tuple(raw.get("closed", ())),
            tokens_asked=raw.get("tokensAsked", 0),
        )

    async def wait_until(self, condition: Callable[[Report], bool], what: str) -> Report:
        """The first report of which the condition is true."""

        async def fulfilled() -> Report:
            report = await self.report()
            assert condition(report), report
            return report

        return await eventually(fulfilled, f"{self.name}: {what}")

    async def synced(self) -> Report:
        """Waits until it is connected and synced, in its own words."""
        return await self.wait_until(lambda r: r.connected and r.synced, "connected and synced")

    async def saved(self) -> Report:
        """Waits until it says that nothing is unsaved (Hocuspocus)."""
        return await self.wait_until(lambda r: r.synced and r.unsynced_changes == 0, "synced and saved")

    async def names(self) -> set[str]:
        """The names in everybody's awareness state, one's own included."""
        states = (await self.report()).awareness.values()
        return {state["name"] for state in states if state and "name" in state}

    async def content(self) -> Content:
        """What its document holds now."""
        raw = await self._ask("content")
        vector = tuple((client, clock) for client, clock in raw["stateVector"])
        return Content(raw["text"], raw["map"], raw["array"], raw["comments"], vector, raw["waiting"])


class NodeClients:
    """A Node process with any number of clients in it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls) -> NodeClients:
        """Starts the driver; the packages must be installed."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            "node", "client.mjs", cwd=NODE_DIR, stdin=pipe, stdout=pipe, limit=64 << 20
        )
        return cls(process)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            answer = json.loads(line)
            future = self._answers.pop(answer["id"])
            if future.done():
                continue
            if "error" in answer:
                future.set_exception(NodeError(answer["error"]))
            else:
                future.set_result(answer["result"])
        for future in self._answers.values():
            if not future.done():
                future.set_exception(NodeError("the driver has ended"))

    async def ask(self, op: str, **arguments: Any) -> Any:
        """One command and its answer."""
        number = next(self._ids)
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, "op": op, **arguments}).encode() + b"\n")
        await self._process.stdin.drain()
        return await future

    async def create(self, kind: str, ws_url: str, room: str, **options: Any) -> NodeClient:
        """A client of this kind in this room of the server at `ws_url`; it connects at once.

        Options: `gc` (Y.Doc's, true unless given); `params` (y-websocket's query) and `protocols` (not in 1.5); for
        Hocuspocus `token` (`tokenFunction`: by an async function), `query` (of the socket's address),
        `sessionAwareness` and `socketOf` (the name of the client whose socket it shares).
        """
        name = f"{kind}#{next(self._ids)}"
        path = "/ws" if kind in Y_WEBSOCKET else "/hocuspocus"
        await self.ask("create", client=name, kind=kind, url=ws_url + path, room=room, **options)
        return NodeClient(self, name, kind)

    async def complaints(self) -> list[str]:
        """What the providers threw or printed as errors: messages that they did not understand."""
        return list((await self.ask("complaints"))["complaints"])

    async def warnings(self) -> list[str]:
        """What they printed as warnings; y-websocket says there why it was refused."""
        return list((await self.ask("complaints"))["warnings"])

    async def close(self) -> None:
        """Ends the process, and with it every client, without a goodbye."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reader
