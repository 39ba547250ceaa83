"""The pages: `/`, the demo and the console. What browsers are told of every answer is in `Guarded`."""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from importlib.resources import files
from os import PathLike, stat_result
from pathlib import Path
from secrets import token_urlsafe
from typing import Final

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from motet.api.paths import API

WEB: Final = files("motet") / "web"

ANEW: Final = {"Cache-Control": "no-cache"}
"""Pages are asked for anew each time (their assets are named by content), so an upgrade is seen at once."""

NOTHING: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of what is no page."""
OWN: Final = f"{NOTHING}; script-src 'self'; img-src 'self' data:; connect-src 'self'"
"""Files of this server, and its sockets; nothing inline, nothing from elsewhere, in no frame."""
CONSOLE: Final = f"{OWN}; style-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
DEMO: Final = f"{OWN}; style-src 'self' 'nonce-{{nonce}}'"
"""Its editor (CodeMirror) makes its style sheet itself, and shows a nonce for it."""
NONCE: Final = "%nonce%"
"""In a page: what is in the policy of this answer, and in no other."""

_HEADERS: Final = {
    "Content-Security-Policy": NOTHING,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_INLINE: Final = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)


class Guarded:
    """Tells browsers of every answer how little may be done with it, unless the answer says otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_api = scope["type"] == "http" and scope["path"].startswith(scope.get("root_path", "") + API)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if is_api:
                    headers.setdefault("Cache-Control", "no-store")  # it is about people, and for one reader
            await send(message)

        await self._app(scope, receive, guarded)


def add_pages(app: FastAPI) -> None:
    """The routes of the pages."""
    welcome = (WEB / "index.html").read_text("utf-8")
    told = {**ANEW, "Content-Security-Policy": _policy_of(welcome)}

    @app.get("/", include_in_schema=False)
    async def index() -> HTMLResponse:
        return HTMLResponse(welcome, headers=told)

    @app.get("/demo", include_in_schema=False)
    async def demo() -> RedirectResponse:
        return RedirectResponse("demo/")

    @app.get("/console", include_in_schema=False)
    async def console() -> RedirectResponse:
        return RedirectResponse("console/")

    app.mount("/demo", _Pages("demo", DEMO), name="demo")
    app.mount("/console", _Pages("console", CONSOLE), name="console")


def _policy_of(page: str) -> str:
    """For a page that is a single file: exactly the style and the script that are in it."""
    allowed = [
        f"{kind}-src 'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"
        for kind, text in _INLINE.findall(page)
    ]
    return "; ".join((NOTHING, *allowed, "img-src data:"))


class _Pages(StaticFiles):
    def __init__(self, name: str, policy: str) -> None:
        super().__init__(directory=str(WEB / name), html=True)
        self._policy = policy

    def file_response(
        self, full_path: PathLike[str] | str, stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        path = Path(full_path)
        if path.suffix != ".html":
            response = super().file_response(full_path, stat_result, scope, status_code)
            response.headers.update(ANEW)
            return response
        nonce = token_urlsafe(16)  # never the one of another answer, so there is no 304 either
        told = {**ANEW, "Content-Security-Policy": self._policy.format(nonce=nonce)}
        return HTMLResponse(path.read_text("utf-8").replace(NONCE, nonce), status_code, told)
