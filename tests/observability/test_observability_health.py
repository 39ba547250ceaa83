"""The reasons of /readyz."""

from __future__ import annotations

from itertools import count

from motet.observability import Health


def test_it_is_ready_when_no_reason_is_left() -> None:
    """[W13] Each reason comes and goes by itself, with its newest sentence, and the time at which it began."""
    times = count(100)
    health = Health(lambda: float(next(times)))
    assert health.reasons == health.since == {}
    health.degrade("disk", "12 bytes are free")
    health.degrade("store", "a commit failed")
    health.degrade("disk", "11 bytes are free")
    assert health.reasons == {"disk": "11 bytes are free", "store": "a commit failed"}
    assert health.since == {"disk": 100.0, "store": 101.0}
    health.recover("disk")
    health.recover("disk")
    assert health.reasons == {"store": "a commit failed"}
    health.degrade("disk", "12 bytes are free")
    assert health.since["disk"] > 101.0  # another time
    health.recover("disk")
    health.recover("store")
    assert health.reasons == health.since == {}


def test_what_it_gave_is_the_callers() -> None:
    """To change that changes nothing here."""
    health = Health()
    health.reasons["disk"] = "full"
    health.since["disk"] = 0.0
    assert health.reasons == health.since == {}
