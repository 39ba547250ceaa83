"""The HTTP application over a store in memory, asked with paths exactly as a client would send them."""

from __future__ import annotations

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
        looks = Inspection(self.hub, Recent())
        history = History(self.hub.counts, self.hub.histograms, self.clock())
        console = Console(self.hub, looks, acts, history, Documents())
        self.app = build(console, lambda: 0, Origins(settings.allowed_origins, loopback_pages=False))
        return self

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
        path, _, query = target.partition("?")
        path = self.root_path + path
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"host": "motet.test", "x-request-id": "r1", **given}
        if bearer is not None:
            sent.setdefault("authorization", f"Bearer {bearer or self.token()}")
        if body is not None:
            raw = json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": self.root_path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": ("192.0.2.7", 0),
            "server": ("motet.test", 80),
        }
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
