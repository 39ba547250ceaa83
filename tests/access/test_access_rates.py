"""Rates: what passes in a window, who waits for whom, and which joins are refused."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from motet.access.rates import JOIN_SECONDS, SLICE_BYTES, SLICE_FRAMES, UNLIMITED, Meter, Rates
from motet.config import Settings
from motet.errors import RateLimited
from motet.ids import RoomName, UserId
from support import seeds

MIB = 1 << 20
ROOM = RoomName("notes/first")
NONE = {name: 0.0 for name in Settings.model_fields if name.endswith("_per_second")}
"""No rate at all."""

NEARLY = 1e-6
"""For the rounding of floats."""


def rates(**given: float) -> Rates:
    """Rates of which only these are set; bursts are of one second unless told otherwise."""
    return Rates(Settings.model_validate({**NONE, "rate_seconds": 1.0, **given}))


def signed_in(rates: Rates, user: str, address: str = "10.0.0.1") -> Meter:
    meter = rates.meter(address)
    meter.identify(UserId(user))
    return meter


def send(meter: Meter, size: int, now: float) -> float:
    """One message, as a connection counts it. Seconds of pause."""
    meter.frames_left -= 1
    meter.bytes_left -= size
    return meter.settle(now) if meter.frames_left < 0 or meter.bytes_left < 0 else 0.0


class Sent(NamedTuple):
    at: float
    who: int
    size: int


def as_fast_as_they_may(
    meters: list[Meter], seconds: float, size: int = 50, costs: float = 0.001, chance: random.Random | None = None
) -> list[Sent]:
    """Everybody sends whenever it is read; a message takes `costs` seconds at the least, and with `chance` up to
    twice that and up to twice the size."""
    log: list[Sent] = []
    turns = [(0.0, who) for who in range(len(meters))]
    while turns[0][0] < seconds:
        now, who = heapq.heappop(turns)
        factor = 1 + chance.random() if chance else 1.0
        log.append(Sent(now, who, int(size * factor)))
        pause = send(meters[who], log[-1].size, now)
        heapq.heappush(turns, (now + max(pause, costs * factor), who))
    return log


def most_over(log: list[Sent], rate: float, of: str) -> float:
    """The most that any window passed beyond its length times the rate."""
    worst = running = 0.0
    before = 0.0
    for sent in log:  # the largest sum of a stretch, where time pays back
        running = max(0.0, running - (sent.at - before) * rate) + (1 if of == "frames" else sent.size)
        before = sent.at
        worst = max(worst, running)
    return worst


# ---- sockets


@pytest.mark.parametrize("seed", [1, 2, 3, seeds.fresh()])
def test_sockets_of_one_user_share_the_users_rate(seed: int) -> None:
    """[X32] However many there are, a window passes the burst, the rate, and two draws of each: one that is owed and
    one that was not charged yet."""
    print(f"{seed=}")
    chance = random.Random(seed)
    rate, sockets = 200.0, chance.choice([1, 2, 10, 40])
    limits = rates(user_frames_per_second=rate, connection_bytes_per_second=1e9)
    log = as_fast_as_they_may([signed_in(limits, "ada") for _ in range(sockets)], seconds=30, chance=chance)
    assert most_over(log, rate, "frames") <= rate + 2 * sockets * (limits.slice_frames + 1)
    assert len(log) >= rate * 30, "and all of the rate is used"


@pytest.mark.parametrize("seed", [1, 2, 3, seeds.fresh()])
def test_bytes_are_counted_as_frames_are(seed: int) -> None:
    """[X30] [X31] Messages of any size, larger than a burst even: the average holds."""
    print(f"{seed=}")
    chance = random.Random(seed)
    rate, size = 100_000.0, chance.choice([10, 5_000, 300_000])
    limits = rates(connection_bytes_per_second=rate)
    log = as_fast_as_they_may([limits.meter("10.0.0.1")], seconds=60, size=size, chance=chance)
    assert most_over(log, rate, "bytes") <= rate + limits.slice_bytes + 2 * size + NEARLY
    assert sum(sent.size for sent in log) >= (rate if size > 10 else 0) * 60 * 0.9


@pytest.mark.parametrize("whose", ["connection", "user", "address"])
@pytest.mark.parametrize("of", ["frames", "bytes"])
def test_each_rate_holds_by_itself(whose: str, of: str) -> None:
    """[X30] [X33] Messages and bytes of a socket, a user and an address, each with a rate and no other one set."""
    rate = 5000.0
    limits = rates(**{f"{whose}_{of}_per_second": rate})
    log = as_fast_as_they_may([signed_in(limits, "ada")], seconds=20, costs=1e-4)
    draw = limits.slice_frames + 1 if of == "frames" else limits.slice_bytes + 50
    assert most_over(log, rate, of) <= rate + 2 * draw
    assert sum(1 if of == "frames" else sent.size for sent in log) >= 20 * rate


def test_a_message_of_64_mib_is_taken_and_paid_afterwards() -> None:
    """[X31] With the default rates: 40 MiB are the burst, the rest is 3 s of the socket's rate."""
    meter = signed_in(Rates(Settings()), "ada")
    assert send(meter, 64 * MIB, 0.0) == pytest.approx(3.0)
    assert send(meter, 50, 3.0) == 0.0


