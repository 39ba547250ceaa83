"""Errors over HTTP: problem documents (RFC 9457), whoever raised them."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from motet.errors import MotetError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = "5"
"""Seconds: what answers that mean "later" advise."""

_LATER = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


def problem(status: HTTPStatus, detail: str, code: int | None = None) -> JSONResponse:
    """A problem document; `code` is the WebSocket close code that says the same."""
    body: dict[str, str | int] = {"title": status.phrase, "status": status.value, "detail": detail}
    if code is not None:
        body["code"] = code
    headers = {"Cache-Control": "no-store"}
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status in _LATER:
        headers["Retry-After"] = RETRY_AFTER
    return JSONResponse(body, status.value, headers, MEDIA_TYPE)


def answer_with_problems(app: FastAPI) -> None:
    """Whatever is raised on the way to an answer becomes a problem document."""

    @app.exception_handler(MotetError)
    async def ours(request: Request, error: MotetError) -> JSONResponse:
        return problem(error.status, str(error), error.code)

    @app.exception_handler(HTTPException)
    async def of_the_framework(request: Request, error: HTTPException) -> JSONResponse:
        return problem(HTTPStatus(error.status_code), str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def of_the_request(request: Request, error: RequestValidationError) -> JSONResponse:
        # Where and what, never the input itself.
        found = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(found))
