"""What Hocuspocus providers count, and when their users see that all is saved."""

from __future__ import annotations

import pytest
from sim_stage import Stage, kinds

from motet.simulation.client import Client
from motet.simulation.client_hocuspocus_provider import HocuspocusProvider
from motet.simulation.client_traits import HOCUSPOCUS_2_15, HOCUSPOCUS_4_8, HOCUSPOCUSES, HocuspocusTraits
from motet.sync import HOCUSPOCUS
from support import wire


def start(traits: HocuspocusTraits, stage: Stage) -> tuple[Client, HocuspocusProvider]:
    """Connected and authenticated; the status of its sync is still to come."""
    client = stage.client(traits)
    client.start()
    stage.settle()
    provider = client.providers[0]
    assert isinstance(provider, HocuspocusProvider)
    stage.line.say(HOCUSPOCUS.authenticated(provider.address, readonly=False))
    stage.line.take()
    return client, provider


def status(provider: HocuspocusProvider, ok: bool = True) -> bytes:
    return HOCUSPOCUS.sync_status(provider.address, ok)


@pytest.mark.parametrize("traits", HOCUSPOCUSES)
def test_it_counts_its_sync_and_each_edit(traits: HocuspocusTraits) -> None:
    stage = Stage()
    client, provider = start(traits, stage)
    assert provider.unsynced == 1
    for _ in range(3):
        client.edit(client.devices[0])
    waiting = len(stage.edits)
    assert provider.unsynced == waiting + 1
    for _ in range(waiting):
        stage.line.say(status(provider))
    assert stage.saves == [] and not provider.synced
    stage.line.say(status(provider))
    assert stage.saves == [stage.edits] and provider.synced and provider.device.unsaved == []


@pytest.mark.parametrize("traits", HOCUSPOCUSES)
def test_what_was_refused_stays_unsaved(traits: HocuspocusTraits) -> None:
    stage = Stage()
    client, provider = start(traits, stage)
    stage.line.say(status(provider))
    while not stage.edits:
        client.edit(client.devices[0])
    stage.line.say(status(provider, ok=False))
    assert provider.not_saved == 1 and provider.unsynced == len(stage.edits) and stage.saves == []


@pytest.mark.parametrize("traits", HOCUSPOCUSES)
def test_one_status_too_many_is_counted_by_2_15_alone(traits: HocuspocusTraits) -> None:
    stage = Stage()
    _, provider = start(traits, stage)
    for _ in range(3):
        stage.line.say(status(provider))
    assert provider.unsynced == (-2 if traits is HOCUSPOCUS_2_15 else 0)


@pytest.mark.parametrize("traits", HOCUSPOCUSES)
def test_what_could_not_be_sent_leaves_after_the_next_first_message_and_is_not_counted(
    traits: HocuspocusTraits,
) -> None:
    stage = Stage()
    client, provider = start(traits, stage)
    client.offline()
    for _ in range(3):
        client.edit(client.devices[0])
    client.set_presence(client.devices[0], {"n": 1})
    client.set_presence(client.devices[0], {"n": 2})
    client.online()
    stage.hours.go(2)
    assert kinds(stage.line.take(), hocuspocus=True) == ["auth", "step 1", "awareness"]
    assert provider.unsynced == 1
    stage.line.say(HOCUSPOCUS.authenticated(provider.address, readonly=False))
    newest = 1 if traits.waits_with_newest else 2
    assert kinds(stage.line.take(), hocuspocus=True) == ["update"] * len(stage.edits) + ["awareness"] * newest
    assert provider.unsynced == 1


def test_an_edit_between_the_opening_and_the_token_goes_before_auth() -> None:
    stage = Stage()
    client = stage.client(HOCUSPOCUS_4_8)
    client.start()
    stage.hours.go(0.01)
    while not stage.edits:
        client.edit(client.devices[0])
    stage.settle()
    assert kinds(stage.line.take(), hocuspocus=True) == ["update", "auth", "step 1", "awareness"]
    provider = client.providers[0]
    assert provider.unsynced == 1
    stage.line.say(HOCUSPOCUS.sync_step1("room", wire.EMPTY_VECTOR))
    [answer] = stage.line.take()
    assert all(b"<%d>" % mark in answer for edit in stage.edits for mark in edit.marks)


def test_a_reconnected_provider_forgets_what_it_counted() -> None:
    stage = Stage()
    client, provider = start(HOCUSPOCUS_4_8, stage)
    while len(stage.edits) < 3:
        client.edit(client.devices[0])
    stage.line.shut(1012)
    stage.hours.go(2)
    assert len(stage.lines) == 2 and provider.unsynced == 1
    stage.line.say(status(provider))
    assert stage.saves == [stage.edits]
