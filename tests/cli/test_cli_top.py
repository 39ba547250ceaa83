"""`motet top`, at a server that a test makes up, at a real one, and in a terminal."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cli_harness import Outcome, motet
from rich.console import Console

from motet.api.models import Rooms
from motet.cli.top import _table
from support.server import StartMotet, free_port
from support.sockets import RawClient
from support.tokens import SECURED, token
from support.waiting import eventually
from support.wire import Typist

SHOWN = "shown.token.of-an-administrator"


def room(name: str, **known: object) -> dict[str, object]:
    """A room as the API lists it."""
    counts = {"people": 2, "members": 3, "rate": 4.5, "bytes": 48_200, "seq": 1207, "log_rows": 207, "behind": 0}
    return {"room": name, **counts, "lag": 0.0042, "idle": None, "suspended": False, **known}


def totals(**known: object) -> dict[str, object]:
    """The server in numbers, as the API has it."""
    counts = {"connections": 7, "people": 5, "members": 6, "rooms": 2, "behind": 1, "journal_bytes": 2048}
    rates = {"updates_per_second": 1234.5, "bytes_in_per_second": 51_300.0, "loop_lag": 0.0021}
    latencies = {"peer_p50": 0.0003, "peer_p99": 0.004, "durable_p50": None, "durable_p99": 1.25}
    return counts | rates | latencies | {"slowed": 4} | known


@dataclass
class FakeServer:
    """What is told, and what was asked for. Tests write the first and read the second."""

    rooms: list[dict[str, object]] = field(default_factory=lambda: [room("notes/first")])
    loaded: int = 1
    reasons: dict[str, str] = field(default_factory=dict)
    found: dict[str, object] = field(default_factory=lambda: {"divergences": 0, "exceptions": 0, "keys_failing": False})
    answer: tuple[int, bytes] | None = None
    """Instead of all others."""
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def of(self, path: str) -> tuple[int, bytes]:
        """The answer to a GET with a good token."""
        self.asked.append(path)
        if self.answer is not None:
            return self.answer
        if urlsplit(path).path == "/api/v1/rooms":
            return 200, json.dumps({"loaded": self.loaded, "rooms": self.rooms}).encode()
        now = {"version": "9.8.7", "started": 1000.0, "now": 8200.0, "ready": not self.reasons}
        since = dict.fromkeys(self.reasons, 8000.0)
        told = now | {"reasons": self.reasons, "since": since, "totals": totals()} | self.found
        return 200, json.dumps(told).encode()


def problem(status: int, detail: str) -> tuple[int, bytes]:
    """A problem document."""
    return status, json.dumps({"title": "No", "status": status, "detail": detail}).encode()


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """A server that a test tells what to say."""
    told = FakeServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            good = self.headers["authorization"] == f"Bearer {SHOWN}"
            status, body = told.of(self.path) if good else problem(401, "this is no signed token")
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


def top(url: str, *arguments: object, shown: str = SHOWN) -> Outcome:
    """One look; the token is in the environment, and in nothing that is said."""
    outcome = motet("top", url, *arguments, env={"MOTET_TOKEN": shown} if shown else {})
    assert not shown.strip() or shown.strip() not in outcome.out + outcome.err
    return outcome


def test_without_a_terminal_it_is_printed_once(fake: FakeServer) -> None:
    """The server in three lines, then a line for each room, whose names are not cut."""
    long = "notes/" + "x" * 200
    fake.rooms = [room(long), room("[red]b[/red]", idle=75.0, lag=None, bytes=900), room("c", suspended=True)]
    fake.loaded = 5
    outcome = top(fake.url)
    assert (outcome.code, outcome.err) == (0, "")
    lines = [line.rstrip() for line in outcome.out.splitlines()]
    assert lines[:4] == [
        "motet 9.8.7, up 2:00:00, ready",
        "7 connections, 5 people, 6 members, 1 behind, slowed 4 times",
        "1,234.5 updates/s, 51.3 kB/s in, 2.0 kB wait for the disk, loop lag 2.1 ms",
        "to peers p50 0.3 ms p99 4.0 ms, to disk p50 - p99 1.2 s",
    ]
    assert " ".join(lines[5].split()) == f"{long} 2 0 4.5 48.2 kB 1207 207 4.2 ms"
    assert " ".join(lines[6].split()) == "[red]b[/red] 2 0 4.5 900 bytes 1207 207 - 0:01:15"
    assert lines[7].split()[-1] == "suspended"
    assert lines[8:] == ["and 2 more"]


@pytest.mark.parametrize("by", ["rate", "people", "bytes", "behind", "lag"])
def test_rooms_are_sorted_by_what_is_asked_for(fake: FakeServer, by: str) -> None:
    """By the server, which knows all of them."""
    assert top(fake.url, "--by", by, "--once").code == 0
    assert [parse_qs(urlsplit(path).query) for path in fake.asked] == [{}, {"by": [by], "top": ["200"]}]


@pytest.mark.parametrize("width", [72, 80, 120])
def test_in_a_narrow_terminal_names_are_cut_and_numbers_are_not(width: int) -> None:
    """Each room has one line, which fits."""
    listed = Rooms.model_validate({"loaded": 1, "rooms": [room("notes/" + "x" * 200, seq=123456, idle=75.0)]})
    console = Console(width=width, file=io.StringIO())
    console.print(_table(listed.rooms))
    title, row = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert " ".join(title.split()) == "room people behind edits/s size seq log rows to disk idle"
    name, *numbers = row.split()
    assert name.startswith("not")
    assert name.endswith("…")
    assert " ".join(numbers) == "2 0 4.5 48.2 kB 123456 207 4.2 ms 0:01:15"


def test_what_is_wrong_is_in_the_first_line(fake: FakeServer) -> None:
    """In the server's words, without what a terminal would obey."""
    fake.reasons = {"disk": "1 byte is free", "store": "\x1b[2Jno"}
    fake.found = {"divergences": 3, "exceptions": 2, "keys_failing": True}
    fake.rooms, fake.loaded = [], 0
    first, *_, last = top(fake.url).out.splitlines()
    assert first == (
        "motet 9.8.7, up 2:00:00, not ready: 'disk: 1 byte is free; store: \\x1b[2Jno', "
        "divergences: 3, exceptions: 2, the keys of tokens cannot be fetched"
    )
    assert last == "no room is loaded"


