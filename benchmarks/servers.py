"""The servers that are measured: how each is started, given its documents, and which version it is."""

import importlib.metadata
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import jwt

from benchmarks.native import BUILD, binary
from benchmarks.processes import SERVER_CORE

PEERS = Path(__file__).parent / "peers"
NODE = PEERS / "node_modules/node/bin/node"  # Hocuspocus 4.7 needs Node 22
MOTET = [sys.executable, "-m", "motet"]
READY_SECONDS = 30.0
STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server runs: its port, its data directory and the directory of the documents it opens with."""

    port: int
    data: Path
    documents: Path


@dataclass(frozen=True, slots=True)
class Server:
    """One server under test."""

    key: str
    title: str
    command: Callable[[Place], list[str]]
    path: str = "/"
    query: Callable[[], str] = str  # after the room's name
    hocuspocus: bool = False
    join_at_a_time: int = 64
    reads_documents: bool = True
    imports: bool = False  # documents go into its data directory before it starts; the others read files


@dataclass(frozen=True, slots=True)
class Running:
    """A server that accepts connections."""

    server: Server
    pid: int
    port: int


# One writer in a closed loop is nobody's keyboard: the rates are there and are charged, but it does not reach them.
_RATES = [f"--{who}-{what}-per-second=1e12" for who, what in product(("connection", "user"), ("frames", "bytes"))]
_SECRET = "a secret of the benchmark, 32 bytes and more"


def _motet(place: Place, *access: str) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(place.port), "--data", str(place.data)]
    return [*MOTET, "serve", *where, *_RATES, *(access or ["--open"])]


def _motet_authenticated(place: Place) -> list[str]:
    secret = place.data.parent / "secret"
    secret.write_text(_SECRET)
    return _motet(place, "--secret-file", str(secret))


def _token() -> str:
    claims = {"sub": "load", "name": "Load", "rooms": {"**": "editor"}, "iat": time.time(), "exp": time.time() + 3600}
    return "?token=" + jwt.encode(claims, _SECRET, "HS256")


SERVERS = {
    server.key: server
    for server in (
        Server("motet", "Motet", _motet, path="/ws/", imports=True),
        Server(
            "motet-authenticated", "Motet, with tokens", _motet_authenticated, path="/ws/", query=_token, imports=True
        ),
        Server(
            "motet-hocuspocus", "Motet, Hocuspocus dialect", _motet, path="/hocuspocus", hocuspocus=True, imports=True
        ),
        Server(
            "relay", "C relay (no CRDT, no disk)", lambda p: [str(binary("relay")), str(p.port)], reads_documents=False
        ),
        Server("hocuspocus", "Hocuspocus", lambda p: [str(NODE), str(PEERS / "hocuspocus.mjs")], hocuspocus=True),
        Server("y-websocket", "y-websocket server", lambda p: [str(NODE), str(PEERS / "y-websocket.cjs")]),
        Server(
            "pycrdt-websocket",
            "pycrdt-websocket",
            lambda p: [sys.executable, str(PEERS / "pycrdt_server.py")],
            join_at_a_time=1,  # with simultaneous joins to a new room its second client never syncs
        ),
    )
}


def install_peers() -> None:
    """`npm ci` in `peers/` unless what the lock file says is there."""
    lock, installed = PEERS / "package-lock.json", PEERS / "node_modules/.package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=PEERS, check=True)
        installed.touch()


def versions() -> dict[str, str]:
    """What really ran, from the installed packages. Raises SystemExit when npm holds more than one yjs."""
    found = {"python": sys.version.split()[0]}
    for package in ("motet", "pycrdt", "pycrdt-websocket", "picows", "uvloop", "uvicorn"):
        found[package] = importlib.metadata.version(package)
    for package in ("@hocuspocus/server", "y-websocket", "yjs", "y-protocols", "node"):
        found[package] = json.loads((PEERS / "node_modules" / package / "package.json").read_text())["version"]
    copies = list(PEERS.glob("node_modules/**/yjs/package.json"))
    if len(copies) != 1:
        raise SystemExit(f"{len(copies)} copies of yjs in {PEERS}: the peers would not be what they say")
    return found


def document(size: int) -> Path:
    """A file with the update of a document of about `size` bytes: many authors, formats, deletes; always the same."""
    file = BUILD / "documents" / f"{size}.yjs"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        made = file.with_suffix(".new")
        subprocess.run([NODE, PEERS / "documents.mjs", str(size), made], check=True)
        made.rename(file)
    return file


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _motet_does(*arguments: str) -> None:
    done = subprocess.run([*MOTET, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"motet {arguments[0]}: {done.stderr.strip()}")


def _prepare(server: Server, place: Place, documents: Mapping[str, Path]) -> None:
    for room, file in documents.items():
        if server.imports:
            _motet_does("import", room, str(file), "--data", str(place.data))
        else:
            (place.documents / f"{room}.yjs").symlink_to(file)
    if server.imports and documents:
        _motet_does("compact", "--data", str(place.data))  # a room of this size has had its snapshot long ago


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-500:]}")


@contextmanager
def running(server: Server, documents: Mapping[str, Path]) -> Iterator[Running]:
    """The server on its core, with a fresh data directory on the disk of this checkout. Raises RuntimeError."""
    BUILD.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix=f"{server.key}-", dir=BUILD))
    place = Place(_free_port(), home / "data", home / "documents")
    place.documents.mkdir()
    environment = {"PORT": str(place.port), "HOST": "127.0.0.1", "DOCUMENTS": str(place.documents)}
    log = home / "log"
    try:
        _prepare(server, place, documents)
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["taskset", "-c", str(SERVER_CORE), *server.command(place)],
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            _await_port(process, place.port, log)
            yield Running(server, process.pid, place.port)
        finally:
            _stop(process)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
