"""Names in paths and bodies: of rooms, in whose paths a slash may be part of the name, of users, of tokens."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote

from fastapi import Path
from pydantic import AfterValidator, BeforeValidator
from starlette.types import ASGIApp, Receive, Scope, Send

from motet.ids import is_room_name

API = "/api/"


class EncodedPaths:
    """Has the API's routes match the path as it was sent, so that each name in it is decoded once, by its route: a room
    `a/b` may be written `a/b`, or `a%2Fb` where a route would read the slash otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(scope.get("root_path", "") + API):
            scope = {**scope, "path": scope["raw_path"].decode("ascii")}
        await self._app(scope, receive, send)


def _decoded(value: str) -> str:
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("not percent-encoded UTF-8") from None


def _bounded(name: str) -> str:
    if not is_room_name(name):  # users' and tokens' ids have the same bounds, where grants come from
        raise ValueError("a name is 1-256 bytes of UTF-8 without control characters")
    return name


Name = Annotated[str, AfterValidator(_bounded)]
"""The name of a room, the id of a user or a token."""
InPath = Annotated[str, Path(), BeforeValidator(_decoded), AfterValidator(_bounded)]
"""The same, percent-encoded in the path. A room's may have slashes, any other's are `%2F` there."""
