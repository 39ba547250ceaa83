"""The HTTP application over a store in memory, asked with paths exactly as a client would send them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from motet.access import KIND, Access, Authenticator, Origins, Rulings, built_in
from motet.access.keys import secret_key
from motet.access.tokens import TokenAccess
from motet.api import Console, build
from motet.config import Settings
from motet.crdt import Documents
from motet.errors import Unavailable
from motet.ids import RoomName
from motet.observability import Event, History, Recent
from motet.persistence import Journal, Kind, MemoryStore, Row
from motet.rooms import Administration, Hub, Inspection, Keeper
from support.tokens import SECRET, token
from support.waiting import eventually

NOW = 1_800_000_000.0
PAGE = "https://app.example"


@dataclass
class Clock:
    """A clock that stands until it is set."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


class FailingStore(MemoryStore):
    """A store that can be told to fail at records."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = False

    async def put_record(self, kind: str, key: str, value: bytes | None) -> None:
        if self.fails:
            raise Unavailable("no space left on device")
        await super().put_record(kind, key, value)


@dataclass(frozen=True)
class Answer:
    """What was answered; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def detail(self) -> str:
        """Of a problem document, which this must be, whole."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.headers["cache-control"] == "no-store"
        assert self.json["status"] == self.status
        assert self.json["title"]
        return str(self.json["detail"])


@dataclass
class Api:
    """A server without sockets, whose clock and store are in the test's hand."""

    store: FailingStore = field(default_factory=FailingStore)
    clock: Clock = field(default_factory=Clock)
    events: list[Event] = field(default_factory=list)
    root_path: str = ""

    async def start(self, source: Authenticator | None = None) -> Api:
        """Starts, or starts again, with what the store holds; grants are those of tokens unless given."""
        roles = built_in()
        source = source or TokenAccess([secret_key(SECRET.encode(), frozenset())], None, roles, self.clock)
        self.access = Access(source, roles, Rulings.of(await self.store.records(KIND)), self.clock, is_open=False)
        settings = Settings(auth_cookie="motet", allowed_origins=(PAGE,))
        self.journal = Journal(self.store, 1 << 20, lambda: None)
        self.hub = Hub(settings, self.store, self.journal, self.access, lambda room: None, self.events.append)
        acts = Administration(self.hub, lambda user: None, Keeper(self.hub, lambda: 1 << 40).compact)
        self.recent, self.documents = Recent(), Documents()
        self.looks = Inspection(self.hub, self.recent)
        history = History(self.hub.counts, self.hub.histograms, self.clock())
        self.console = Console(self.hub, self.looks, acts, history, self.documents)
        self.app = build(self.console, lambda: 0, Origins(settings.allowed_origins, loopback_pages=False))
        return self

    async def close(self) -> None:
        """Ends what goes on by itself."""
        await self.documents.close()
        await self.journal.close()

    def stream(self, target: str, bearer: str = "") -> Stream:
        """A request whose answer goes on."""
        return Stream(self.app, self._scope("GET", target, {"authorization": f"Bearer {bearer or self.token()}"}))

    async def fill(self, room: str) -> None:
        """A room with something in it."""
        await self.store.append([Row(RoomName(room), "", 0, Kind.UPDATE, b"\0\0")])

    def token(self, rooms: Mapping[str, str] | str = "admin", user: str = "root", **claims: object) -> str:
        """A good token at this moment of the clock, but for these claims."""
        times = {"iat": self.clock.now - 60, "exp": self.clock.now + 3600}
        return token(user, rooms, **{**times, **claims})

    async def ask(
        self,
        method: str,
        target: str,
        body: object = None,
        bearer: str | None = "",
        raw: bytes | None = None,
        **headers: str,
    ) -> Answer:
        """One request, by an administrator of everything unless `bearer` is another token or None.

        `target` is sent as it is. `body` is sent as JSON, `raw` as it is.
        """
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"host": "motet.test", "x-request-id": "r1", **given}
        if bearer is not None:
            sent.setdefault("authorization", f"Bearer {bearer or self.token()}")
        if body is not None:
            raw = json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        scope = self._scope(method, target, sent)
        chunks = [raw[i : i + 16384] for i in range(0, len(raw), 16384)] if raw else [b""]
        incoming = [{"type": "http.request", "body": c, "more_body": c is not chunks[-1]} for c in chunks]
        sent_back: list[Any] = []

        async def receive() -> Any:
            return incoming.pop(0)

        async def send(message: Any) -> None:
            sent_back.append(message)

        await self.app(scope, receive, send)
        head, *rest = sent_back
        found = {name.decode(): value.decode() for name, value in head["headers"]}
        return Answer(head["status"], found, b"".join(part.get("body", b"") for part in rest))

    def _scope(self, method: str, target: str, headers: Mapping[str, str]) -> dict[str, Any]:
        path, _, query = target.partition("?")
        path = self.root_path + path
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": self.root_path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("192.0.2.7", 0),
            "server": ("motet.test", 80),
        }


class Stream:
    """The events of an answer that goes on, whose reader reads as it likes."""

    def __init__(self, app: Any, scope: dict[str, Any]) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.reads = asyncio.Event()
        """Whether the reader reads."""
        self.reads.set()
        self._gone = asyncio.Event()
        self._body_sent = False
        self._task = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if not self._body_sent:
            self._body_sent = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        self.body += message.get("body", b"")

    def events(self, name: str) -> list[Any]:
        """What the events of this name said, so far."""
        told = [event.split("\n", 1) for event in self.body.decode().split("\n\n") if event]
        return [json.loads(data.removeprefix("data: ")) for kind, data in told if kind == f"event: {name}"]

    async def has(self, count: int, name: str = "status") -> list[Any]:
        """Waits for so many events."""
        return await eventually(
            lambda: self.events(name)[:count] if len(self.events(name)) >= count else None, f"{count} x {name}"
        )

    @property
    def ended(self) -> bool:
        return self._task.done()

    async def end(self) -> None:
        """Waits for the server's end."""
        await asyncio.wait_for(self._task, 30)

    async def leave(self) -> None:
        """The reader goes."""
        self._gone.set()
        await self.end()
