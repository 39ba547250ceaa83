"""Disks that are small, and disks that are slow."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.preload import build

SLOW_SYNC = Path(__file__).with_name("slow_sync.c")


@contextlib.contextmanager
def small_disk(where: Path, mebibytes: int = 24) -> Iterator[Path]:
    """A file system of that size at a directory that is made. Where none can be mounted the test is skipped."""
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(where)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield where
    finally:
        subprocess.run(["umount", "--lazy", str(where)], check=True)


def fill(disk: Path, leave: int = 0) -> Path:
    """A file that takes all the room but so many bytes."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    os.truncate(filler, max(0, filler.stat().st_size - leave))
    return filler


class SlowDisk:
    """A directory whose files take their time to become durable, for the processes that have `env`."""

    def __init__(self, directory: Path) -> None:
        self._pace = directory / "slow_sync.ms"
        library = build(SLOW_SYNC, directory)
        self.env = {"LD_PRELOAD": str(library), "SLOW_SYNC": str(directory)}

    def slow_down(self, milliseconds: int) -> None:
        """From now on each fsync takes so much longer."""
        self._pace.write_text(str(milliseconds))