@pytest.mark.parametrize("sockets", [2, 7, 30])
def test_in_a_full_line_everybody_gets_the_same(sockets: int) -> None:
    """[X32] Nobody starves: no socket waits for longer than it takes to pay one draw of each."""
    limits = rates(user_frames_per_second=1000)
    log = as_fast_as_they_may([signed_in(limits, "ada") for _ in range(sockets)], seconds=60)
    counts = Counter(sent.who for sent in log if sent.at >= 10)
    assert len(counts) == sockets
    assert min(counts.values()) >= 0.8 * max(counts.values())
    for who in range(sockets):
        waits = [b.at - a.at for a, b in pairwise(sent for sent in log if sent.who == who)]
        assert max(waits) <= sockets * (limits.slice_frames + 1) / 1000 + NEARLY


def test_one_users_rate_does_not_slow_another() -> None:
    """[X32] Also from the same address, which has no rate unless one is set."""
    limits = rates(user_frames_per_second=100, user_bytes_per_second=1000)
    as_fast_as_they_may([signed_in(limits, "mallory") for _ in range(5)], seconds=10)
    beside = signed_in(limits, "ada")
    alone = signed_in(rates(user_frames_per_second=100, user_bytes_per_second=1000), "ada")
    assert [send(beside, 7, 10 + i / 1000) for i in range(500)] == [send(alone, 7, 10 + i / 1000) for i in range(500)]


def test_people_behind_one_address_are_not_held_for_each_other() -> None:
    """[X33] Two hundred people at 20 messages a second each, with the default rates."""
    limits = Rates(Settings())
    meters = [signed_in(limits, f"user-{i}", "203.0.113.7") for i in range(200)]
    for tick in range(20 * 60):
        assert not any(send(meter, 60, tick / 20) for meter in meters)


def test_an_address_that_has_a_rate_is_held_to_it_whoever_its_users_are() -> None:
    """[X33] Where the operator sets one."""
    limits = rates(address_frames_per_second=100)
    log = as_fast_as_they_may([signed_in(limits, f"user-{i}") for i in range(10)], seconds=30)
    assert most_over(log, 100, "frames") <= 100 + 2 * 10 * (limits.slice_frames + 1)
    elsewhere = signed_in(limits, "user-0", "10.0.0.2")
    assert not any(send(elsewhere, 50, 30.0) for _ in range(100))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("10.0.0.1", "10.0.0.2", False),
        ("not:an:address", "not:an:address", True),
    ],
)
def test_an_ipv6_address_counts_by_its_first_64_bits(one: str, other: str, same: bool) -> None:
    """[X33] The others are the subscriber's own to choose."""
    limits = rates(address_joins_per_second=1)
    assert limits.join(UserId("ada"), one, ROOM, 0.0) == 0.0
    assert (limits.join(UserId("ada"), other, ROOM, 0.0) > 0) == same