def test_a_server_under_a_prefix_is_asked_there(fake: FakeServer) -> None:
    """As one behind a proxy."""
    fake.answer = problem(404, "nothing here")
    outcome = top(f"{fake.url}/collaboration/")
    assert (outcome.code, outcome.err) == (1, "motet: the server answers 404: nothing here\n")
    assert fake.asked == ["/collaboration/api/v1/status"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (problem(401, "the token has expired"), "the server does not take this token: the token has expired"),
        (problem(403, "not yours"), "the token is no administrator's of all rooms ('**=admin'): not yours"),
        (problem(503, "the keys cannot be fetched"), "the server answers 503: the keys cannot be fetched"),
        (problem(503, "\x1b[2J"), "the server answers 503: '\\x1b[2J'"),
        ((502, b"<h1>Bad Gateway</h1>"), "what answers at URL/api/v1/status is no Motet: HTTP 502"),
        ((307, b""), "what answers at URL/api/v1/status is no Motet: HTTP 307"),
        ((200, b"<h1>Welcome</h1>"), "what answers at URL is no Motet of this version"),
        ((200, b'{"version": "0.0.1"}'), "what answers at URL is no Motet of this version"),
    ],
)
def test_an_answer_that_is_none_is_told_in_words(fake: FakeServer, answer: tuple[int, bytes], said: str) -> None:
    """One line, exit code 1."""
    fake.answer = answer
    outcome = top(fake.url)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.replace(fake.url, "URL") == f"motet: {said}\n"


def test_a_server_that_is_not_there_is_told_in_words() -> None:
    """With the address that was tried."""
    url = f"http://127.0.0.1:{free_port()}"
    outcome = top(url)
    assert outcome.code == 1
    assert outcome.err.startswith(f"motet: cannot reach {url}: ")


@pytest.mark.parametrize(
    ("url", "shown", "said"),
    [
        ("http://x", "", "there is no token to show: set MOTET_TOKEN"),
        ("http://x", " \n", "there is no token to show: set MOTET_TOKEN"),
        ("http://x", "a\nb", "the token has characters that no token has"),
        ("http://x", "schlüssel", "the token has characters that no token has"),
        ("ws://x/ws", SHOWN, "'ws://x/ws' must begin with http:// or https://"),
        ("localhost:8000", SHOWN, "'localhost:8000' must begin with http:// or https://"),
        ("http://x:y", SHOWN, "'http://x:y' is no address"),
        ("http://me:password@x", SHOWN, "the address must not hold a user or password"),
    ],
)
def test_what_cannot_be_asked_with_is_told_before_anything_is_asked(url: str, shown: str, said: str) -> None:
    """And never the token."""
    outcome = top(url, shown=shown)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(f"motet: {said}")


