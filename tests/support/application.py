"""The application that a server asks who somebody is (MOTET_AUTH_URL), and that is down now and then."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


class Application:
    """Knows every token: `ada` is the user ada, an editor everywhere. While `is_down` it answers 503."""

    def __init__(self) -> None:
        self.is_down = False
        self.asked = 0
        application = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["content-length"])))
                application.asked += 1
                answer = json.dumps({"user": question["token"], "role": "editor"}).encode()
                self.send_response(503 if application.is_down else 200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/grants"

    def __enter__(self) -> Application:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
