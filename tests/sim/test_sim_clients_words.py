"""What each client says: its first words, its answers, its goodbye; and when it gives up or keeps to itself."""

from __future__ import annotations

import pytest
from sim_stage import Stage, entries, kind, kinds

from motet.simulation.client import Client, NotUnderstood
from motet.simulation.client_hocuspocus import HocuspocusClient
from motet.simulation.client_hocuspocus_provider import HocuspocusProvider
from motet.simulation.client_traits import (
    HOCUSPOCUS_2_15,
    HOCUSPOCUS_3_4,
    HOCUSPOCUS_4_8,
    HOCUSPOCUS_4_8_SESSIONS,
    HOCUSPOCUSES,
    Y_WEBSOCKET_1_5,
    Y_WEBSOCKET_2_1,
    Y_WEBSOCKET_3_1,
    Y_WEBSOCKETS,
    HocuspocusTraits,
    YjsTraits,
)
from motet.sync import HOCUSPOCUS, YJS, Auth, Dialect, address_of
from support import wire

Traits = YjsTraits | HocuspocusTraits
ALL = (*Y_WEBSOCKETS, *HOCUSPOCUSES)

NAME = {"argvalues": ALL, "ids": [traits.name for traits in ALL]}


def is_hocuspocus(traits: Traits) -> bool:
    return isinstance(traits, HocuspocusTraits)


def dialect(traits: Traits) -> Dialect:
    return HOCUSPOCUS if is_hocuspocus(traits) else YJS


def address(client: Client) -> str:
    provider = client.providers[0]
    return provider.address if isinstance(provider, HocuspocusProvider) else ""


def joined(traits: Traits, stage: Stage) -> Client:
    """A client that has been synced with an empty room, and what it said until then taken away."""
    client = stage.client(traits)
    client.start()
    stage.settle()
    speak = dialect(traits)
    if is_hocuspocus(traits):
        stage.line.say(HOCUSPOCUS.authenticated(address(client), readonly=False))
    stage.line.say(speak.sync_step2(address(client), wire.EMPTY_UPDATE))
    if is_hocuspocus(traits):
        stage.line.say(HOCUSPOCUS.sync_status(address(client), ok=True) or b"")
    stage.line.take()
    return client


@pytest.mark.parametrize("traits", **NAME)
def test_first_words(traits: Traits) -> None:
    stage = Stage()
    client = stage.client(traits)
    client.start()
    stage.settle()
    words = stage.line.take()
    auth = ["auth"] if is_hocuspocus(traits) else []
    assert kinds(words, is_hocuspocus(traits)) == [*auth, "step 1", "awareness"]
    assert entries(words[-1], is_hocuspocus(traits)) == {client.devices[0].client: (0, "{}")}


@pytest.mark.parametrize("traits", HOCUSPOCUSES)
def test_auth_carries_the_token_and_from_4_0_on_the_version(traits: HocuspocusTraits) -> None:
    stage = Stage()
    client = stage.client(traits)
    client.start()
    stage.settle()
    assert HOCUSPOCUS.decode(stage.line.sent[0]) == (Auth(address(client), "t", traits.version),)


@pytest.mark.parametrize("traits", HOCUSPOCUSES)
def test_2_15_without_a_token_sends_no_auth(traits: HocuspocusTraits) -> None:
    stage = Stage(token="")
    stage.client(traits).start()
    stage.settle()
    first = kinds(stage.line.sent, hocuspocus=True)[0]
    assert first == ("step 1" if traits is HOCUSPOCUS_2_15 else "auth")


def test_y_websocket_has_its_token_in_the_address_as_a_browser_writes_it() -> None:
    stage = Stage(token="a+b/c=&")
    stage.client(Y_WEBSOCKET_3_1, stage.device("notes/één two%2F#")).start()
    assert stage.line.target == "/ws/notes/%C3%A9%C3%A9n%20two%2F%23?token=a%2Bb%2Fc%3D%26"
    assert stage.line.headers == {"origin": "https://app.example"}
    stage.token = ""
    stage.line.shut(1012)
    stage.hours.go(3)
    assert "?" not in stage.line.target


@pytest.mark.parametrize("traits", **NAME)
def test_step_1_is_answered_with_all_that_the_server_lacks(traits: Traits) -> None:
    stage = Stage()
    client = joined(traits, stage)
    client.edit(client.devices[0])
    [update] = stage.line.take()
    stage.line.say(dialect(traits).sync_step1(address(client), wire.EMPTY_VECTOR))
    [answer] = stage.line.take()
    assert kinds([update, answer], is_hocuspocus(traits)) == ["update", "step 2"]
    mark = b"<%d>" % stage.edits[0].marks[0]
    assert mark in update and mark in answer