def test_the_token_may_be_an_option_or_come_with_the_end_of_its_line(fake: FakeServer) -> None:
    """As `MOTET_TOKEN=$(cat file)` and files have it. A mistake in another option does not show it."""
    assert motet("top", fake.url, "--token", SHOWN).code == 0
    assert top(fake.url, shown=f"{SHOWN}\n").code == 0
    mistaken = motet("top", fake.url, "--token", SHOWN, "--by", "name")
    assert mistaken.code == 2
    for told in (mistaken, motet("top", "--help", env={"MOTET_TOKEN": SHOWN})):
        assert SHOWN not in told.out + told.err


class Terminal:
    """A `motet top` in a terminal of 100 columns and 14 lines."""

    def __init__(self, url: str) -> None:
        ours, theirs = pty.openpty()
        env = {**os.environ, "MOTET_TOKEN": SHOWN, "TERM": "xterm", "COLUMNS": "100", "LINES": "14"}
        command = [sys.executable, "-m", "motet", "top", url]
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
        os.close(theirs)
        self.said = ""
        self._reading = threading.Thread(target=self._read, args=(ours,))
        self._reading.start()

    def _read(self, ours: int) -> None:
        with contextlib.suppress(OSError):  # EIO is the end
            while data := os.read(ours, 65536):
                self.said += data.decode()
        os.close(ours)

    def wait_for(self, text: str) -> None:
        """Until it is on the screen, after what was waited for before."""
        end = time.monotonic() + 30
        while text not in self.said:
            assert self.process.poll() is None, self.said[-2000:]
            assert time.monotonic() < end, f"no {text!r} in {self.said[-2000:]!r}"
            time.sleep(0.02)
        self.said = self.said.partition(text)[2]

    def end(self) -> int:
        """The exit code."""
        code = self.process.wait(30)
        self._reading.join()
        return code


@pytest.fixture
def terminal(fake: FakeServer) -> Iterator[Terminal]:
    """In front of the fake."""
    shown = Terminal(fake.url)
    yield shown
    shown.process.kill()
    shown.end()


def test_in_a_terminal_it_is_live_until_ctrl_c(fake: FakeServer, terminal: Terminal) -> None:
    """What changes is seen at the next look, as many rooms as there are lines, and the screen is given back."""
    terminal.wait_for("notes/first")
    fake.rooms, fake.loaded = [room("notes/second")], 12
    terminal.wait_for("notes/second")
    terminal.wait_for("and 11 more")
    assert parse_qs(urlsplit(fake.asked[-1]).query) in ({}, {"by": ["rate"], "top": ["8"]})
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 0
    assert "\x1b[?1049l" in terminal.said
    assert SHOWN not in terminal.said
    assert "Traceback" not in terminal.said


def test_in_a_terminal_a_server_that_is_away_is_waited_for(fake: FakeServer, terminal: Terminal) -> None:
    """What was seen last stays, with how old it is."""
    terminal.wait_for("up 2:00:00, ")
    fake.answer = problem(503, "being stopped")
    terminal.wait_for("the server answers 503: being stopped; as it was ")
    terminal.wait_for("notes/first")
    fake.answer = None
    terminal.wait_for("up 2:00:00, ")


def test_in_a_terminal_a_grant_that_has_ended_is_the_end(fake: FakeServer, terminal: Terminal) -> None:
    """Coming back unchanged will not help."""
    terminal.wait_for("notes/first")
    fake.answer = problem(401, "the token has expired")
    assert terminal.end() == 1
    assert "the server does not take this token: the token has expired" in terminal.said


async def test_a_real_server_is_shown_as_it_is(start_motet: StartMotet) -> None:
    """To its administrators, with the room in which somebody types."""
    server = start_motet(SECURED)
    typist, author = Typist(7), await RawClient.yjs(server.ws_url, "notes/real", token=token("ada"))
    await author.synced()

    async def is_shown() -> bool:
        await author.update(typist.type("x"))
        outcome = top(server.http_url, "--by", "people", shown=token("root", "admin"))
        assert outcome.code == 0, outcome.err
        (row,) = [line.split() for line in outcome.out.splitlines() if line.startswith("notes/real ")]
        first, second, *_ = outcome.out.splitlines()
        assert first.startswith("motet ")
        assert second.startswith("1 connections, 1 people, 1 members, 0 behind, ")
        assert row[1:3] == ["1", "0"]
        return float(row[3]) > 0 and int(row[6]) > 0

    await eventually(is_shown, "the room, its rate and what is on disk")
    assert "no administrator's of all rooms" in top(server.http_url, shown=token("ada")).err
    await author.close()
