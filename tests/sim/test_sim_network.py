"""The network of the simulation: what arrives when, in which pieces, and who is told of an end."""

from __future__ import annotations

import asyncio
from math import inf
from random import Random

import pytest

from motet.simulation.clock import START, Clock
from motet.simulation.network import CLOSE_SECONDS, KERNEL, Conditions, Far, Link, Near, Network
from motet.simulation.timeline import Timeline
from motet.simulation.websocket import BINARY, CLOSE, PING, PONG, masked

OPENS = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


def frame(payload: bytes, opcode: int = BINARY) -> bytes:
    """A server's frame."""
    assert len(payload) < 126
    return bytes((0x80 | opcode, len(payload))) + payload


class Watcher:
    """Implements network.Watcher."""

    def __init__(self) -> None:
        self.told: list[bytes] = []
        self.heard: list[bytes] = []

    def said(self, link: Link, payload: bytes) -> None:
        self.heard.append(payload)

    def wrote(self, link: Link, data: bytes) -> None:
        self.told.append(data)


class Page:
    """A client. Implements ports.Endpoint."""

    def __init__(self) -> None:
        self.opens = 0
        self.got: list[bytes] = []
        self.ends: list[tuple[int, str]] = []

    def opened(self) -> None:
        self.opens += 1

    def received(self, payload: bytes) -> None:
        self.got.append(payload)

    def ended(self, code: int, reason: str) -> None:
        self.ends.append((code, reason))


class Server(asyncio.Protocol):
    """A protocol that opens every WebSocket and keeps what it gets."""

    def __init__(self, answer: bytes = OPENS) -> None:
        self.answer = answer
        self.request = b""
        self.got: list[bytes] = []
        self.writes = True
        self.lost: list[Exception | None] = []
        self.far: Far

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, Far)
        self.far = transport

    def data_received(self, data: bytes) -> None:
        if self.request:
            self.got.append(data)
        else:
            self.request = data
            self.far.write(self.answer)

    def pause_writing(self) -> None:
        self.writes = False

    def resume_writing(self) -> None:
        self.writes = True

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.append(error)


class Stage:
    """One page and one server, connected. Latency is 0.1 s unless the weather is otherwise."""

    def __init__(self, conditions: Conditions | None = None, answer: bytes = OPENS) -> None:
        self.timeline = Timeline(Clock())
        self.watcher = Watcher()
        self.network = Network(self.timeline, Random(1), self.watcher)
        self.network.weather = lambda: conditions or Conditions(0.1, 0.0)
        self.page, self.server = Page(), Server(answer)
        self.network.listen(lambda: self.server, lambda call: self.timeline.later(0.0, call))
        self.near: Near = self.network.connect("10.0.1.1", "/ws/a", {"origin": "https://a.b"}, self.page)
        self.link = self.network.links[0]
        self.go(1.0)

    def go(self, seconds: float) -> None:
        """Time passes."""
        end = self.timeline.now() + seconds
        while self.timeline.now() < end:
            self.timeline.step(end)

    def sent(self) -> list[bytes]:
        """The client's payloads that the server got, if none is cut."""
        return [data[6:] for data in self.server.got]


def test_a_connection_opens_after_two_trips() -> None:
    """With the request as a browser makes it."""
    stage = Stage()
    assert (stage.page.opens, stage.near.status) == (1, 101)
    assert stage.server.request.startswith(b"GET /ws/a HTTP/1.1\r\n")
    assert b"\r\norigin: https://a.b\r\n" in stage.server.request
    assert stage.server.far.get_extra_info("peername")[0] == "10.0.1.1"


def test_what_either_side_says_arrives_later_and_in_its_order() -> None:
    """However much the latency varies; the watcher hears of it at once."""
    stage = Stage(Conditions(0.1, 5.0))
    stage.go(20.0)
    for number in range(20):
        stage.near.send(b"up %d" % number)
        stage.server.far.write(frame(b"down %d" % number))
    assert stage.watcher.heard == [b"up %d" % number for number in range(20)]
    assert len(stage.watcher.told) == 21
    assert (stage.server.got, stage.page.got) == ([], [])
    stage.go(20.0)
    assert stage.sent() == [b"up %d" % number for number in range(20)]
    assert stage.page.got == [b"down %d" % number for number in range(20)]


def test_two_connections_overtake_each_other() -> None:
    """Each has its own line."""
    stage = Stage(Conditions(5.0, 0.0))
    stage.go(20.0)
    page, server = Page(), Server()
    stage.network.listen(lambda: server, lambda call: stage.timeline.later(0.0, call))
    stage.network.weather = lambda: Conditions(0.1, 0.0)
    near = stage.network.connect("10.0.1.2", "/ws/a", {}, page)
    stage.go(1.0)
    stage.near.send(b"first")
    near.send(b"second")
    stage.go(1.0)
    assert (stage.server.got, len(server.got)) == ([], 1)


@pytest.mark.parametrize("cut", [1, 3, 7])
def test_what_arrives_is_cut_into_pieces_and_nothing_is_lost(cut: int) -> None:
    """In both directions; the head of the answer too."""
    stage = Stage(Conditions(0.1, 0.0, cut))
    assert stage.page.opens == 1
    stage.server.got.clear()
    stage.near.send(b"a message")
    stage.server.far.write(frame(b"an answer") + frame(b"another"))
    stage.go(1.0)
    assert {len(piece) for piece in stage.server.got[:-1]} == {cut}
    assert b"".join(stage.server.got).endswith(masked(BINARY, b"a message"))
    assert stage.page.got == [b"an answer", b"another"]


