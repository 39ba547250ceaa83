"""Members come, edit, echo, drop, reload and vanish; in the end everyone sees exactly who is here."""

import contextlib
import json
import random
from typing import Any

import pytest
from presence_simulation import Client, Room, stamped

from motet.errors import ProtocolViolation
from motet.presence import Identity, Roster, decode, encode
from motet.presence.awareness import Entry
from motet.varint import MAX_SAFE
from support.seeds import fresh

ANYONE = Identity("", "", "")
SEEDS = [1, 2, 3, 4, 5, 6, fresh()]

HEALED = 6.0
"""Simulated seconds after which a fault must be healed: a challenge (2), a round (2.2), a tick, latency."""


def act(room: Room, rng: random.Random, users: list[str]) -> None:
    """One random thing happens to one random client."""
    if len(room.clients) < 2 or (len(room.clients) < 12 and rng.random() < 0.15):
        hidden = rng.random() < 0.2
        room.open(rng.choice(users), rng.choice(["y-websocket", "hocuspocus"]), 60.0 if hidden else 3.0)
        return
    client = rng.choice(room.clients)
    choice = rng.random()
    if choice < 0.6:
        if client.client in client.states:
            client.set_local_state(json.dumps({"user": client.client, "at": rng.randrange(1000)}), room.now)
    elif choice < 0.66:
        client.set_local_state(None, room.now)
        back = room.now + rng.uniform(0.01, 3)
        room.at(back, lambda: client.set_local_state(json.dumps({"user": client.client, "back": True}), room.now))
    elif choice < 0.76:
        room.drop(client, rng.choice([0.1, 0.5, 3.0, 12.0]), rng.choice([0.05, 1.0, 10.0, 40.0]))
    elif choice < 0.84:
        room.fall_behind(client, rng.uniform(0.1, 10))
    elif choice < 0.92:
        room.close_page(client)  # a reload: a new client of the same user
        room.open(client.user, client.kind, client.check_every)
    else:
        room.close_page(client)


def forge(room: Room, rng: random.Random) -> None:
    """Someone says of others' clients what it likes, in the others' names."""
    forger = rng.choice(room.clients)
    others = [c for c in room.shown() if room.users[c] != forger.user]
    if not others:
        return
    entries = []
    for client in rng.choices(others, k=rng.choice((1, 1, 2, 5))):
        known = max(c.clocks.get(client, 0) for c in room.clients)
        clock = rng.choice((0, known - 1, known, known, known + 1, known + 1000, MAX_SAFE))
        owner = room.users[client]
        state = rng.choice(
            ("null", "{}", f'{{"user":{{"id":"{owner}"}}}}', f'{{"\\u0075ser":{{"id":"{owner}"}},"user":0}}')
        )
        entries.append(Entry(client, max(clock, 0), state))
    room.forge(forger, entries)


def read(states: dict[int, str]) -> dict[int, Any]:
    return {client: json.loads(state) for client, state in states.items()}


def seen_by(client: Client) -> dict[int, Any]:
    """What a client shows, and for itself what others should be shown."""
    seen = read(client.states)
    if client.client in seen:
        seen[client.client] = stamped(client.identity, client.states[client.client])
    return seen


def healthy(room: Room) -> list[Client]:
    """Clients to whom nothing has happened for a while."""
    found = []
    for client in room.clients:
        link = room.link_of(client)
        if link is not None and not link.behind and client.client in client.states:
            if room.now - max(link.since, client.updated[client.client]) > HEALED:
                found.append(client)
    return found


@pytest.mark.parametrize("open_mode", [True, False], ids=["open", "authenticated"])
@pytest.mark.parametrize("seed", SEEDS)
def test_in_the_end_everyone_sees_exactly_who_is_here(seed: int, open_mode: bool) -> None:
    """[A1] [A3] [A4] [A6] [A7] [A8] [A9] [A10] [A12] [A16] [A17] And as whom, in every frame."""
    rng = random.Random(seed)
    users = [""] if open_mode else ["ann", "bob", "eve"]
    room = Room(rng)
    seen = 0
    for _ in range(400):
        act(room, rng, users)
        if not open_mode and rng.random() < 0.1:
            room.rename(rng.choice(room.clients))
        if not open_mode and rng.random() < 0.5:
            forge(room, rng)
        room.run(room.now + rng.expovariate(1 / 0.7))
        calm = healthy(room)
        for client in calm:
            assert client.client in room.shown(), f"{client.kind} {client.client} lost at {room.now}"
            for other in calm:
                assert other.client in client.states, (
                    f"{client.kind} {client.client} misses {other.kind} {other.client} at {room.now}"
                )
                seen += 1
    assert seen > 100
    room.run(room.now + 90)
    assert all(room.link_of(client) for client in room.clients)
    assert read(room.shown()) == room.here()
    for client in room.clients:
        assert seen_by(client) == room.here(), f"{client.kind} {client.client}"


