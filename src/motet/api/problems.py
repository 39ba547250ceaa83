"""Errors over HTTP: problem documents (RFC 9457), whoever raised them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from motet.errors import MotetError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = "5"
"""Seconds: what answers that mean "later" advise."""
SHOWN = 500
"""Characters of what is wrong with a request: it names fields that were sent."""

_LATER = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class Problem(BaseModel):
    """Why there is no other answer."""

    title: str
    status: int
    detail: str
    code: int | None = None
    """The WebSocket close code that says the same."""
    request: str | None = None
    """The id of the request, where there is more about it in the log."""


def problem(
    status: HTTPStatus,
    detail: str,
    code: int | None = None,
    headers: Mapping[str, str] | None = None,
    request: str | None = None,
) -> JSONResponse:
    """A problem document, with these headers and those that its status wants."""
    body = Problem(title=status.phrase, status=status.value, detail=detail, code=code, request=request)
    headers = {"Cache-Control": "no-store", **(headers or {})}
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status in _LATER:
        headers["Retry-After"] = RETRY_AFTER
    return JSONResponse(body.model_dump(exclude_none=True), status.value, headers, MEDIA_TYPE)


def described(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer, for its description."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {status.value: {"description": status.phrase, "content": content} for status in statuses}


def answer_with_problems(app: FastAPI) -> None:
    """Whatever is raised on the way to an answer becomes a problem document; what nobody designed, in `requests`."""

    @app.exception_handler(MotetError)
    async def ours(request: Request, error: MotetError) -> JSONResponse:
        return problem(error.status, str(error), error.code)

    @app.exception_handler(HTTPException)
    async def of_the_framework(request: Request, error: HTTPException) -> JSONResponse:
        return problem(HTTPStatus(error.status_code), str(error.detail), headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def of_the_request(request: Request, error: RequestValidationError) -> JSONResponse:
        # Where and what, never the input itself.
        found = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(found)[:SHOWN])