@pytest.mark.parametrize("traits", **NAME)
def test_what_was_edited_without_a_connection_is_in_the_next_answer(traits: Traits) -> None:
    stage = Stage()
    client = joined(traits, stage)
    client.offline()
    assert stage.line.aborted and not client.connected and not client.synced
    while not stage.edits or not stage.edits[-1].marks:
        client.edit(client.devices[0])
    stage.hours.go(3 * 86400)
    assert len(stage.lines) == 1
    client.online()
    stage.settle()
    stage.line.say(dialect(traits).sync_step1(address(client), wire.EMPTY_VECTOR))
    answers = [payload for payload in stage.line.take() if kind(payload, is_hocuspocus(traits)) == "step 2"]
    assert b"<%d>" % stage.edits[-1].marks[0] in answers[0]


@pytest.mark.parametrize("traits", **NAME)
def test_updates_and_answers_are_applied_and_heard(traits: Traits) -> None:
    stage = Stage()
    author = stage.device(seed=7)
    author.edit()
    client = joined(traits, stage)
    stage.updates.clear()
    update = author.update_since(wire.EMPTY_VECTOR)
    stage.line.say(dialect(traits).update(address(client), update))
    assert client.devices[0].content() == author.content()
    assert stage.updates == [update]
    assert stage.line.take() == []


@pytest.mark.parametrize("traits", **NAME)
def test_a_silent_socket_is_given_up_after_30_seconds(traits: Traits) -> None:
    stage = Stage()
    client = joined(traits, stage)
    line = stage.line
    stage.hours.go(25)
    line.say(dialect(traits).awareness(address(client), b"\0"))
    stage.hours.go(27)
    assert line.close_code is None
    stage.hours.go(9)
    assert line.close_code == 1000
    stage.hours.go(3)
    assert len(stage.lines) == 2 and stage.line.is_open


def test_y_websocket_1_5_waits_for_the_end_of_a_half_open_socket_and_others_dial_anew() -> None:
    lines = {}
    for traits in Y_WEBSOCKETS:
        stage = Stage()
        joined(traits, stage)
        stage.line.answers_close = False
        stage.hours.go(40)
        lines[traits] = len(stage.lines)
    assert lines == {Y_WEBSOCKET_1_5: 1, Y_WEBSOCKET_2_1: 2, Y_WEBSOCKET_3_1: 2}


@pytest.mark.parametrize("traits", HOCUSPOCUSES)
def test_hocuspocus_asks_a_half_open_socket_twice_and_then_leaves_it(traits: HocuspocusTraits) -> None:
    stage = Stage()
    joined(traits, stage)
    stage.line.answers_close = False
    stage.hours.go(35)
    assert len(stage.lines) == 1 and stage.line.close_code == 1000
    stage.hours.go(8)
    assert len(stage.lines) == 2


# ---- the goodbye


@pytest.mark.parametrize(
    ("traits", "words", "clocks"),
    [
        (Y_WEBSOCKET_1_5, ["awareness"], [0]),
        (Y_WEBSOCKET_2_1, ["awareness"], [0]),
        (Y_WEBSOCKET_3_1, ["awareness"], [0]),
        (HOCUSPOCUS_2_15, ["awareness", "close", "awareness"], [1, 2]),
        (HOCUSPOCUS_3_4, ["awareness", "close"], [1]),
        (HOCUSPOCUS_4_8, ["awareness", "close"], [1]),
    ],
)
def test_a_destroyed_provider_says_goodbye(traits: Traits, words: list[str], clocks: list[int]) -> None:
    stage = Stage()
    client = joined(traits, stage)
    client.stop()
    said = stage.line.take()
    assert kinds(said, is_hocuspocus(traits)) == words
    nulls = [
        entries(payload, is_hocuspocus(traits)) for payload in said if kind(payload, is_hocuspocus(traits))[0] == "a"
    ]
    assert nulls == [{client.devices[0].client: (clock, "null")} for clock in clocks]
    assert stage.line.close_code == 1000
    stage.hours.go(600)
    assert len(stage.lines) == 1


@pytest.mark.parametrize("traits", **NAME)
def test_a_closed_page_says_what_its_browser_lets_it_say(traits: Traits) -> None:
    stage = Stage()
    client = joined(traits, stage)
    client.close_page()
    assert kinds(stage.line.take(), is_hocuspocus(traits)) == (["awareness"] if is_hocuspocus(traits) else [])
    assert stage.line.close_code == 1001
    assert client.edit(client.devices[0]) is None or stage.line.take() == []


