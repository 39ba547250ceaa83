"""The replica against real Yjs: histories with undo, formats, XML, subdocuments, offline work, GC and none."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from replica_fuzz import wrongs

pytestmark = pytest.mark.node

FIXED = [(0, 60), (1000, 60)]


@pytest.mark.parametrize(("first", "count"), FIXED)
def test_documents_equal_those_of_yjs_on_fixed_seeds(first: int, count: int, tmp_path: Path) -> None:
    """[C1] [C2] [C5] [C11] [C12]"""
    assert wrongs(first, count, tmp_path) == {}


def test_documents_equal_those_of_yjs_on_fresh_seeds(tmp_path: Path) -> None:
    """[C1] [C2] [C5] [C11] [C12]"""
    first = secrets.randbelow(1 << 30)
    print(f"seeds from {first}")
    assert wrongs(first, 20, tmp_path) == {}, f"seeds from {first}"


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_documents_equal_those_of_yjs_on_many_fresh_seeds(tmp_path: Path) -> None:
    """[C1] [C2] [C5] [C11] [C12]"""
    for _ in range(40):
        first = secrets.randbelow(1 << 30)
        assert wrongs(first, 100, tmp_path) == {}, f"seeds from {first}"
