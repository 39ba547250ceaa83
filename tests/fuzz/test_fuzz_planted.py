"""The fuzzers themselves: bugs that are planted, each of which the kept corpus alone must find."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from motet.access import patterns, proxies, tokens
from motet.api import problems
from motet.crdt.replica import gate, news, replica, scan, slow, store, survey, taker
from motet.gateway import frames, upgrade
from motet.presence import awareness, identity
from motet.rooms import permit, room, served, statuses
from motet.sync import hocuspocus
from targets import TARGETS, inputs

Fault = tuple[object, str, Any]
"""Where, and what is there instead."""


def _without_its_last(call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given: call(*given)[:-1]


def _raising(error: Exception) -> Callable[..., Any]:
    def fail(*given: object, **more: object) -> None:
        raise error

    return fail


def _unverified(token: str, algorithm: str, keys: object) -> bytes:
    payload: bytes = tokens._jws.decode(token, options={"verify_signature": False})
    return payload


PLANTED: dict[str, dict[str, Fault]] = {
    "replica": {
        "a refused update is not taken back": (store.Store, "take_back", lambda *given: None),
        "an id conflict is not seen": (store.Store, "_compare", lambda *given: None),
        "news leave a delete out": (news, "encode_dead", _without_its_last(news.encode_dead)),
        "diffs leave a client's deletes out": (store, "encode_dead", _without_its_last(store.encode_dead)),
        "a wait of several pieces is forgotten": (gate.Waits, "rest", _without_its_last(gate.Waits.rest)),
        "what waited is not woken": (taker.Taker, "wake", lambda *given: None),
        "taking in steps compares nothing": (slow.SlowTake, "_compare", lambda *given: None),
        "deletes touch nothing": (survey.Survey, "_delete_known", lambda *given: None),
        "the survey misses a named root": (survey, "_name", lambda *given: "t"),
        "a count past the end is an error of ours": (scan, "read_head", _raising(KeyError("count"))),
        "compaction forgets graves": (replica.Compaction, "steps", lambda self: iter(())),
    },
    "sessions": {
        "a viewer may write": (permit.Permit, "judge", lambda *given: permit.Verdict.TAKE),
        "statuses come twice": (statuses.Statuses, "committed", lambda self: 2 * list(self._in_flight.popleft())),
        "nobody is told of edits": (served, "broadcast", lambda *given: None),
        "a query fails": (room.Room, "presence", _raising(KeyError("presence"))),
        "a store that fails is noticed by nobody": (statuses.Statuses, "withhold", lambda self: None),
        "presence that is no JSON gets in": (identity.Stamp, "mark", lambda self, state: state),
    },
    "dialects": {
        "text that is no text": (hocuspocus, "_text", lambda b, at: (b[at:].decode("latin-1"), len(b))),
        "a state is cut": (awareness, "write_entry", _without_its_last(awareness.write_entry)),
        "a name that is spelled otherwise": (identity, "_past", _raising(KeyError("name"))),
    },
    "http": {
        "an upgrade without a key": (upgrade.base64, "b64decode", _raising(KeyError("key"))),
        "a close code that is none": (frames, "close_code", _raising(KeyError("code"))),
        "a problem that has no title": (problems, "Problem", _raising(KeyError("title"))),
    },
    "access": {
        "any signature is good": (tokens, "_verified", _unverified),
        "tokens never end": (tokens.TokenAccess, "_check", lambda self, claims: None),
        "a star is any number of segments": (patterns, "ONE", patterns.ANY),
        "proxies believe everybody": (proxies.Proxies, "trusts", lambda self, peer: True),
    },
}


@pytest.mark.parametrize(
    ("target", "fault"),
    [pytest.param(t, fault, id=name) for t, faults in PLANTED.items() for name, fault in faults.items()],
)
def test_the_corpus_finds_a_planted_bug(target: str, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """[C3] [S4] [X51] [X71] [X74] Whichever input does, and however it fails."""
    one = import_module(f"fuzz_{target}").one
    monkeypatch.setattr(*fault)
    for path in inputs(TARGETS[target].corpus):
        try:
            one(path.read_bytes())
        except Exception:  # noqa: BLE001 - whatever it is, it is found
            return
    pytest.fail("nothing was found")
