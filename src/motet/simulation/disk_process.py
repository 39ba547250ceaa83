"""A process as its disk sees it: each step is counted, may fail, and is noted in what the disk holds."""

from __future__ import annotations

import random
from pathlib import Path

from motet.simulation import vfs
from motet.simulation.disk_faults import Fault, Faults, Step
from motet.simulation.platter import File, Survival, Tree

_SYNCS_ITS_DIRECTORY = vfs.OPEN_WAL | vfs.OPEN_MAIN_JOURNAL
"""With the first sync of these SQLite's unix VFS syncs the directory, if they were opened to be made."""


class Process:
    """Answers for the files under a directory, to SQLite (`vfs.Volume`) and to `os` (`system_calls.Files`)."""

    def __init__(self, directory: Path, tree: Tree, faults: Faults, rnd: random.Random) -> None:
        self.directory = directory
        self.faults = faults
        self.rnd = rnd
        self.tree = tree

    def open(self, path: str, flags: int) -> vfs.OpenFile:
        self.faults.take(Step.OPEN)
        name = self._name(path)
        file = self.tree.files.get(name)
        if file is None:
            if Path(path).is_file():
                file = self.tree.adopt(name, Path(path).read_bytes())
            elif flags & vfs.OPEN_CREATE and Path(path).parent.is_dir():
                file = self.tree.create(name)
            else:
                file = File()  # The real call will fail.
        makes = flags & vfs.OPEN_CREATE and flags & _SYNCS_ITS_DIRECTORY
        return _Opened(self, file, _directory_of(name) if makes else None)

    def delete(self, path: str, sync_directory: bool) -> None:
        self.unlink(path)
        if sync_directory:
            self.tree.sync_directory(_directory_of(self._name(path)))

    def randomness(self, size: int) -> bytes:
        return self.rnd.randbytes(size)

    def unlink(self, path: str) -> None:
        name = self._name(path)
        if name in self.tree.files:
            self.faults.do(Step.DELETE, lambda: self.tree.delete(name))

    def rename(self, source: str, target: str) -> None:
        old, new = self._name(source), self._name(target)
        if old in self.tree.files:
            self.faults.do(Step.RENAME, lambda: self.tree.rename(old, new))

    def fsync(self, path: str) -> None:
        name = self._name(path)
        if name in self.tree.files:
            self.sync(self.tree.files[name])
        else:
            self.faults.do(Step.SYNC, lambda: self.tree.sync_directory(name))

    def sync(self, file: File) -> None:
        """Raises Fault; what was to be synced may then be on the disk, pending, or lost."""
        try:
            self.faults.do(Step.SYNC, file.sync)
        except Fault:
            # As Linux does: the pages count as written, and the next sync does not try them again.
            if not self.faults.dead and self.rnd.random() < 0.5:
                file.lose(Survival.RANDOM, self.rnd)
            raise

    def _name(self, path: str) -> str:
        return path[len(str(self.directory)) + 1 :]


class _Opened:
    """An open file (`vfs.OpenFile`)."""

    __slots__ = ("_directory", "_file", "_process", "_take")

    def __init__(self, process: Process, file: File, directory: str | None) -> None:
        self._process = process
        self._take = process.faults.take
        self._file = file
        self._directory = directory
        """To be synced with the file."""

    def read(self) -> None:
        self._take(Step.READ)

    def write(self, data: bytes, offset: int) -> None:
        try:
            self._take(Step.WRITE)
        except Fault as fault:
            if done := fault.done_of(len(data)):
                self._file.pending.append((offset, data[:done]))
            raise
        self._file.pending.append((offset, data))

    def truncate(self, size: int) -> None:
        self._process.faults.do(Step.TRUNCATE, lambda: self._file.pending.append((size, None)))

    def sync(self) -> None:
        self._process.sync(self._file)
        if self._directory is not None:
            self._process.tree.sync_directory(self._directory)
            self._directory = None


def _directory_of(name: str) -> str:
    return name.rpartition("/")[0]
