"""One `motet serve` process, as an operator runs it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

STARTUP = 60.0
"""Seconds until /readyz must be green."""
SHUTDOWN = 60.0
"""Seconds until a stopped process must be gone."""
AUTHENTICATION = {
    "MOTET_SECRET",
    "MOTET_SECRET_FILE",
    "MOTET_PUBLIC_KEY_FILE",
    "MOTET_JWKS_URL",
    "MOTET_AUTH_URL",
    "MOTET_AUTH_CALLABLE",
}
"""A server with one of these in its environment is not open."""


def free_port() -> int:
    """A port that nothing listens on, below the range from which the system takes ports for outgoing connections.

    Inside that range a client that keeps reconnecting to a killed server's port can be given the very same port as its
    own, and then is connected to itself.
    """
    for _ in range(200):
        port = random.randrange(10_240, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port between 10240 and 32000")


class MotetServer:
    """A Motet on loopback, in open mode unless `env` says how to tell who someone is.

    `data` and `port` outlive its process, so that it can be started again.
    """

    def __init__(self, data: Path, log: Path, flags: Sequence[str] = (), env: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.port = free_port()
        self.http_url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}"
        self.flags = tuple(flags)
        self.env = dict(env or {})
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that was started last."""
        assert self._process is not None, "the server was never started"
        return self._process

    def command(self) -> list[str]:
        """The command line, for this data directory and port."""
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--data", str(self.data)]
        mode = [] if AUTHENTICATION & self.env.keys() else ["--open"]
        return [sys.executable, "-m", "motet", "serve", *where, *mode, *self.flags]

    def launch(self) -> None:
        """Starts the process and does not wait for it."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MOTET_")}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**clean, **self.env}
            )

    def start(self) -> None:
        """Starts the process and waits until /readyz is green."""
        self.launch()
        end = time.monotonic() + STARTUP
        while self.readiness() != 200:
            assert self.process.poll() is None, f"motet serve ended with {self.process.returncode}:\n{self.log()}"
            assert time.monotonic() < end, f"not ready within {STARTUP:g} s:\n{self.log()}"
            time.sleep(0.03)

    def readiness(self) -> int | None:
        """The status of /readyz; None when nobody answers."""
        try:
            return self.get("/readyz")[0]
        except OSError:
            return None

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a GET. OSError when nobody answers."""
        return self.ask("GET", path)

    def ask(self, method: str, path: str, body: object = None, token: str = "") -> tuple[int, str]:
        """Status and body of a request with a JSON body, by the bearer of a token. OSError when nobody answers."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            headers["content-type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.http_url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()

    def kill(self) -> None:
        """SIGKILL: the machine lost power, as far as the process can tell."""
        self.process.kill()
        self.process.wait(SHUTDOWN)

    def terminate(self) -> None:
        """SIGTERM, without waiting for the end."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """SIGTERM and the end of the drain; the exit code. Nothing happens to a process that has ended."""
        if self.process.poll() is None:
            self.terminate()
            try:
                self.process.wait(SHUTDOWN)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"still draining after {SHUTDOWN:g} s:\n{self.log()}") from None
        return self.process.returncode

    def restart(self) -> None:
        """The same port and data again, after a stop if it still runs."""
        self.stop()
        self.start()

    def log(self) -> str:
        """Everything the process wrote so far, over all its starts."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def rss(self) -> int:
        """Resident bytes of the process now."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))

    def authors(self, room: str) -> set[str]:
        """Who has written a row of the room's log."""
        store = sqlite3.connect(f"file:{self.data / 'motet.db'}?mode=ro", uri=True)
        try:
            rows = store.execute("SELECT author FROM log JOIN rooms ON rooms.id = log.room WHERE name = ?", (room,))
            return {author for (author,) in rows}
        finally:
            store.close()

    def metric(self, name: str) -> int:
        """One value of /metrics, or the sum over its labels."""
        lines = self.get("/metrics")[1].splitlines()
        values = [float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{"))]
        assert values or f"# TYPE {name.removesuffix('_total')}" in "".join(lines), f"no metric {name}"
        return int(sum(values))

    def discard(self) -> None:
        """Ends the process whatever its state; for the end of a test."""
        if self._process is not None and self._process.poll() is None:
            self.kill()


in_use: list[MotetServer] = []
"""What runs now, so that a failed test can show its log."""


@contextlib.contextmanager
def serving(
    home: Path, env: Mapping[str, str] | None = None, flags: Sequence[str] = (), data: Path | None = None
) -> Iterator[MotetServer]:
    """A running server with its data and log in `home`, unless `data` is given; killed in the end if it still runs.

    Nothing that a test does may be an exception that nobody expected: those are logged with their traceback.
    """
    server = MotetServer(data or home / "data", home / "server.log", flags, env)
    in_use.append(server)
    try:
        server.start()
        yield server
        assert "Traceback" not in server.log()
    finally:
        server.discard()
        in_use.remove(server)


class StartMotet(Protocol):
    """Starts a server for this test, ready when it returns: `start_motet({"MOTET_PING_SECONDS": "1"})`."""

    def __call__(
        self, env: Mapping[str, str] | None = None, flags: Sequence[str] = (), data: Path | None = None
    ) -> MotetServer: ...
