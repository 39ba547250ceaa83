"""What belongs to every HTTP request: its id, its trace, and an answer even where something went wrong that nobody
designed."""

from __future__ import annotations

import re
from http import HTTPStatus
from secrets import token_hex
from typing import Final
from urllib.parse import unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from motet.api.paths import API
from motet.api.problems import problem
from motet.observability import UNTRACED, Errors, Trace, Tracing, on_behalf_of

REQUEST_ID: Final = "X-Request-ID"
TRACEPARENT: Final = "traceparent"

_HARMLESS = re.compile(r"[A-Za-z0-9._:=@/+-]{1,128}")


def request_id(headers: Headers) -> str:
    """The id that a proxy gave the request, if it gave one and that can do no harm in a log; else a new one.

    The gateway lets only trusted proxies say it.
    """
    given = headers.getlist(REQUEST_ID)
    return given[0] if len(given) == 1 and _HARMLESS.fullmatch(given[0]) else token_hex(8)


class Requests:
    """Around the routes, and within what changes a request on its way to them."""

    def __init__(self, app: ASGIApp, errors: Errors, tracing: Tracing | None) -> None:
        self._app = app
        self._errors = errors
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        id = request_id(headers)
        trace = self._begin(scope, headers, id)
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = id
            await send(message)

        with on_behalf_of(id):
            try:
                with trace:
                    await self._app(scope, receive, answer)
            except Exception as error:  # noqa: BLE001 - the edge: one request's fault stays with it
                self._errors.report(error, "http", room=_room(scope), event=_what(scope))
                if not status:  # else the half of an answer is all there is, and the server ends the connection
                    fault = problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error", request=id)
                    await fault(scope, receive, answer)
            finally:
                trace.tell(route=_what(scope), status=status)
                trace.end()

    def _begin(self, scope: Scope, headers: Headers, id: str) -> Trace:
        """Calls of the API are traced; pages, probes and scrapes are not."""
        if self._tracing is None or not scope["path"].startswith(scope.get("root_path", "") + API):
            return UNTRACED
        return self._tracing.begin(f"HTTP {scope['method']}", headers.get(TRACEPARENT), request=id)


def _what(scope: Scope) -> str:
    """The method and the route, once it is found: never the path, which is whatever somebody sent."""
    return f"{scope['method']} {getattr(scope.get('route'), 'path', '')}".rstrip()


def _room(scope: Scope) -> str:
    return unquote(str(scope.get("path_params", {}).get("room", "")))
