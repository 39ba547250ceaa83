"""Clocks that jump, for the processes that have `env`."""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path

from support.preload import build

SOURCE = Path(__file__).with_name("bent_clock.c")
BOTH = struct.Struct("=qq")


class BentClock:
    """The wall clock and the monotonic clock of whoever has `env`, ahead of this process's by whole seconds."""

    def __init__(self, directory: Path) -> None:
        library, offsets = build(SOURCE, directory), directory / "bent_clock"
        offsets.write_bytes(bytes(BOTH.size))
        with offsets.open("r+b") as file:
            self._offsets = mmap.mmap(file.fileno(), BOTH.size)
        self.wall = 0
        """Seconds, negative ones too."""
        self.monotonic = 0
        self.env = {"LD_PRELOAD": str(library), "BENT_CLOCK": str(offsets)}

    def jump(self, seconds: int) -> None:
        """The wall clock jumps, forwards or backwards."""
        self.wall += seconds
        self._write()

    def leap(self, seconds: int) -> None:
        """The monotonic clock leaps forwards, as when a virtual machine was moved."""
        self.monotonic += seconds
        self._write()

    def now(self) -> float:
        """The time of day there, in seconds since the epoch."""
        return time.time() + self.wall

    def _write(self) -> None:
        BOTH.pack_into(self._offsets, 0, self.wall, self.monotonic)
