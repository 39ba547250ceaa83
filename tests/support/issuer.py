"""An issuer of tokens that publishes its key (MOTET_JWKS_URL), and that does not answer now and then."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support.tokens import claims


class Issuer:
    """Has one key. While it `hangs`, who asks for it waits."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        published = jwt.algorithms.OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        body = json.dumps({"keys": [published]}).encode()
        self._answers = threading.Event()
        self._answers.set()
        answers = self._answers

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if not answers.is_set():
                    answers.wait()
                    self.close_connection = True
                    return  # whoever asked has gone
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks"

    def token(self, user: str, role: str = "editor") -> str:
        """A token of this user for all rooms."""
        return jwt.encode(claims(user, role), self._key, "EdDSA")

    def hangs(self, does: bool) -> None:
        """From now on it does not answer, or does again."""
        (self._answers.clear if does else self._answers.set)()

    def __enter__(self) -> Issuer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._answers.set()
        self._server.shutdown()
        self._server.server_close()
