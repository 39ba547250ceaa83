"""The disk of a simulated server: it fails, tears writes, dies with the process, and forgets what was not synced.

The files are real, in a directory of their own, and SQLite works on them (`vfs`); beside them is kept what a power cut
would leave (`platter`). Whenever the process dies the next one gets a new directory with what survived: what the dead
one's connections and locks do afterwards is refused, and reaches nobody.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

from motet.persistence.lock import LOCK_FILE
from motet.simulation import system_calls, vfs
from motet.simulation.disk_faults import Faults, Step
from motet.simulation.disk_process import Process
from motet.simulation.platter import Survival, Tree

_IN_MEMORY = Path("/dev/shm")
"""Where files are made, if there is such a place: nothing of a simulation needs a real disk."""


class Disk:
    """A disk that works until it is told not to. All that is random in it comes of `rnd`: the same seed and the same
    calls give the same bytes.

    One at a time. To be closed in the end. Raises VfsUnavailable.
    """

    def __init__(self, rnd: random.Random) -> None:
        self.counts: Counter[str] = Counter()
        """Steps of each kind (by `Step`), and `faults`."""
        self._rnd = rnd
        self._root = Path(tempfile.mkdtemp(prefix="motet-disk-", dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None))
        self._root = self._root.resolve()
        self._tree = Tree()
        self._lives = 0
        self._process = self._begin({})

    @property
    def directory(self) -> Path:
        """Where the present process has its data."""
        return self._process.directory

    @property
    def dead(self) -> bool:
        """The present process has died, at the step of `crash_at`; all that it does to the disk fails since then."""
        return self._process.faults.dead

    @property
    def steps(self) -> int:
        """How many steps the present process has taken. A step is all that it does to the disk but reading."""
        return self._process.faults.steps

    def fail(self, what: Collection[Step], full: bool = False) -> None:
        """From now on these fail: for want of space, or as a disk that is going. A part of a step may be done first.

        What a sync that fails was to write is lost at the next power cut unless it is written again, as on Linux, or
        waits for the next sync, or is on the disk.
        """
        self._process.faults.fail(frozenset(what), full)

    def calm(self) -> None:
        """Nothing fails any more, but to a process that is dead."""
        self._process.faults.calm()

    def fail_at(self, n: int, full: bool = False) -> None:
        """The n-th step from now fails, and the others do not."""
        self._process.faults.fail_at(n, full)

    def fail_from(self, n: int, full: bool = False) -> None:
        """From the n-th step from now on everything fails, reading too, until the disk is calm."""
        self._process.faults.fail_from(n, full)

    def crash_at(self, n: int) -> None:
        """At the n-th step from now the process dies: the step is done wholly, in part (torn at a byte or a sector), or
        not at all.

        The next process has to be begun by `kill` or `power_cut`.
        """
        self._process.faults.crash_at(n)

    def kill(self) -> None:
        """The process is dead and the machine goes on: all that was written is there for the next one."""
        live = {path: (self.directory / path).read_bytes() for path in self._tree.files}
        self._next({**live, **self._others()})

    def power_cut(self, survival: Survival | None = None) -> None:
        """The next process finds what was synced, and of the rest what chance has left, or the survival that is named.

        Names that were made, changed or taken away are undone, the last ones first, if their directory was not synced.
        """
        others = self._others()
        self._tree.lose(survival, self._rnd)
        self._next({**{path: file.durable for path, file in self._tree.files.items()}, **others})

    def close(self) -> None:
        """Removes everything."""
        self._end()
        shutil.rmtree(self._root)

    def _others(self) -> dict[str, bytes]:
        """Files that SQLite has not opened survive everything. A lock and a log's shared memory are their process's."""
        found = (path.relative_to(self.directory).as_posix() for path in self.directory.rglob("*") if path.is_file())
        return {
            path: (self.directory / path).read_bytes()
            for path in found
            if path not in self._tree.files and not path.endswith("-shm") and path != LOCK_FILE
        }

    def _next(self, files: Mapping[str, bytes | bytearray]) -> None:
        faults = self._process.faults
        self._end()
        shutil.rmtree(self.directory)
        self._process = self._begin(files)
        self._process.faults.fail(faults.failing, faults.full)

    def _begin(self, files: Mapping[str, bytes | bytearray]) -> Process:
        self._lives += 1
        directory = self._root / str(self._lives)
        directory.mkdir()
        for path, content in files.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_bytes(content)
        process = Process(directory, self._tree, Faults(self._rnd, self.counts), self._rnd)
        vfs.mount(str(directory), process)
        system_calls.install(str(directory), process)
        return process

    def _end(self) -> None:
        self._process.faults.die()
        vfs.unmount(str(self.directory))
        system_calls.uninstall()
