"""What is read of a request's body: JSON of a bounded size."""

from __future__ import annotations

from email.message import Message as Headers
from http import HTTPStatus
from typing import Final

from fastapi import HTTPException, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY: Final = 64 * 1024
"""Bytes. A ruling needs a few hundred; whoever sends more is not yet known to be anybody."""


class BoundedBodies:
    """Ends the reading of a body at MAX_BODY, with 413, however its length was told."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = 0

        async def bounded() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MAX_BODY:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body of more than {MAX_BODY} bytes")
            return message

        await self._app(scope, bounded, send)


def json_only(request: Request) -> None:
    """Refuses (415) what is not declared to be JSON: a form or a plain text can be sent by any page without asking."""
    headers = Headers()
    headers["content-type"] = request.headers.get("content-type", "")
    if headers.get_content_type() != "application/json":
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must be application/json")
