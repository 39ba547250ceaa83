"""The low-disk mark: below it the server turns read-only, before the disk is full and every commit fails."""

from __future__ import annotations

import os
from pathlib import Path

from motet.errors import Unavailable


def is_low(free: int, mark: int, was_low: bool) -> bool:
    """Whether writing should stop, in bytes; once stopped, free space must pass the mark by a quarter to end it."""
    return free < (mark + mark // 4 if was_low else mark)


def free_bytes(data_dir: Path) -> int:
    """What an unprivileged process may still write there. Raises Unavailable if that cannot be told."""
    try:
        disk = os.statvfs(data_dir)
    except OSError as error:
        raise Unavailable(f"the disk of {data_dir} cannot be asked: {error.strerror}") from error
    return disk.f_bavail * disk.f_frsize
