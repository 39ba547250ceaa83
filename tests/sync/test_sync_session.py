"""What a connection may be sent, by what it has announced."""

import json
from pathlib import Path

from motet.sync import HOCUSPOCUS, Auth, Awareness, Leave, Session, SyncStep1, Update

PROVIDERS = json.loads((Path(__file__).parent / "vectors.json").read_text())["providers"]


def test_close_and_ping_go_only_to_providers_that_announced_a_version() -> None:
    """[H6]"""
    session = Session()
    assert not session.accepts_ping()
    session.admitted(Auth("old", "token", ""))
    assert not session.accepts_close("old")
    assert not session.accepts_ping()
    session.admitted(Auth("new", "token", "4.8.0"))
    assert session.accepts_close("new")
    assert session.must_be_queried("new")
    assert not session.must_be_queried("old")
    assert not session.accepts_close("old")
    assert session.accepts_ping()


def test_a_document_that_was_left_is_forgotten() -> None:
    """[H6]"""
    session = Session()
    session.admitted(Auth("a", "", "4.8.0"))
    session.left("a")
    session.left("never opened")
    assert not session.accepts_close("a")
    assert not session.accepts_ping()


def test_only_auth_and_sync_step_1_open_a_document() -> None:
    """[H2]"""
    assert Session.opens(Auth("a", "", ""))
    assert Session.opens(SyncStep1("a", b"\0"))
    assert not Session.opens(Update("a", b""))
    assert not Session.opens(Awareness("a", b""))
    assert not Session.opens(Leave("a"))


def test_what_provider_2_15_says_after_close_does_not_open_the_document_again() -> None:
    """[H2]"""
    messages = [m for sent in PROVIDERS["2.15.3"] for m in HOCUSPOCUS.decode(bytes.fromhex(sent))]
    after = messages[messages.index(Leave("café")) + 1 :]
    assert after, "2.15 clears its awareness after CLOSE"
    assert not any(Session.opens(message) for message in after)
