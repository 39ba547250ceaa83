"""Presence as clients keep it: what they show, renew, send back, forget, and insist on."""

from __future__ import annotations

import pytest
from sim_stage import Stage, awareness, entries, kinds
from test_sim_clients_words import NAME, Traits, is_hocuspocus, joined

from motet.simulation.client import Client
from motet.simulation.client_hocuspocus_provider import HocuspocusProvider
from motet.simulation.client_traits import HOCUSPOCUS_4_8, HOCUSPOCUS_4_8_SESSIONS, Y_WEBSOCKET_2_1
from motet.sync import HOCUSPOCUS, YJS

OTHER = 77
STATE = '{"name":"bob","at":[1,2.5,null],"é":"\\""}'


class Scene:
    """A client in a room, and the server's word about presence."""

    def __init__(self, traits: Traits) -> None:
        self.hocuspocus = is_hocuspocus(traits)
        self.stage = Stage()
        self.client: Client = joined(traits, self.stage)
        self.provider = self.client.providers[0]
        self.own = self.client.devices[0].client

    def say(self, *told: tuple[int, int, str]) -> None:
        """The server says who is here."""
        if isinstance(self.provider, HocuspocusProvider):
            self.stage.line.say(HOCUSPOCUS.awareness(self.provider.address, awareness(*told)))
        else:
            self.stage.line.say(YJS.awareness("", awareness(*told)))

    def said(self) -> list[dict[int, tuple[int, str]]]:
        """What the client has said about presence since."""
        words = self.stage.line.take()
        assert set(kinds(words, self.hocuspocus)) <= {"awareness"}
        return [entries(word, self.hocuspocus) for word in words]


@pytest.mark.parametrize("traits", **NAME)
def test_a_state_is_sent_when_it_is_set_and_renewed_after_15_seconds(traits: Traits) -> None:
    scene = Scene(traits)
    scene.client.set_presence(scene.client.devices[0], {"name": "ada"})
    assert scene.said() == [{scene.own: (1, '{"name":"ada"}')}]
    scene.stage.hours.go(14)
    assert scene.said() == []
    scene.stage.hours.go(4)
    assert scene.said() == [{scene.own: (2, '{"name":"ada"}')}]


@pytest.mark.parametrize("traits", **NAME)
def test_what_is_new_goes_back_to_the_server_but_not_from_4_8(traits: Traits) -> None:
    scene = Scene(traits)
    scene.say((OTHER, 3, STATE))
    assert scene.provider.awareness.clocks[OTHER] == 3 and OTHER in scene.provider.awareness.states
    echo = [] if traits in (HOCUSPOCUS_4_8, HOCUSPOCUS_4_8_SESSIONS) else [{OTHER: (3, STATE)}]
    assert scene.said() == echo
    scene.say((OTHER, 3, STATE))
    scene.say((OTHER, 2, "null"))
    assert scene.said() == []


@pytest.mark.parametrize("traits", **NAME)
def test_who_is_said_to_be_gone_and_is_not_says_so_at_a_higher_clock(traits: Traits) -> None:
    scene = Scene(traits)
    scene.say((scene.own, 5, "null"))
    if traits in (HOCUSPOCUS_4_8, HOCUSPOCUS_4_8_SESSIONS):
        assert scene.said() == []
        assert isinstance(scene.provider, HocuspocusProvider)
        scene.stage.line.say(HOCUSPOCUS.query_awareness(scene.provider.address))
    assert scene.said() == [{scene.own: (6, "{}")}]


@pytest.mark.parametrize("traits", **NAME)
def test_others_expire_after_30_seconds_without_a_higher_clock(traits: Traits) -> None:
    scene = Scene(traits)
    scene.say((OTHER, 3, STATE))
    for _ in range(3):
        scene.stage.hours.go(9)
        scene.say()
    assert OTHER in scene.provider.awareness.states
    scene.stage.hours.go(6)
    assert OTHER not in scene.provider.awareness.states
    assert {OTHER: (3, "null")} in scene.said()


@pytest.mark.parametrize("traits", **NAME)
def test_after_a_reconnect_an_entry_is_not_seen_before_its_clock_rises(traits: Traits) -> None:
    scene = Scene(traits)
    scene.say((OTHER, 3, STATE))
    scene.stage.line.shut(1012)
    assert OTHER not in scene.provider.awareness.states
    scene.stage.hours.go(2)
    assert len(scene.stage.lines) == 2
    scene.say((OTHER, 3, STATE))
    assert OTHER not in scene.provider.awareness.states
    scene.say((OTHER, 4, STATE))
    assert OTHER in scene.provider.awareness.states


def test_a_first_entry_at_clock_0_is_passed_over() -> None:
    scene = Scene(Y_WEBSOCKET_2_1)
    scene.say((OTHER, 0, STATE))
    assert OTHER not in scene.provider.awareness.states


def test_who_has_no_state_is_not_renewed_and_not_announced() -> None:
    scene = Scene(Y_WEBSOCKET_2_1)
    scene.client.set_presence(scene.client.devices[0], None)
    assert scene.said() == [{scene.own: (1, "null")}]
    scene.stage.hours.go(29)
    assert scene.said() == []
    scene.stage.line.shut(1012)
    scene.stage.settle()
    scene.stage.settle()
    assert kinds(scene.stage.line.take(), hocuspocus=False) == ["step 1"]
