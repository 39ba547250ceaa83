"""`motet bench` against a real server, in both dialects."""

from __future__ import annotations

import pytest
from cli_harness import motet

from motet.cli.bench import Dialect, Report, run
from motet.errors import Unavailable
from support.server import MotetServer, free_port


@pytest.mark.parametrize(("dialect", "path"), [(Dialect.yjs, "/ws"), (Dialect.hocuspocus, "/hocuspocus")])
def test_every_edit_of_a_bench_reaches_every_peer(shared_server: MotetServer, dialect: Dialect, path: str) -> None:
    """Each counts once for each peer."""
    report = run(shared_server.ws_url + path, dialect, rooms=2, members=3, rate=10, seconds=1)
    assert report.unfinished == 0
    assert len(report.latencies) % 2 == 0  # each edit twice: a room of three
    assert len(report.latencies) >= 2 * report.edits > 0
    assert 0 < report.percentile(0.5) <= report.percentile(1.0)


def test_a_server_that_is_not_there_is_an_error_that_names_it() -> None:
    """One line for the user, not a traceback."""
    url = f"ws://127.0.0.1:{free_port()}/ws"
    with pytest.raises(Unavailable, match=url):
        run(url, Dialect.yjs, rooms=1, members=2, rate=1, seconds=1)


def test_percentiles_of_nothing_are_no_number() -> None:
    """So that a server that delivers nothing does not look fast."""
    nothing = Report(seconds=1.0, edits=0, latencies=[], unfinished=3, generator=0.1)
    assert nothing.percentile(0.99) != nothing.percentile(0.99)


def test_the_command_tells_rate_latencies_and_its_own_load(shared_server: MotetServer) -> None:
    """And a server that is not there is one line."""
    load = ["--rooms", 1, "--rate", 20, "--seconds", 0.5]
    outcome = motet("bench", f"{shared_server.ws_url}/ws", *load)
    assert outcome.code == 0
    first, second, third = outcome.out.splitlines()
    assert "edits/s of 40 asked for, in 1 rooms of 2" in first
    assert all(word in second for word in ("p50 ", "p95 ", "p99 ", "max "))
    assert "of a core" in third
    nowhere = motet("bench", f"ws://127.0.0.1:{free_port()}/ws", *load)
    assert (nowhere.code, nowhere.out) == (1, "")
    assert nowhere.err.startswith("motet: cannot connect to ws://127.0.0.1:")
    assert motet("bench", shared_server.ws_url, "--members", 1).code == 2
