from collections.abc import Generator

from motet.crdt.replica.store import Store


class Compaction:
    def __init__(self, store: Store) -> None:
        self._store = store

    def steps(self) -> Generator[None, None, None]:
        yield
