"""How often each client comes back: as often as the real ones were seen to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sim_stage import TRIP, Line, Stage

from motet.simulation.client_traits import (
    HOCUSPOCUS_2_15,
    HOCUSPOCUS_3_4,
    HOCUSPOCUS_4_8,
    HOCUSPOCUSES,
    Y_WEBSOCKET_1_5,
    Y_WEBSOCKET_2_1,
    Y_WEBSOCKET_3_1,
    HocuspocusTraits,
    YjsTraits,
)
from motet.sync import HOCUSPOCUS

Traits = YjsTraits | HocuspocusTraits


def closes(code: int) -> Callable[[Line], None]:
    """A server that opens every socket and closes it a trip later."""

    def server(line: Line) -> None:
        line.open()
        line.hours.later(TRIP, lambda: line.shut(code))

    return server


def attempts(traits: Traits, server: Callable[[Line], None]) -> int:
    """In 20 seconds."""
    stage = Stage(server=server)
    stage.client(traits).start()
    stage.hours.go(20)
    return len(stage.lines)


@pytest.mark.parametrize(
    ("traits", "least", "most"),
    [
        (Y_WEBSOCKET_1_5, 180, 200),
        (Y_WEBSOCKET_2_1, 180, 200),
        (Y_WEBSOCKET_3_1, 1, 1),
        (HOCUSPOCUS_2_15, 1, 1),
        (HOCUSPOCUS_3_4, 700, 1500),
        (HOCUSPOCUS_4_8, 5, 6),
    ],
)
def test_who_is_accepted_and_then_closed_with_44xx(traits: Traits, least: int, most: int) -> None:
    """Measured: 192, 192, 1; 1, about 1000, 5."""
    assert least <= attempts(traits, closes(4401)) <= most


@pytest.mark.parametrize(
    ("traits", "least", "most"),
    [
        (Y_WEBSOCKET_1_5, 11, 11),
        (Y_WEBSOCKET_2_1, 11, 11),
        (Y_WEBSOCKET_3_1, 11, 11),
        (HOCUSPOCUS_2_15, 5, 7),
        (HOCUSPOCUS_3_4, 5, 7),
        (HOCUSPOCUS_4_8, 5, 7),
    ],
)
def test_who_is_refused_over_http(traits: Traits, least: int, most: int) -> None:
    """Measured: 11 each; 6, 6, 5, by their dice."""
    assert least <= attempts(traits, lambda line: line.refuse(401)) <= most


@pytest.mark.parametrize("traits", HOCUSPOCUSES)
def test_a_denied_document_is_no_reason_to_come_back(traits: HocuspocusTraits) -> None:
    """Measured: 1 attempt, on all three."""
    stage = Stage()
    client = stage.client(traits)
    client.start()
    stage.settle()
    address = client.providers[0].address  # type: ignore[attr-defined]
    stage.line.say(HOCUSPOCUS.denied(address, "no"))
    stage.hours.go(20)
    assert len(stage.lines) == 1
    assert stage.refusals == [("room", 0, "no")]
    assert client.providers[0].denied_reason == "no"


@pytest.mark.parametrize("traits", [Y_WEBSOCKET_1_5, Y_WEBSOCKET_2_1])
def test_after_1009_y_websocket_uploads_again(traits: YjsTraits) -> None:
    """Measured: 192 times in 20 s."""
    assert 180 <= attempts(traits, closes(1009)) <= 200


def test_hocuspocus_2_15_comes_back_at_once_but_not_after_4403_or_1009() -> None:
    def ends_after_first_word(code: int) -> int:
        def server(line: Line) -> None:
            line.open()
            line.say(HOCUSPOCUS.authenticated("room", readonly=False))
            line.hours.later(1, lambda: line.shut(code))

        return attempts(HOCUSPOCUS_2_15, server)

    assert ends_after_first_word(1012) >= 19
    assert ends_after_first_word(4403) == ends_after_first_word(1009) == 1


@pytest.mark.parametrize("traits", [HOCUSPOCUS_3_4, HOCUSPOCUS_4_8])
def test_later_providers_come_back_a_second_after_a_connection_that_worked(traits: HocuspocusTraits) -> None:
    def server(line: Line) -> None:
        line.open()
        line.say(HOCUSPOCUS.authenticated("room", readonly=False))
        line.hours.later(1, lambda: line.shut(1012))

    assert 9 <= attempts(traits, server) <= 11


def test_y_websocket_3_1_backs_off_until_a_connection_was_synced() -> None:
    assert attempts(Y_WEBSOCKET_3_1, closes(1012)) < 15
