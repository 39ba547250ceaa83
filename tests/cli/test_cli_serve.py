"""`motet serve` and `motet demo` as processes: where they listen, and what they refuse to do."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest
from cli_harness import database, fill, motet
from websockets import InvalidStatus
from websockets.asyncio.client import connect, unix_connect

from support.server import SHUTDOWN, MotetServer, StartMotet, free_port
from support.sockets import RawClient
from support.waiting import eventually
from support.wire import Typist


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for localhost and its key."""
    home = tmp_path_factory.mktemp("tls")
    cert, key = home / "cert.pem", home / "key.pem"
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *name]
    subprocess.run([*command, "-out", cert, "-keyout", key], check=True, capture_output=True)
    return cert, key


@contextmanager
def launched(tmp_path: Path, flags: Sequence[object]) -> Iterator[MotetServer]:
    """A server that is not asked over plain TCP whether it is ready."""
    server = MotetServer(tmp_path / "data", tmp_path / "log", [str(flag) for flag in flags])
    server.launch()
    try:
        yield server
    finally:
        server.discard()


@asynccontextmanager
async def http(base_url: str, **options: object) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the server, once that is ready."""
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, **options) as client:  # type: ignore[arg-type]

        async def ready() -> bool:
            try:
                return (await client.get("/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(ready, "/readyz is green")
        yield client


async def edit_and_see(*connections: RawClient) -> None:
    """Everybody in the room gets what the first of them types."""
    for client in connections:
        client.read()
        await client.sync_step1()
        await client.synced()
    await connections[0].update(Typist(3).type("typed"))
    await eventually(lambda: all(client.text() == "typed" for client in connections[1:]), "the others have it")
    for client in connections:
        await client.close()


# ---- where it listens


async def test_over_tls_both_http_and_websockets_are_served(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    """And nothing else on that port."""
    cert, key = certificate
    trust = ssl.create_default_context(cafile=str(cert))
    with launched(tmp_path, ["--tls-cert", cert, "--tls-key", key]) as server:
        async with http(f"https://localhost:{server.port}", verify=trust) as client:
            assert "Motet" in (await client.get("/")).text
            url = f"wss://localhost:{server.port}/ws/room"
            members = [RawClient(await connect(url, ssl=trust, proxy=None), None, True) for _ in range(2)]
            await edit_and_see(*members)
        with pytest.raises(OSError):
            server.get("/readyz")
        assert json.loads(server.log().splitlines()[0])["url"] == f"https://127.0.0.1:{server.port}"


async def test_a_unix_socket_serves_both_and_is_gone_after_a_stop(tmp_path: Path) -> None:
    """Open mode needs no loopback there: who reaches the socket is up to its directory."""
    path = tmp_path / "motet.sock"
    with launched(tmp_path, ["--uds", path, "--host", "0.0.0.0"]) as server:
        async with http("http://motet", transport=httpx.AsyncHTTPTransport(uds=str(path))) as client:
            assert (await client.get("/demo/")).status_code == 200
            members = [RawClient(await unix_connect(str(path), "ws://motet/ws/room"), None, True) for _ in range(2)]
            await edit_and_see(*members)
        with pytest.raises(OSError):
            server.get("/readyz")
        assert server.stop() == 0
        assert not path.exists()


async def test_under_a_root_path_everything_is_found_with_it_and_without(start_motet: StartMotet) -> None:
    """A proxy may strip it or not."""
    server = start_motet(flags=["--root-path", "/live/motet"])
    for prefix in ("", "/live/motet"):
        for path in ("/", "/healthz", "/readyz", "/metrics", "/demo/", "/demo/app.js"):
            assert server.get(prefix + path)[0] == 200, prefix + path
    assert server.get("/other/healthz")[0] == 404
    with_it = await RawClient.yjs(f"{server.ws_url}/live/motet", "room", read=False, sync=False)
    without = await RawClient.yjs(server.ws_url, "room", read=False, sync=False)
    await edit_and_see(with_it, without)


async def test_flags_win_over_the_environment_and_that_over_the_file(start_motet: StartMotet, tmp_path: Path) -> None:
    """Seen in what the server does: one connection of an address, not two, not three."""
    (tmp_path / "motet.toml").write_text("max_connections = 3\nmax_connections_per_address = 3\nping_seconds = 20\n")
    env = {"MOTET_CONFIG": str(tmp_path / "motet.toml"), "MOTET_MAX_CONNECTIONS_PER_ADDRESS": "2"}
    server = start_motet(env, ["--max-connections-per-address", "1"])
    first = await RawClient.yjs(server.ws_url, "room")
    with pytest.raises(InvalidStatus, match="HTTP 429"):
        await RawClient.yjs(server.ws_url, "room")
    await first.close()


# ---- what it refuses


@pytest.mark.parametrize(
    ("flags", "what_to_do"),
    [
        ([], "add --open"),
        (["--open", "--host", "0.0.0.0"], "--open-to-the-network"),
        (["--open", "--workers", 2], "workers must be 1: a room lives in one process's memory"),
        (["--open", "--tls-cert", "cert.pem"], "both --tls-cert and --tls-key"),
        (["--open", "--tls-cert", "no.pem", "--tls-key", "no.pem"], "--tls-cert names no.pem"),
        (["--open", "--max-room-bytes", 0], "max_room_bytes: "),
        (["--open", "--log-level", "loud"], "log_level: "),
        (["--open", "--port", 99_999], "port: "),
    ],
)
def test_it_does_not_start_with_settings_that_it_must_not_serve_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[object], what_to_do: str
) -> None:
    """It says what to do, and makes nothing."""
    monkeypatch.setattr("motet.cli.serve.LOGS.configure", lambda level: None)  # this process has its own
    outcome = motet("serve", "--data", tmp_path / "data", *flags)
    assert outcome.code == 1
    assert what_to_do in outcome.err
    assert not (tmp_path / "data").exists()


def ends_with_a_line(server: MotetServer) -> str:
    """What a server that cannot start says, which must not be a traceback or leave anything behind."""
    assert server.process.wait(SHUTDOWN) == 1
    lines = server.log().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    """Though the store was open already."""
    with socket.socket() as taken:
        server = MotetServer(tmp_path / "data", tmp_path / "log")
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        server.launch()
        line = ends_with_a_line(server)
    assert line.startswith(f"motet: cannot listen on 127.0.0.1 port {server.port}: ")
    assert "in use" in line


def test_a_certificate_that_is_none_is_one_line(tmp_path: Path) -> None:
    """Before anybody can connect."""
    (tmp_path / "cert.pem").write_text("no certificate")
    with launched(tmp_path, ["--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "cert.pem"]) as server:
        assert "the TLS certificate or key cannot be used" in ends_with_a_line(server)


def test_data_of_a_newer_version_are_one_line(tmp_path: Path) -> None:
    """[P10]"""
    data = fill(tmp_path / "data", a="1")
    with database(data) as connection:
        connection.execute("PRAGMA user_version = 99")
    with launched(tmp_path, []) as server:
        assert "schema 99" in ends_with_a_line(server)


def test_a_second_server_on_one_directory_is_one_line_that_names_the_first(
    shared_server: MotetServer, tmp_path: Path
) -> None:
    """[P2]"""
    second = MotetServer(shared_server.data, tmp_path / "log")
    second.launch()
    line = ends_with_a_line(second)
    assert f"in use by pid {shared_server.process.pid}" in line
    assert "stop that server first" in line
    assert shared_server.readiness() == 200


# ---- demo


def test_the_demo_is_served_on_loopback_whatever_the_settings_say_and_tells_its_address(tmp_path: Path) -> None:
    """It ends at Ctrl-C without a word of Python's."""
    port = free_port()
    command = [sys.executable, "-m", "motet", "demo", "--port", str(port), "--data", str(tmp_path / "data")]
    env = {"MOTET_HOST": "0.0.0.0", "MOTET_OPEN": "false", "PATH": "/usr/bin"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    try:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(2)]
        assert f"http://127.0.0.1:{port}/demo/" in said[1]
        assert httpx.get(f"http://127.0.0.1:{port}/demo/", trust_env=False).status_code == 200
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=SHUTDOWN)
        assert process.returncode == 0
        assert "Traceback" not in rest
    finally:
        process.kill()
