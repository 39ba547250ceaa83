"""One writer to a data directory: an advisory lock on a file, which the kernel releases when the process ends, however.

`flock` and not `lockf`: a POSIX record lock is lost as soon as any descriptor of the file is closed, and does not
exclude a second store in the same process. A flock is inherited over fork without exec, so worker processes are to be
spawned.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from motet.errors import StoreInUse, Unavailable

LOCK_FILE = "motet.lock"


class DataLock:
    """Held from construction to `release`. Raises StoreInUse, naming the holder, and Unavailable if it cannot tell."""

    def __init__(self, data_dir: Path) -> None:
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise Unavailable(f"the data directory {data_dir} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"pid {os.getpid()} on {socket.gethostname()}".encode(), 0)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 200, 0).decode(errors="replace") or "another process"
            os.close(self._fd)
            raise StoreInUse(f"{data_dir} is in use by {holder}: stop that server first") from error
        except OSError as error:
            os.close(self._fd)
            raise Unavailable(f"the data directory {data_dir} cannot be locked: {error.strerror}") from error

    def release(self) -> None:
        """Lets others in. The file stays: removing it would let two processes lock two files of one name."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@contextmanager
def writable(data_dir: Path) -> Iterator[None]:
    """Holds the data directory for a command that writes to it. Raises as DataLock does."""
    lock = DataLock(data_dir)
    try:
        yield
    finally:
        lock.release()
