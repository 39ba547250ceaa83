"""Fixtures of the tests over real sockets: servers, npm clients, the browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from support import seeds
from support.debian import program
from support.node import NodeClients, install_packages
from support.server import MotetServer, StartMotet, in_use, serving

seeds.fresh()  # before the workers of a parallel run are started

LOG_SHOWN = 8_000
"""Characters of each server's log that a failed test shows."""


@pytest.fixture
def start_motet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartMotet]:
    """Servers with flags and settings of the test's choice."""
    with ExitStack() as servers:

        def start(
            env: Mapping[str, str] | None = None, flags: Sequence[str] = (), data: Path | None = None
        ) -> MotetServer:
            return servers.enter_context(serving(tmp_path_factory.mktemp("server"), env, flags, data))

        yield start


@pytest.fixture
def motet_server(start_motet: StartMotet) -> MotetServer:
    """A fresh server with default settings, for this test alone."""
    return start_motet()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotetServer]:
    """A server with default settings for tests that neither stop nor count it; each uses its own `room`."""
    with serving(tmp_path_factory.mktemp("shared-server")) as server:
        yield server


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """A room name that no other test uses."""
    return f"test/{request.node.name}"


@pytest.fixture(scope="session")
def node_packages() -> None:
    """The npm packages of tests/node are installed."""
    install_packages()


@pytest.fixture
async def node_clients(node_packages: None) -> AsyncIterator[NodeClients]:
    """The npm clients; at the end none of them may have met a message that it did not understand."""
    clients = await NodeClients.start()
    try:
        yield clients
        assert await clients.complaints() == []
    finally:
        await clients.close()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The executable of Debian's chromium."""
    return program("chromium", "chromium")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what the servers had to say."""
    report = yield
    if report.failed:
        for server in in_use:
            report.sections.append((f"log of the server at port {server.port}", server.log()[-LOG_SHOWN:]))
    return report
