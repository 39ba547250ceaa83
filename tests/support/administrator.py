"""An administrator at the API of a served Motet."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from support.server import MotetServer
from support.tokens import token


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class AdministratorClient:
    """Asks the API, as an administrator of all rooms unless another token is given."""

    def __init__(self, server: MotetServer, shown: str = "") -> None:
        self._server = server
        self.shown = shown or token("root", "admin")

    def ask(
        self, method: str, path: str, body: object = None, raw: bytes | Iterable[bytes] | None = None, **headers: str
    ) -> Answer:
        """One request to a path below /api/v1; `body` is sent as JSON, `raw` as it is. A header that is "" is not
        sent."""
        sent = {"authorization": f"Bearer {self.shown}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        if body is not None:
            raw = json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=30)
        try:
            connection.request(
                method, f"/api/v1{path}", raw, {k: v for k, v in sent.items() if v}, encode_chunked=raw is not None
            )
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def done(self, method: str, path: str, body: object = None) -> None:
        """One request that succeeds."""
        answer = self.ask(method, path, body)
        assert answer.status in (200, 201, 204), answer

    def set_role(self, room: str, user: str, role: str | None) -> None:
        """Gives the user a role in the room, or (None) takes it back."""
        path = f"/rooms/{quote(room)}/roles/{quote(user, safe='')}"
        self.done("DELETE" if role is None else "PUT", path, None if role is None else {"role": role})
