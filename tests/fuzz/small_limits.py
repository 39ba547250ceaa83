"""Motet with its sizes made small, so that a small input passes every boundary: segments, pages, steps, chunks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

from motet.crdt.replica import catchup, compaction, gate, lane, news, probe, ranges, scan, slow, taker
from motet.rooms import catchup as room_catchup
from motet.rooms import keeper, loading

_SMALL: Final[dict[ModuleType, dict[str, object]]] = {
    catchup: {"STEP": 200},
    compaction: {"_SMALL": 8, "_STRUCTS": 2, "_FLOOR": 0},
    gate: {"MAX_WAITING": 3000},
    lane: {"SEGMENT": 64, "SEGMENT_STRUCTS": 4, "MAX_RUN": 12},
    news: {"MAX_BLOCKS": 1},
    probe: {"_STEP": 2},
    ranges: {"PAGE": 4},
    scan: {"_FEW": 1},
    slow: {"SLOW": 24, "_STRUCTS": 2, "_VALUE_BYTES": 4, "_RANGES": 2},
    taker: {"_AHEAD": (1, 2)},
    room_catchup: {"CHUNK": 64, "SHARED": 64},
    keeper: {"GARBAGE": 0},
    loading: {"ROWS_PER_STEP": 2},
}


def _places() -> list[tuple[object, str, object, object]]:
    """Module, name, what it is, and what it is when small; also where a module has imported another's."""
    places: list[tuple[object, str, object, object]] = []
    for of, values in _SMALL.items():
        for name, small in values.items():
            usual = getattr(of, name)
            users = [of] if name.startswith("_") else [m for n, m in sys.modules.items() if n.startswith("motet.")]
            places += [(m, name, usual, small) for m in users if getattr(m, name, None) is usual]
    return places


_PLACES: Final = _places()


@contextmanager
def small_limits(wanted: bool) -> Iterator[None]:
    """With them; or, if they are not wanted, without."""
    if not wanted:
        yield
        return
    for module, name, _, small in _PLACES:
        setattr(module, name, small)
    try:
        yield
    finally:
        for module, name, usual, _ in _PLACES:
            setattr(module, name, usual)
