"""Paths in which a slash may be part of a room's name."""

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


def _room(name: str) -> str:
    if not is_room_name(name):
        raise ValueError("a room name is 1-256 bytes of UTF-8 without control characters")
    return name


RoomInPath = Annotated[str, Path(), BeforeValidator(_decoded), AfterValidator(_room)]
"""A room's name in the path."""
InPath = Annotated[str, Path(), BeforeValidator(_decoded)]
"""Any other name in the path."""
