"""The models beside the real npm clients: in one scene, with a server that only says its lines, both say the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sim_stage import Stage, awareness, entries, kind
from websockets.asyncio.server import Request, ServerConnection, serve

from motet.simulation.client import Client
from motet.simulation.client_traits import (
    HOCUSPOCUS_2_15,
    HOCUSPOCUS_3_4,
    HOCUSPOCUS_4_8,
    Y_WEBSOCKET_1_5,
    Y_WEBSOCKET_2_1,
    Y_WEBSOCKET_3_1,
    HocuspocusTraits,
    YjsTraits,
)
from motet.sync import HOCUSPOCUS, YJS
from support import wire
from support.node import NodeClient, NodeClients
from support.waiting import eventually

pytestmark = pytest.mark.node

ROOM, OTHER = "room", 77
MODELS: dict[str, YjsTraits | HocuspocusTraits] = {
    "y-websocket-1": Y_WEBSOCKET_1_5,
    "y-websocket-2": Y_WEBSOCKET_2_1,
    "y-websocket-3": Y_WEBSOCKET_3_1,
    "hocuspocus-provider-2": HOCUSPOCUS_2_15,
    "hocuspocus-provider-3": HOCUSPOCUS_3_4,
    "hocuspocus-provider-4": HOCUSPOCUS_4_8,
}
ASKED_FOR_TOKENS = ("hocuspocus-provider-3", "hocuspocus-provider-4")

Said = tuple[str, object]


class Lines:
    """What the server says in the scene, in one dialect."""

    def __init__(self, hocuspocus: bool) -> None:
        self.hocuspocus = hocuspocus
        self._speak = HOCUSPOCUS if hocuspocus else YJS
        self._document = ROOM if hocuspocus else ""
        self.question = self._speak.sync_step1(self._document, wire.EMPTY_VECTOR)

    def welcome(self) -> list[bytes]:
        synced = [self._speak.sync_step2(self._document, wire.EMPTY_UPDATE)]
        if not self.hocuspocus:
            return synced
        status = HOCUSPOCUS.sync_status(ROOM, ok=True)
        return [HOCUSPOCUS.authenticated(ROOM, readonly=False), *synced, status]

    def present(self, *told: tuple[int, int, str]) -> bytes:
        return self._speak.awareness(self._document, awareness(*told))

    def query(self) -> bytes:
        return wire.varint(wire.QUERY_AWARENESS) if not self.hocuspocus else HOCUSPOCUS.query_awareness(ROOM)

    def denied(self) -> list[bytes]:
        """Behind one status too many."""
        status = [HOCUSPOCUS.sync_status(ROOM, ok=True)] if self.hocuspocus else []
        return [*status, self._speak.denied(self._document, "no")]

    def token_request(self) -> list[bytes]:
        return [HOCUSPOCUS.token_request(ROOM)] if self.hocuspocus else []

    def read(self, payload: bytes, me: int) -> Said:
        """A message of the client without what differs from run to run."""
        word = kind(payload, self.hocuspocus)
        if word == "awareness":
            told = entries(payload, self.hocuspocus)
            return word, sorted(("me" if client == me else str(client), *entry) for client, entry in told.items())
        return word, HOCUSPOCUS.decode(payload) if word == "auth" else None


class Recorder:
    """A server that opens sockets when it is let, and keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.attempts = 0
        self.door = asyncio.Event()
        self.door.set()
        self.connection: ServerConnection | None = None
        self.closed_with: int | None = None
        self.url = ""

    async def admit(self, connection: ServerConnection, request: Request) -> None:
        self.attempts += 1
        await self.door.wait()

    async def serve(self, connection: ServerConnection) -> None:
        self.connection = connection
        async for payload in connection:
            assert isinstance(payload, bytes)
            self.heard.append(payload)
        self.closed_with = connection.close_code

    async def say(self, *payloads: bytes) -> None:
        assert self.connection is not None
        for payload in payloads:
            await self.connection.send(payload)


@pytest.fixture
async def recorder() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    async with serve(recorder.serve, "127.0.0.1", 0, process_request=recorder.admit) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        recorder.url = f"ws://127.0.0.1:{port}"
        yield recorder


