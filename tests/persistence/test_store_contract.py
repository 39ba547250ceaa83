"""The contract suite over the stores of this package."""

from __future__ import annotations

from pathlib import Path

import pytest

from motet.persistence import MemoryStore, SqliteStore, Store
from motet.persistence.contract import StoreContract


class TestMemoryStore(StoreContract):
    durable = False

    async def open_store(self) -> Store:
        return MemoryStore()


class TestSqliteStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.data_dir = tmp_path

    async def open_store(self) -> Store:
        return SqliteStore(self.data_dir)