def test_nobody_in_particular_has_no_rate() -> None:
    """[X33] The users of open mode are all "", the peers of a unix socket all "unix": one rate would be for all."""
    limits = rates(user_frames_per_second=1, address_frames_per_second=1, user_joins_per_second=1)
    meter = signed_in(limits, "", "unix")
    assert not any(send(meter, 50, 0.0) for _ in range(1000))
    assert not any(limits.join(UserId(""), "unix", ROOM, 0.0) for _ in range(1000))


def test_a_socket_is_charged_to_the_last_user_who_signed_in_on_it_and_once() -> None:
    """[X32] Whatever the number of documents."""
    limits = rates(user_frames_per_second=16)
    meter = signed_in(limits, "ada")
    for _ in range(5):
        meter.identify(UserId("ada"))
    assert not any(send(meter, 50, 0.0) for _ in range(16)), "ada's burst"
    meter.identify(UserId("bob"))
    assert not any(send(meter, 50, 0.0) for _ in range(16)), "bob's burst"
    assert send(signed_in(limits, "bob"), 50, 0.0) == send(signed_in(limits, "ada"), 50, 0.0) == 1 / 16


def test_short_connections_are_charged_too() -> None:
    """[X36] What a socket used is charged when it ends, so that reconnecting avoids nothing."""
    limits = rates(user_frames_per_second=100)
    pauses: list[float] = []
    for _ in range(100):
        meter = signed_in(limits, "ada")
        pauses += [send(meter, 50, 0.0) for _ in range(3)]
        pauses.append(meter.settle(0.0))
    assert max(pauses) == pytest.approx(2.0), "300 messages, of which 100 are the burst"


def test_without_rates_nothing_is_charged() -> None:
    """[X30] 0 is no limit, for messages, joins, edits, presence and broadcasts."""
    limits = rates()
    meter = signed_in(limits, "ada")
    assert (meter.frames_left, meter.bytes_left) == (UNLIMITED, UNLIMITED)
    for _ in range(300):
        assert send(meter, 1 << 29, 0.0) == 0.0
        assert meter.presence(0.0) == meter.broadcast(ROOM, 0.0) == 0.0
        assert limits.join(UserId("ada"), "10.0.0.1", ROOM, 0.0) == 0.0
        assert limits.edited(ROOM, 1000, MIB, 0.0) == 0.0


@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6), st.floats(0.01, 60))
@examples(deadline=None, database=None)
def test_a_slice_is_within_every_rate_and_every_burst(one: float, other: float, seconds: float) -> None:
    """[X30] So that a slow rate is exact to a sixteenth of a second, or to one message."""
    limits = rates(connection_frames_per_second=one, user_frames_per_second=other, rate_seconds=seconds)
    least = min(one, other)
    charged = limits.slice_frames + 1
    assert 1 <= charged <= SLICE_FRAMES
    assert charged == 1 or charged <= min(least / 16, least * seconds)
    assert limits.slice_bytes == UNLIMITED
    assert Rates(Settings()).slice_bytes == SLICE_BYTES - 1


@given(st.floats(1, 5000), st.floats(0.01, 10), st.integers(0, 2**32))
@examples(deadline=None, database=None, max_examples=50)
def test_a_socket_alone_below_its_rates_is_never_held(rate: float, seconds: float, seed: int) -> None:
    """[X31] Although it is charged late, and whatever it waits between messages."""
    chance = random.Random(seed)
    limits = rates(connection_frames_per_second=rate, user_frames_per_second=rate, rate_seconds=seconds)
    meter = signed_in(limits, "ada")
    now = 0.0
    for _ in range(300):
        now += (1 + chance.expovariate(3)) / rate
        assert send(meter, 50, now) <= NEARLY


