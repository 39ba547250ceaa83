"""Refusals that do not become reconnect loops."""

from __future__ import annotations

import asyncio

from gateway_harness import BINARY, CLOSE, Raw, Running, message, request, running

from motet.errors import Forbidden
from motet.gateway import Connection, GatewaySettings, Refusal, Upgrade
from motet.gateway.holding import HoldingPen
from support.waiting import eventually


def attempts_of_a_client_that_ignores_codes(pen: HoldingPen, settings: GatewaySettings, seconds: float) -> list[float]:
    """When y-websocket 1.5 comes: 100 ms after every end of a socket that had opened."""
    now, attempts = 0.0, []
    while now < seconds:
        attempts.append(now)
        held = pen.refuse("token", now)
        assert held is not None
        now += held + 0.1
        if held:
            pen.release()
    return attempts


def test_a_client_that_ignores_codes_comes_four_times_a_minute() -> None:
    """[G1] In any minute, for as long as it tries."""
    settings = GatewaySettings()
    attempts = attempts_of_a_client_that_ignores_codes(HoldingPen(settings), settings, 600)
    assert max(sum(1 for t in attempts if start <= t < start + 60) for start in attempts) <= 4


def test_only_repetitions_are_held() -> None:
    """[G1] Within a minute, by the same key."""
    pen = HoldingPen(GatewaySettings())
    assert pen.refuse("a", 0.0) == 0.0
    assert pen.refuse("b", 1.0) == 0.0
    assert pen.refuse("a", 2.0) == 25.0
    assert pen.refuse("b", 62.0) == 0.0
    assert pen.held == 1


def test_who_was_refused_by_any_of_its_names_comes_again() -> None:
    """[G1] An application hands out a new token for each attempt; and an old token no longer says whose it is."""
    pen = HoldingPen(GatewaySettings())
    assert pen.refuse("user ada\ntoken 1", 0.0) == 0.0
    assert pen.refuse("user ada\ntoken 2", 1.0) == 25.0
    assert pen.refuse("token 2", 2.0) == 25.0
    assert pen.refuse("token 3", 3.0) == 0.0


def test_the_pen_is_bounded() -> None:
    """[G1] Beyond max_held a repetition gets no place; beyond max_hold_keys the oldest refusal is forgotten."""
    pen = HoldingPen(GatewaySettings(max_held=1, max_hold_keys=2))
    assert [pen.refuse("a", 0.0), pen.refuse("a", 1.0), pen.refuse("a", 2.0)] == [0.0, 25.0, None]
    pen.release()
    assert pen.refuse("a", 3.0) == 25.0
    for key in ("b", "c"):
        pen.refuse(key, 4.0)
    assert pen.refuse("a", 5.0) == 0.0


def test_the_second_window_of_somebody_who_is_sent_away_is_no_repetition() -> None:
    """[G1] It was open before the first was refused; who comes back after that is held."""
    pen = HoldingPen(GatewaySettings())
    assert pen.refuse("a", 10.0, since=1.0) == 0.0
    assert pen.refuse("a", 10.1, since=9.0) == 0.0
    assert pen.refuse("a", 11.0, since=10.5) == 25.0


async def refuse(upgrade: Upgrade) -> Connection:
    """Refuses everybody; the path is the key."""
    raise Refusal(Forbidden("not for you"), (message(b"denied"),), key=upgrade.path)


async def told(server: Running) -> Raw:
    """A client that was told why."""
    raw = await server.open("/ws/a")
    assert await raw.next() == (BINARY, b"denied")
    return raw


async def test_the_first_refusal_is_quick_and_a_repetition_is_held_after_it_was_told() -> None:
    """[G1] Both hear the reason at once and end with the error's code; what they send is dropped."""
    async with running(refuse, hold_seconds=0.3) as server:
        first = await told(server)
        assert await first.close_code() == (4403, "not for you")
        second = await told(server)
        second.frame(BINARY, b"my state")
        second.frame(BINARY, bytes(100_000))
        assert server.gateway.statistics().held == 1
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await second.close_code() == (4403, "not for you")
        assert loop.time() - began > 0.2
        second.writer.close()
        await eventually(lambda: server.gateway.statistics().held == 0, "its place is free")


async def test_a_held_client_that_leaves_frees_its_place() -> None:
    """[G1] With a CLOSE or without one."""
    async with running(refuse) as server:
        await (await told(server)).close_code()
        for leave in (lambda raw: raw.frame(CLOSE), lambda raw: raw.abort()):
            raw = await told(server)
            assert server.gateway.statistics().held == 1
            leave(raw)
            await eventually(lambda: server.gateway.statistics().held == 0, "its place is free")


async def test_beyond_the_bound_it_is_429() -> None:
    """[G1] On which the clients that loop wait for 2.5 s."""
    async with running(refuse, max_held=1) as server:
        await (await told(server)).close_code()
        held = await told(server)
        raw = await server.connect()
        raw.send(request("/ws/a"))
        status, head, body = await raw.answer()
        assert status == 429 and b"Retry-After:" in head and b"not for you" in body
        held.abort()


async def test_a_stop_does_not_wait_for_the_held() -> None:
    """[G1] They are sent away like everybody."""
    async with running(refuse) as server:
        await (await told(server)).close_code()
        held = await told(server)
        server.server.stop()
        assert (await held.close_code())[0] == 1012
