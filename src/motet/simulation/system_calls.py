"""The calls by which the store makes, moves and removes files without SQLite: a simulated disk is asked before them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

from motet.simulation.disk_faults import Fault

_Path = str | os.PathLike[str]


class Files(Protocol):
    """Answers for the files under a directory. The methods raise Fault; the real call follows if they do not."""

    def fsync(self, path: str) -> None:
        """Of a file, or of the directory or one below it; instead of the real call."""
        ...

    def rename(self, source: str, target: str) -> None: ...

    def unlink(self, path: str) -> None: ...


_fsync, _rename, _unlink = os.fsync, os.rename, os.unlink


def install(directory: str, files: Files) -> None:
    """`os.fsync`, `os.rename` and `os.unlink` of the whole process ask these files about what is under the directory.

    One directory at a time: a later one takes its place.
    """

    def is_under(path: str) -> bool:
        return path == directory or path.startswith(f"{directory}/")

    def fsync(fd: int) -> None:
        path = os.readlink(f"/proc/self/fd/{fd}")
        if not is_under(path):
            _fsync(fd)
            return
        try:
            files.fsync(path)
        except Fault as fault:
            raise fault.as_os_error(path) from None

    def rename(source: _Path, target: _Path) -> None:
        old, new = os.path.abspath(source), os.path.abspath(target)
        try:
            if is_under(old):
                files.rename(old, new)
        except Fault as fault:
            if fault.done:
                _rename(source, target)
            raise fault.as_os_error(new) from None
        _rename(source, target)

    def unlink(path: _Path, *, dir_fd: int | None = None) -> None:
        try:
            if dir_fd is None and is_under(os.path.abspath(path)):  # with one, it is shutil that clears away
                files.unlink(os.path.abspath(path))
        except Fault as fault:
            if fault.done:
                _unlink(path)
            raise fault.as_os_error(os.fspath(path)) from None
        _unlink(path, dir_fd=dir_fd)

    _set(fsync, rename, unlink)


def uninstall() -> None:
    """They are the system's again."""
    _set(_fsync, _rename, _unlink)


def _set(fsync: Callable[..., None], rename: Callable[..., None], unlink: Callable[..., None]) -> None:
    for name, function in (("fsync", fsync), ("rename", rename), ("unlink", unlink)):
        setattr(os, name, function)