# ---- presence, broadcasts, edits


def test_presence_has_a_rate_of_its_own() -> None:
    """[X33] By socket."""
    limits = rates(connection_presence_per_second=10)
    meter, other = limits.meter("10.0.0.1"), limits.meter("10.0.0.1")
    assert [meter.presence(0.0) for _ in range(12)] == [0.0] * 10 + [0.1, 0.2]
    assert other.presence(0.0) == 0.0


def test_broadcasts_have_a_rate_by_socket_and_one_by_room_and_the_sender_waits() -> None:
    """[X35] In a room at its rate a sender waits for its own place in line, and other rooms go on."""
    limits = rates(connection_broadcasts_per_second=10, room_broadcasts_per_second=15)
    ada, bob = signed_in(limits, "ada"), signed_in(limits, "bob")
    assert [ada.broadcast(ROOM, 0.0) for _ in range(11)] == [0.0] * 10 + [0.1]
    assert [bob.broadcast(ROOM, 0.0) for _ in range(5)] == [0.0] * 4 + [1 / 15]
    assert bob.broadcast(RoomName("notes/other"), 0.0) == 0.0


def test_edits_over_a_rooms_rate_hold_its_members() -> None:
    """[X35] By number and by bytes, whichever takes longer; another room goes on."""
    limits = rates(room_frames_per_second=100, room_bytes_per_second=1000)
    assert limits.edited(ROOM, 100, 1000, 0.0) == 0.0
    assert limits.edited(ROOM, 50, 100, 0.0) == 0.5
    assert limits.edited(ROOM, 0, 900, 0.0) == 1.0
    assert limits.edited(ROOM, 1, 10, 1.0) > 0.0
    assert limits.edited(RoomName("notes/other"), 100, 1000, 0.0) == 0.0


# ---- joins


@pytest.mark.parametrize("limit", ["user_joins_per_second", "address_joins_per_second", "room_joins_per_second"])
def test_joins_over_a_rate_wait_in_line_and_those_that_would_wait_too_long_are_refused(limit: str) -> None:
    """[X34] The refusal names the limit."""
    limits = rates(**{limit: 10})

    def join() -> float:
        return limits.join(UserId("ada"), "10.0.0.1", ROOM, 0.0)

    assert [join() for _ in range(10)] == [0.0] * 10
    assert [join() for _ in range(50)] == pytest.approx([i / 10 for i in range(1, 51)])
    with pytest.raises(RateLimited, match=limit):
        join()


def test_a_refused_join_takes_no_place_in_any_line() -> None:
    """[X34] So those who come again and again keep nobody from joining."""
    limits = rates(user_joins_per_second=100, room_joins_per_second=1)
    mallory, ada, other = UserId("mallory"), UserId("ada"), RoomName("notes/other")
    refused = 0
    for _ in range(1000):
        try:
            limits.join(mallory, "10.0.0.1", ROOM, 0.0)
        except RateLimited:
            refused += 1
    assert refused == 1000 - 1 - JOIN_SECONDS
    assert limits.join(mallory, "10.0.0.1", other, 0.0) == 0.0, "the user's line is short"
    assert limits.join(ada, "10.0.0.2", ROOM, 1.0) == JOIN_SECONDS, "the room's moves on"


def test_a_storm_of_joins_ends() -> None:
    """[X34] A thousand people who come back to one room as soon as they are refused are all in, at the room's rate."""
    limits = rates(room_joins_per_second=50)
    outside, now, admitted = list(range(1000)), 0.0, 0.0
    while outside:
        still: list[int] = []
        for who in outside:
            try:
                admitted = max(admitted, now + limits.join(UserId(f"user-{who}"), "10.0.0.1", ROOM, now))
            except RateLimited:
                still.append(who)
        outside = still
        now += 1.0
    assert 1000 / 50 - 2 <= admitted <= 1000 / 50 + 1
