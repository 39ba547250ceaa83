"""uvicorn's HTTP protocol, with bounds on the request head and our own way to upgrade.

uvicorn with httptools bounds neither the size nor the number of headers, nor the time they take.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from motet.gateway.gateway import UNIX, Gateway
from motet.gateway.upgrade import BadUpgrade, parse_upgrade, refused

_END_OF_HEAD = b"\r\n\r\n"
_REQUEST_ID = b"x-request-id"
_FORWARDED_FOR = b"x-forwarded-for"
_TOO_LARGE = "the request head has too many bytes or headers (max_head_bytes, max_headers)"


class _HeadTooLarge(Exception):
    pass


class HttpProtocol(HttpToolsProtocol):
    """One socket until it is upgraded, or to its end."""

    def __init__(
        self,
        gateway: Gateway,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # the application's own, from its lifespan
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._gateway = gateway
        self._head_bytes = 0  # of the lines that are complete
        self._unparsed_bytes = 0  # since the head began; tells the size of a line that never ends
        self._in_head = True
        self._too_large = False
        self._refused = False
        self._newest = b""  # the last bytes that came, as many as end a head
        self._upgrading: asyncio.Task[None] | None = None
        # uvicorn knows the newest request only; this is the one whose answer is under way, or was the last.
        self._answering: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._gateway.head_awaited(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gateway.head_done(self.transport)
        if self._upgrading is not None:
            self._upgrading.cancel()
        if self._answering is not None and self._is_answering():
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._upgrading is not None:
            self._refuse(HTTPStatus.BAD_REQUEST, "bytes before the WebSocket was open")
            return
        self._newest = (self._newest + data[-len(_END_OF_HEAD) :])[-len(_END_OF_HEAD) :]
        super().data_received(data)
        if self._in_head and not self._refused:
            self._unparsed_bytes += len(data)
            if self._unparsed_bytes > self._gateway.settings.max_head_bytes:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = self._unparsed_bytes = 0
        self._in_head = True
        self._gateway.head_awaited(self.transport)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def _count(self, size: int) -> None:
        settings = self._gateway.settings
        self._head_bytes += size
        if self._head_bytes > settings.max_head_bytes or len(self.headers) > settings.max_headers:
            self._too_large = True
            raise _HeadTooLarge  # ends the parsing: uvicorn then calls send_400_response

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._gateway.head_done(self.transport)
        root = self.root_path.encode()
        if root and self.url.startswith(root) and self.url[len(root) : len(root) + 1] in (b"", b"/", b"?"):
            self.url = b"/" + self.url[len(root) :].removeprefix(b"/")
        self.scope["client"] = self._client()
        peer = self.client[0] if self.client else UNIX
        if not self._gateway.settings.is_proxy(peer):
            self.headers[:] = [header for header in self.headers if header[0] != _REQUEST_ID]
        super().on_headers_complete()
        if not self._is_answering():
            self._answering = self.cycle

    def on_response_complete(self) -> None:
        if self.pipeline:
            self._answering = self.pipeline[-1][0]  # the next in line, which uvicorn begins with now
        super().on_response_complete()

    def _is_answering(self) -> bool:
        return self._answering is not None and not self._answering.response_complete

    def _client(self) -> tuple[str, int]:
        """Address and port (0 when not known) of whoever sent this request: on a proxy's connection each may be
        another's."""
        peer, port = self.client or (UNIX, 0)
        forwarded = b",".join(value for name, value in self.headers if name == _FORWARDED_FOR)
        address = self._gateway.settings.client_of(peer, forwarded.decode("latin-1") or None)
        return address, port if address == peer else 0

    def send_400_response(self, msg: str) -> None:
        """What uvicorn does about a request that the parser, or one of the methods above, refused."""
        if self._too_large:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, _TOO_LARGE)
        else:
            self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _refuse(self, status: HTTPStatus, detail: str, *headers: str) -> None:
        """Answers, and reads what still comes to its end or for head_seconds: a reset would destroy the answer."""
        self._refused = True
        if self._upgrading is not None:
            self._upgrading.cancel()
        if self.transport.is_closing():
            return
        self.transport.write(refused(status, detail, *headers))
        if self._upgrading is not None or self._is_answering() or not self.transport.can_write_eof():
            self.transport.close()  # somebody else may still write; and TLS reads to the end by itself
        else:
            self.transport.write_eof()
            self._gateway.head_awaited(self.transport)

    def handle_websocket_upgrade(self) -> None:
        """What uvicorn does at a request that asks for a WebSocket."""
        self.connections.discard(self)
        if not self._newest.endswith(_END_OF_HEAD):
            self._refuse(HTTPStatus.BAD_REQUEST, "bytes before the WebSocket was open")
            return
        if self._is_answering():  # its rest would be read as frames
            self._refuse(HTTPStatus.BAD_REQUEST, "the answer before the WebSocket is under way")
            return
        scope = self.scope
        address = scope["client"][0] if scope["client"] else UNIX
        name = self._gateway.next_id()
        try:
            upgrade = parse_upgrade(scope["method"], self.url, scope["http_version"], self.headers, address, name)
        except BadUpgrade as error:
            self._refuse(error.status, str(error), *error.headers)
            return
        self._upgrading = self._gateway.upgrade(self.transport, upgrade)
        self._refused = self._upgrading is None
        # Nothing that still comes is parsed. The parser holds us, and we hold the socket: uvicorn parts them when that
        # ends, but then it is another protocol's, and all of it would be left to the garbage collector.
        self.parser = None  # type: ignore[assignment]