@pytest.mark.parametrize("open_mode", [True, False], ids=["open", "authenticated"])
@pytest.mark.parametrize("seed", SEEDS)
def test_tabs_that_relay_for_each_other_own_their_own_entries_in_the_end(seed: int, open_mode: bool) -> None:
    """[A5] Whoever's message came first, a tab that closes takes its own entry with it and leaves the others'."""
    rng = random.Random(seed)
    room = Room(rng)
    for browser in range(3):
        user = "" if open_mode else f"user {browser}"
        tabs = [room.open(user, "y-websocket") for _ in range(3)]
        room.share_browser(tabs)
    for _ in range(150):
        client = rng.choice(room.clients)
        if rng.random() < 0.8:
            client.set_local_state(json.dumps({"user": client.client, "at": rng.randrange(1000)}), room.now)
        else:
            room.drop(client, rng.choice([0.1, 0.5, 3.0]), rng.choice([0.05, 1.0, 40.0]))
        room.run(room.now + rng.expovariate(2))
    room.run(room.now + 60)
    for client in list(room.clients)[::2]:
        room.close_page(client)
    room.run(room.now + 60)
    assert len(room.clients) == 4
    assert read(room.shown()) == room.here()
    for client in room.clients:
        assert client.states.keys() == room.here().keys()


@pytest.mark.parametrize("kind", ["y-websocket", "hocuspocus"])
def test_ten_idle_members_are_never_lost_to_each_other(kind: str) -> None:
    """[A7] Not even when the timers of two are those of hidden tabs; and idleness costs few frames."""
    room = Room(random.Random(7))
    for i in range(10):
        room.open("", kind, 60.0 if i < 2 else 3.0)
    room.run(40)
    frames, received = room.frames, room.received
    for second in range(41, 221):
        room.run(second)
        for client in room.clients:
            assert len(client.states) == 10, f"at {second}"
    assert room.frames - frames < 180 / 1.5
    if kind == "hocuspocus":
        assert room.received - received < 10 * 180 / 12


@pytest.mark.parametrize("kind", ["y-websocket", "hocuspocus"])
def test_after_a_restart_everyone_is_seen_again_within_seconds(kind: str) -> None:
    """[A9] The clients know each other at their old clocks; the server knows nobody."""
    room = Room(random.Random(8))
    for _ in range(8):
        room.open("", kind)
    room.run(60)
    for client in room.clients:
        client.set_local_state('"no renewal for the next 15 s"', room.now)
    room.run(61)
    links = list(room.links.values())
    room.roster = Roster()
    room.links.clear()
    for link in links:
        link.alive = False
        link.client.disconnected()
        room.at(room.now + room.rng.uniform(0.1, 2.5), lambda link=link: room.connect(link.client))
    room.run(room.now + HEALED + 2.5)
    for client in room.clients:
        assert len(client.states) == 8


@pytest.mark.parametrize("seed", SEEDS)
def test_hostile_bytes_are_refused_and_hurt_nobody(seed: int) -> None:
    """[A2] [A3]"""
    rng = random.Random(seed)
    roster = Roster()
    roster.apply(1, ANYONE, encode([Entry(77, 5, '{"user":"ann"}')]), 0.0)
    valid = encode([Entry(9, 1, '{"a":[1,2,{"b":"ü"}]}'), Entry(77, 6, '"mine"'), Entry(8, 2, "null")])
    now = 0.0
    for member in range(2, 2_000):
        now += 0.001
        data = bytearray(valid if rng.random() < 0.7 else rng.randbytes(rng.randint(0, 30)))
        for _ in range(rng.randint(0, 3)):
            if data:
                data[rng.randrange(len(data))] = rng.choice((0, 1, 34, 127, 128, 255, rng.randrange(256)))
        with contextlib.suppress(ProtocolViolation):
            roster.apply(member, ANYONE, bytes(data), now)
        frame = roster.flush(now)
        if frame is not None:
            decode(frame)
        roster.leave(member, now, clean=True)
        full = roster.full()
        assert full is not None
        assert Entry(77, 5, '{"user":"ann"}') in decode(full)
        assert len(roster) == 1
