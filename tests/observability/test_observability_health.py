"""The reasons of /readyz."""

from __future__ import annotations

from motet.observability import Health


def test_it_is_ready_when_no_reason_is_left() -> None:
    """Each reason comes and goes by itself, with its newest sentence."""
    health = Health()
    assert health.reasons == {}
    health.degrade("disk", "12 bytes are free")
    health.degrade("store", "a commit failed")
    health.degrade("disk", "11 bytes are free")
    assert health.reasons == {"disk": "11 bytes are free", "store": "a commit failed"}
    health.recover("disk")
    health.recover("disk")
    assert health.reasons == {"store": "a commit failed"}
    health.recover("store")
    assert health.reasons == {}


def test_what_it_gave_is_the_callers() -> None:
    """To change that changes nothing here."""
    health = Health()
    health.reasons["disk"] = "full"
    assert health.reasons == {}
