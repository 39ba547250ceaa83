"""What a disk holds, and what is only in the memory of the system: what a power cut leaves of files and their names."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from enum import Enum

SECTOR = 512
"""Bytes that a disk writes as one, mostly: a torn sector is written up to some byte."""

_TORN = 0.25
"""How often the power goes while a sector is being written."""


class Survival(Enum):
    """Which of the writes that were not synced are on the disk after a power cut. The disk may have reordered them."""

    NONE = "none"
    ALL = "all"
    PREFIX = "prefix"
    RANDOM = "random"


class File:
    """The bytes on the disk, and the writes since the last sync, in their order."""

    __slots__ = ("durable", "pending")

    def __init__(self, durable: bytes = b"") -> None:
        self.durable = bytearray(durable)
        self.pending: list[tuple[int, bytes | None]] = []
        """Offset and bytes; without bytes, the file was cut to the offset. Emptied by the next sync, which every
        commit and checkpoint is."""

    def sync(self) -> None:
        """All is on the disk."""
        for offset, data in self.pending:
            _apply(self.durable, offset, data)
        self.pending.clear()

    def lose(self, survival: Survival, rnd: random.Random) -> None:
        """Of the writes since the last sync some are on the disk, and the others never will be."""
        units = list(_units(self.pending))
        kept = [units[i] for i in _kept(len(units), survival, rnd)]
        torn = kept.pop() if kept and survival not in (Survival.NONE, Survival.ALL) and rnd.random() < _TORN else None
        length = max((offset + len(data or b"") for offset, data in self.pending), default=0)
        for offset, data in kept:
            _apply(self.durable, offset, data)
        if torn is not None and torn[1] is not None:
            _apply(self.durable, torn[0], torn[1][: rnd.randrange(len(torn[1]))])
        if survival is Survival.RANDOM and length > len(self.durable) and rnd.random() < 0.5:
            # The file grew, and what it grew by was not written: file systems give zeros then.
            self.durable.extend(bytes(length - len(self.durable)))
        self.pending.clear()


class Tree:
    """The files of a directory and of those below it, by their paths within it.

    A name that was made, changed or taken away is so on the disk once its directory was synced; until then a power cut
    undoes the last few of these, as a file system with a journal of such steps does. Directories themselves are
    durable when made.
    """

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self._durable: dict[str, File] = {}
        self._pending: list[tuple[str, Callable[[dict[str, File]], None]]] = []
        """Directories, and what was done to their names since they were synced; a handful, for stores sync them."""

    def adopt(self, path: str, content: bytes) -> File:
        """A file that was there before the simulation was; it is on the disk."""
        file = self.files[path] = self._durable[path] = File(content)
        return file

    def create(self, path: str) -> File:
        """A new, empty file."""
        file = File()
        self._change(path, lambda names: names.update({path: file}))
        return file

    def delete(self, path: str) -> None:
        """The file has its name no more."""

        def change(names: dict[str, File]) -> None:
            names.pop(path, None)

        self._change(path, change)

    def rename(self, source: str, target: str) -> None:
        """The file has another name, in the same directory, and what had that name has none."""

        def change(names: dict[str, File]) -> None:
            file = names.pop(source, None)
            if file is not None:
                names[target] = file

        self._change(target, change)

    def sync_directory(self, directory: str) -> None:
        """The names in the directory ("" for the topmost) are on the disk."""
        for of, change in self._pending:
            if of == directory:
                change(self._durable)
        self._pending = [step for step in self._pending if step[0] != directory]

    def lose(self, survival: Survival | None, rnd: random.Random) -> None:
        """The power goes. Without a survival each file has one of its own, and the names too."""

        def chosen() -> Survival:
            return survival or rnd.choice(list(Survival))

        names = chosen()
        kept = {Survival.NONE: 0, Survival.ALL: len(self._pending)}.get(names, rnd.randint(0, len(self._pending)))
        for _, change in self._pending[:kept]:
            change(self._durable)
        self._pending.clear()
        self.files = dict(self._durable)
        for path in sorted(self.files):
            self.files[path].lose(chosen(), rnd)

    def _change(self, path: str, change: Callable[[dict[str, File]], None]) -> None:
        change(self.files)
        self._pending.append((path.rpartition("/")[0], change))


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _units(pending: list[tuple[int, bytes | None]]) -> Iterator[tuple[int, bytes | None]]:
    """The writes, split where sectors end."""
    for offset, data in pending:
        if data is None:
            yield offset, None
            continue
        start = 0
        while start < len(data):
            end = start + SECTOR - (offset + start) % SECTOR
            yield offset + start, data[start:end]
            start = end


def _kept(count: int, survival: Survival, rnd: random.Random) -> list[int]:
    """Which of so many, in their order."""
    if survival is Survival.PREFIX:
        return list(range(rnd.randint(0, count)))
    if survival is Survival.RANDOM:
        share = rnd.choice((0.1, 0.5, 0.9, 1 - 1 / (count + 1)))
        return [i for i in range(count) if rnd.random() < share]
    return list(range(count if survival is Survival.ALL else 0))