class Real:
    """The scene with an npm client."""

    def __init__(self, recorder: Recorder, lines: Lines, client: NodeClient, me: int) -> None:
        self.recorder = recorder
        self.lines = lines
        self.client = client
        self.me = me

    async def taken(self) -> list[Said]:
        """What it has said since, first words included; it has said everything when it answers a question."""
        await self.recorder.say(self.lines.question)

        def answered() -> bool:
            return bool(self.recorder.heard) and kind(self.recorder.heard[-1], self.lines.hocuspocus) == "step 2"

        await eventually(answered, "an answer to step 1")
        return self._take()

    async def first_words(self) -> list[Said]:
        words = 3 if self.lines.hocuspocus else 2
        await eventually(lambda: len(self.recorder.heard) >= words, "the first words")
        return self._take()

    async def last_words(self) -> list[Said]:
        await eventually(lambda: self.recorder.closed_with is not None, "the end")
        return self._take()

    def _take(self) -> list[Said]:
        heard, self.recorder.heard = self.recorder.heard, []
        return [self.lines.read(payload, self.me) for payload in heard]


async def act_really(recorder: Recorder, node: NodeClients, name: str, lines: Lines) -> list[list[Said]]:
    """What the real client says in each part of the scene."""
    options: dict[str, Any] = {"token": "t", "tokenFunction": True} if lines.hocuspocus else {"params": {"token": "t"}}
    client = await node.create(name, recorder.url, ROOM, **options)
    scene = Real(recorder, lines, client, (await client.report()).client_id)
    parts = [await scene.first_words()]
    await recorder.say(*lines.welcome())
    parts.append(await scene.taken())
    await client.edit(append="x")
    await client.set_awareness({"name": "ada"})
    parts.append(await scene.taken())
    await recorder.say(lines.present((OTHER, 3, '{"name":"bob"}')))
    await recorder.say(lines.present((OTHER, 3, '{"name":"bob"}')))
    parts.append(await scene.taken())
    await recorder.say(lines.present((scene.me, 1, "null")), lines.query(), *lines.token_request())
    if name in ASKED_FOR_TOKENS:
        await eventually(lambda: any(kind(word, True) == "auth" for word in recorder.heard), "a token")
    parts.append(await scene.taken())

    recorder.door.clear()
    await client.cut()
    await eventually(lambda: recorder.attempts == 2, "a second attempt")
    await client.edit(append="y")
    await client.edit(append="z")
    await client.set_awareness({"name": "eve"})
    recorder.closed_with = None
    recorder.door.set()
    parts.append(await scene.first_words())
    await recorder.say(*lines.welcome())
    parts.append(await scene.taken())

    await recorder.say(*lines.denied())
    if lines.hocuspocus:
        report = await client.wait_until(lambda r: bool(r.denied), "denied")
        parts.append([("unsynced", report.unsynced_changes)])
    await client.destroy()
    parts.append(await scene.last_words())
    return parts


def act(name: str, lines: Lines) -> list[list[Said]]:
    """What the model says."""
    stage = Stage()
    client = stage.client(MODELS[name])
    provider, device = client.providers[0], client.devices[0]

    def say(*payloads: bytes) -> None:
        for payload in payloads:
            stage.line.say(payload)

    def heard() -> list[Said]:
        return [lines.read(payload, device.client) for payload in stage.line.take()]

    def taken() -> list[Said]:
        say(lines.question)
        return heard()

    client.start()
    stage.settle()
    parts = [heard()]
    say(*lines.welcome())
    parts.append(taken())
    edit_once(stage, client)
    client.set_presence(device, {"name": "ada"})
    parts.append(taken())
    say(lines.present((OTHER, 3, '{"name":"bob"}')))
    say(lines.present((OTHER, 3, '{"name":"bob"}')))
    parts.append(taken())
    say(lines.present((device.client, 1, "null")), lines.query(), *lines.token_request())
    stage.settle()
    parts.append(taken())

    stage.server = lambda line: None
    stage.line.shut(1006)
    while len(stage.lines) < 2:
        stage.hours.go(0.05)
    edit_once(stage, client)
    edit_once(stage, client)
    client.set_presence(device, {"name": "eve"})
    stage.line.open()
    stage.settle()
    parts.append(heard())
    say(*lines.welcome())
    parts.append(taken())

    say(*lines.denied())
    if lines.hocuspocus:
        parts.append([("unsynced", provider.unsynced)])
    assert provider.denied_reason == "no"
    client.stop()
    parts.append(heard())
    return parts


def edit_once(stage: Stage, client: Client) -> None:
    """One update."""
    before = len(stage.edits)
    while len(stage.edits) == before:
        client.edit(client.devices[0])


@pytest.mark.parametrize("name", MODELS)
async def test_a_model_says_what_the_real_client_says(name: str, recorder: Recorder, node_clients: NodeClients) -> None:
    lines = Lines(name.startswith("hocuspocus"))
    modelled = act(name, lines)
    real = await act_really(recorder, node_clients, name, lines)
    for number, (ours, theirs) in enumerate(zip(modelled, real, strict=True)):
        assert ours == theirs, f"part {number}"
