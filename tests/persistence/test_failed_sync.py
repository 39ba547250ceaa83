"""A sync that fails may have lost what it was to write, and the system goes on showing it: only a power cut tells."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from motet.errors import Unavailable
from motet.persistence import SqliteReader, SqliteStore
from motet.persistence.contract_model import OTHER, ROOM, data_of, row
from motet.simulation.disk import Disk
from motet.simulation.disk_faults import Step
from motet.simulation.platter import Survival


@asynccontextmanager
async def with_a_failed_append(seed: int) -> AsyncIterator[tuple[Disk, SqliteStore]]:
    """A store with one row, the append of whose second has failed in its sync."""
    disk = Disk(random.Random(seed))
    try:
        store = SqliteStore(disk.directory)
        await store.append([row(b"kept")])
        disk.fail({Step.SYNC})
        with pytest.raises(Unavailable):
            await store.append([row(b"failed")])
        yield disk, store
        await store.close()
    finally:
        disk.close()


async def _after_a_power_cut(disk: Disk) -> list[bytes]:
    """What the other room holds."""
    disk.power_cut(Survival.NONE)
    store = SqliteStore(disk.directory)
    try:
        return data_of(await store.load(OTHER))
    finally:
        await store.close()


@pytest.mark.parametrize("seed", range(6))
async def test_what_is_committed_after_an_outage_in_which_reading_failed_too_outlives_a_power_cut(seed: int) -> None:
    """[P1] [P3] [P13]"""
    async with with_a_failed_append(seed) as (disk, store):
        disk.fail({Step.READ, Step.OPEN})
        with pytest.raises(Unavailable):
            await store.load(ROOM)
        disk.calm()
        assert data_of(await store.load(ROOM)) == [b"kept"]
        await store.append([row(b"later", OTHER)])
        assert await _after_a_power_cut(disk) == [b"later"]


@pytest.mark.parametrize("seed", range(6))
async def test_what_is_committed_after_a_restart_beside_a_reader_outlives_a_power_cut(seed: int) -> None:
    """[P1] [P22]"""
    async with with_a_failed_append(seed) as (disk, _):
        disk.calm()
        disk.kill()
        reader = SqliteReader(disk.directory)
        store = SqliteStore(disk.directory)
        assert data_of(await store.load(ROOM)) in ([b"kept"], [b"kept", b"failed"])
        await store.append([row(b"later", OTHER)])
        assert await _after_a_power_cut(disk) == [b"later"]
        await reader.close()
        await store.close()