# ---- Hocuspocus only


@pytest.mark.parametrize("traits", HOCUSPOCUSES)
def test_token_requests_are_answered_from_3_0_on(traits: HocuspocusTraits) -> None:
    stage = Stage()
    client = joined(traits, stage)
    stage.token = "new"
    stage.line.say(HOCUSPOCUS.token_request(address(client)))
    stage.settle()
    expected = [] if traits is HOCUSPOCUS_2_15 else [(Auth(address(client), "new", traits.version),)]
    assert [HOCUSPOCUS.decode(payload) for payload in stage.line.take()] == expected


@pytest.mark.parametrize("traits", HOCUSPOCUSES)
def test_only_4_8_knows_ping_and_2_15_knows_no_close(traits: HocuspocusTraits) -> None:
    stage = Stage()
    client = joined(traits, stage)
    if traits.version:
        stage.line.say(HOCUSPOCUS.ping(""))
        assert kinds(stage.line.take(), hocuspocus=True) == ["pong"]
    else:
        with pytest.raises(NotUnderstood):
            stage.line.say(HOCUSPOCUS.ping(""))
    if traits is HOCUSPOCUS_2_15:
        with pytest.raises(NotUnderstood):
            stage.line.say(HOCUSPOCUS.close(address(client), "bye"))
    else:
        stage.line.say(HOCUSPOCUS.close(address(client), "bye"))
        assert not client.synced and len(stage.lines) == 1


def test_nobody_knows_sync_reply() -> None:
    for traits in HOCUSPOCUSES:
        stage = Stage()
        client = joined(traits, stage)
        prefix = client.providers[0].prefix  # type: ignore[attr-defined]
        with pytest.raises(NotUnderstood):
            stage.line.say(prefix + bytes((wire.SYNC_REPLY, wire.STEP1, 1, 0)))


def test_documents_share_a_socket_and_each_has_its_address() -> None:
    for traits in HOCUSPOCUSES:
        stage = Stage()
        client = stage.client(traits, stage.device("a"), stage.device("b"))
        client.start()
        stage.settle()
        assert len(stage.lines) == 1
        rooms = [(address_of(payload) or "").partition("\0") for payload in stage.line.take()]
        assert [room for room, _, _ in rooms] == ["a", "a", "a", "b", "b", "b"] or sorted(rooms) == rooms
        assert all(bool(session) is traits.sessions for _, _, session in rooms)


def test_two_pages_of_one_document_share_a_socket_with_sessions() -> None:
    stage = Stage()
    client = stage.client(HOCUSPOCUS_4_8_SESSIONS, stage.device("a", 1), stage.device("a", 2))
    client.start()
    stage.settle()
    assert len({address_of(payload) for payload in stage.line.take()}) == 2


def test_2_15_leaves_a_document_that_is_denied_and_others_stay_and_can_be_reopened() -> None:
    for traits in (HOCUSPOCUS_2_15, HOCUSPOCUS_3_4, HOCUSPOCUS_4_8):
        stage = Stage()
        client = joined(traits, stage)
        assert isinstance(client, HocuspocusClient)
        stage.line.say(HOCUSPOCUS.denied("room", "no"))
        said = ["awareness"] if traits is HOCUSPOCUS_2_15 else []
        assert kinds(stage.line.take(), hocuspocus=True) == said
        client.edit(client.devices[0])
        assert kinds(stage.line.take(), hocuspocus=True) == ([] if traits is HOCUSPOCUS_2_15 else ["update"])
        client.reopen(client.devices[0])
        stage.settle()
        left = [] if traits is HOCUSPOCUS_2_15 else ["close"]
        assert kinds(stage.line.take(), hocuspocus=True) == [*left, "auth", "step 1", "awareness"]
        assert client.providers[0].denied_reason is None and len(stage.lines) == 1


def test_y_websocket_is_told_by_the_auth_message_and_goes_on_trying() -> None:
    stage = Stage()
    client = joined(Y_WEBSOCKET_2_1, stage)
    stage.line.say(YJS.denied("", "no"))
    assert client.providers[0].denied_reason == "no"
    assert stage.refusals == [("room", 0, "no")]


def test_an_http_refusal_is_told_with_its_status() -> None:
    stage = Stage(server=lambda line: line.refuse(429))
    stage.client(Y_WEBSOCKET_1_5).start()
    stage.settle()
    assert stage.refusals == [("room", 429, "")] and stage.closes == [(1006, "")]