def test_on_a_silent_line_nothing_arrives_and_nobody_is_told() -> None:
    """Until it is mended."""
    stage = Stage()
    stage.link.conditions.silent = True
    stage.near.send(b"up")
    stage.server.far.write(frame(b"down"))
    stage.go(60.0)
    assert (stage.server.got, stage.page.got, stage.page.ends, stage.server.lost) == ([], [], [], [])
    stage.link.mend()
    assert (stage.sent(), stage.page.got) == ([b"up"], [b"down"])


def test_a_client_that_does_not_read_is_heard() -> None:
    """It gets what it was sent when it reads again."""
    stage = Stage()
    stage.link.conditions.stalled = True
    stage.near.send(b"up")
    stage.server.far.write(frame(b"down"))
    stage.go(1.0)
    assert (stage.sent(), stage.page.got) == ([b"up"], [])
    stage.link.mend()
    assert stage.page.got == [b"down"]


def test_what_waits_for_a_client_that_does_not_read_is_counted_and_the_server_told() -> None:
    """Beyond what lies in the kernel; and again when it is low."""
    stage = Stage()
    far = stage.server.far
    far.set_write_buffer_limits(high=1_000, low=100)
    stage.link.conditions.stalled = True
    sent = 0
    while stage.server.writes:
        far.write(frame(bytes(100)))
        sent += 1
    assert sent * 102 > KERNEL + 1_000
    assert 1_000 < far.get_write_buffer_size() <= 1_102
    stage.link.mend()
    stage.go(1.0)
    assert stage.server.writes
    assert (far.get_write_buffer_size(), len(stage.page.got)) == (0, sent)


def test_a_server_that_does_not_read_is_sent_nothing() -> None:
    """And all of it when it reads again."""
    stage = Stage()
    stage.server.far.pause_reading()
    stage.near.send(b"up")
    stage.go(1.0)
    assert stage.server.got == []
    stage.server.far.resume_reading()
    stage.go(1.0)
    assert stage.sent() == [b"up"]


def test_a_reset_is_told_to_both_sides_and_what_was_under_way_is_lost() -> None:
    """A client sees 1006."""
    stage = Stage()
    stage.near.send(b"up")
    stage.server.far.write(frame(b"down"))
    stage.link.reset()
    stage.go(1.0)
    assert (stage.server.got, stage.page.got) == ([], [])
    assert stage.page.ends == [(1006, "")]
    assert [type(error) for error in stage.server.lost] == [ConnectionResetError]
    assert stage.network.living() == []


def test_when_the_process_dies_its_clients_are_told_and_when_the_machine_dies_they_are_not() -> None:
    """And nobody listens."""
    killed, unplugged = Stage(), Stage()
    killed.network.server_died(told=True)
    unplugged.network.server_died(told=False)
    for stage in (killed, unplugged):
        page = Page()
        stage.network.connect("10.0.1.2", "/ws/a", {}, page)
        stage.go(1.0)
        assert (page.opens, page.ends) == (0, [(1006, "")])
    assert killed.page.ends == [(1006, "")]
    assert unplugged.page.ends == []


def test_a_refusal_is_1006_with_its_status() -> None:
    """As a browser shows it: the socket never opened."""
    stage = Stage(answer=b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    stage.server.far.close()
    stage.go(1.0)
    assert (stage.page.opens, stage.near.status, stage.page.ends) == (0, 503, [(1006, "")])


def test_the_server_closes_with_its_code_and_the_client_answers() -> None:
    """The end of the socket is the end for both."""
    stage = Stage()
    stage.server.far.write(frame((4403).to_bytes(2) + b"no", CLOSE))
    stage.go(1.0)
    assert stage.server.got[-1] == masked(CLOSE, (4403).to_bytes(2))
    assert stage.page.ends == []
    stage.server.far.close()
    stage.go(1.0)
    assert stage.page.ends == [(4403, "no")]
    assert stage.server.lost == [None]


def test_a_client_that_has_closed_does_not_wait_for_ever() -> None:
    """Nor does it send anything more."""
    stage = Stage()
    stage.near.close(1000)
    stage.near.send(b"late")
    stage.go(CLOSE_SECONDS - 0.5)
    assert stage.page.ends == []
    stage.go(1.0)
    assert stage.page.ends == [(1006, "")]
    assert stage.server.got == [masked(CLOSE, (1000).to_bytes(2))]
    assert [type(error) for error in stage.server.lost] == [ConnectionResetError]


def test_a_client_whose_network_is_gone_is_told_nothing() -> None:
    """The server hears of it, unless the line is silent."""
    stage, silent = Stage(), Stage()
    silent.link.conditions.silent = True
    for one in (stage, silent):
        one.near.abort()
        one.go(1.0)
        assert one.page.ends == []
    assert (len(stage.server.lost), silent.server.lost) == (1, [])


def test_a_server_that_aborts_loses_what_it_had_not_sent() -> None:
    """And the client sees 1006."""
    stage = Stage()
    stage.link.conditions.stalled = True
    for _ in range(KERNEL // 100 + 10):
        stage.server.far.write(frame(bytes(100)))
    stage.server.far.abort()
    assert stage.server.far.get_write_buffer_size() == 0
    stage.link.mend()
    stage.go(1.0)
    assert stage.page.ends == [(1006, "")]
    assert stage.server.lost == [None]


def test_a_ping_is_answered_by_the_browser() -> None:
    """The page hears nothing of it."""
    stage = Stage()
    stage.server.far.write(frame(b"?", PING))
    stage.go(1.0)
    assert stage.server.got == [masked(PONG, b"?")]
    assert stage.page.got == []


def test_nothing_of_this_takes_time_of_the_machine() -> None:
    """The stage's clock began where every world's does."""
    stage = Stage()
    stage.go(86_400.0)
    assert stage.timeline.now() == START + 86_401.0
    assert not stage.timeline.step(inf)
