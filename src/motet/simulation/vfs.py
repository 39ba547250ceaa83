"""SQLite's files under a simulated directory are answered for by somebody else: a VFS in Python, without a compiler.

It is a copy of SQLite's own unix VFS, registered as the default, whose `xOpen` lets the real one open the file and then
gives the file a copy of its method table with `xRead`, `xWrite`, `xTruncate`, `xSync` and `xClose` of ours. All else
(locks, the shared memory of a write-ahead log) stays native, and so do files elsewhere, at the cost of one comparison
when they are opened. Source: https://www.sqlite.org/vfs.html, sqlite3.h and os_unix.c of 3.40.

The callbacks hold the interpreter lock while the native method runs, but for `xOpen`, which takes a mutex of SQLite's.
"""

from __future__ import annotations

import _sqlite3
import atexit
import ctypes
import sqlite3
import sys
from ctypes import POINTER, PYFUNCTYPE, Structure, c_char_p, c_int, c_int64, c_void_p
from functools import cache
from os import fsdecode
from typing import Protocol

from motet.simulation.disk_faults import Fault

OPEN_CREATE = 0x4
OPEN_MAIN_JOURNAL = 0x800
OPEN_WAL = 0x80000

_OPEN = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_DELETE = PYFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_RANDOMNESS = PYFUNCTYPE(c_int, c_void_p, c_int, c_void_p)
_CLOSE = PYFUNCTYPE(c_int, c_void_p)
_TRANSFER = PYFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = PYFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = PYFUNCTYPE(c_int, c_void_p, c_int)


class _Vfs(Structure):
    _fields_ = (
        ("iVersion", c_int),
        ("szOsFile", c_int),
        ("mxPathname", c_int),
        ("pNext", c_void_p),
        ("zName", c_char_p),
        ("pAppData", c_void_p),
        ("xOpen", c_void_p),
        ("xDelete", c_void_p),
        ("xAccess", c_void_p),
        ("xFullPathname", c_void_p),
        ("xDlOpen", c_void_p),
        ("xDlError", c_void_p),
        ("xDlSym", c_void_p),
        ("xDlClose", c_void_p),
        ("xRandomness", c_void_p),
        ("xSleep", c_void_p),
        ("xCurrentTime", c_void_p),
        ("xGetLastError", c_void_p),
        ("xCurrentTimeInt64", c_void_p),
        ("xSetSystemCall", c_void_p),
        ("xGetSystemCall", c_void_p),
        ("xNextSystemCall", c_void_p),
    )


class _IoMethods(Structure):
    _fields_ = (
        ("iVersion", c_int),
        ("xClose", c_void_p),
        ("xRead", c_void_p),
        ("xWrite", c_void_p),
        ("xTruncate", c_void_p),
        ("xSync", c_void_p),
        ("native", c_void_p * 13),
    )


class OpenFile(Protocol):
    """An open file of a volume: asked before the native method runs. Every method raises Fault."""

    def read(self) -> None: ...

    def write(self, data: bytes, offset: int) -> None: ...

    def truncate(self, size: int) -> None: ...

    def sync(self) -> None:
        """Instead of the native method."""
        ...


class Volume(Protocol):
    """Answers for the files under a directory. The methods raise Fault; the native call follows if they do not."""

    def open(self, path: str, flags: int) -> OpenFile: ...

    def delete(self, path: str, sync_directory: bool) -> None: ...

    def randomness(self, size: int) -> bytes:
        """So many bytes for SQLite's random numbers, which are in every write-ahead log."""
        ...


class VfsUnavailable(RuntimeError):
    """SQLite's VFS functions are not to be found: this Python was linked statically, or has another platform's."""


_volumes: dict[str, Volume] = {}
"""By directory, absolute, without links, with a slash at its end."""

_open_files: dict[int, OpenFile] = {}
"""By the address of SQLite's file object."""

_natives: dict[int | None, int] = {}
"""The addresses of the native method tables by those of ours."""


def mount(directory: str, volume: Volume) -> None:
    """From now on the volume answers for what SQLite opens under the directory (absolute, without links).

    SQLite's random numbers, which the process shares, begin anew with those of the volume. Raises VfsUnavailable.
    """
    default = _default()
    _volumes[directory + "/"] = volume
    default.begin_random_numbers()


def unmount(directory: str) -> None:
    """What is opened there from now on is native. What is open keeps its volume."""
    del _volumes[directory + "/"]
    _default().begin_random_numbers()


@atexit.register
def _let_go() -> None:
    """What is still open is closed without us: after the interpreter there is nobody to call back."""
    for file in _open_files:
        methods = c_void_p.from_address(file)
        methods.value = _natives[methods.value]


def _volume_of(path: str) -> Volume | None:
    """Who answers for a path (absolute, without links)."""
    for directory, volume in _volumes.items():
        if path.startswith(directory):
            return volume
    return None


class _Methods:
    """The method table of our files, from one of the native VFS's tables (it has one for each way of locking)."""

    def __init__(self, native: int) -> None:
        table = _IoMethods.from_buffer_copy(_IoMethods.from_address(native))
        self._close = _CLOSE(table.xClose)
        self._read = _TRANSFER(table.xRead)
        self._write = _TRANSFER(table.xWrite)
        self._truncate = _TRUNCATE(table.xTruncate)
        # SQLite calls these as long as the process lives: the references are never given up.
        self._ours = (
            _CLOSE(self._xclose),
            _TRANSFER(self._xread),
            _TRANSFER(self._xwrite),
            _TRUNCATE(self._xtruncate),
            _SYNC(self._xsync),
        )
        table.xClose, table.xRead, table.xWrite, table.xTruncate, table.xSync = map(_address, self._ours)
        self._table = table
        self.address = ctypes.addressof(table)
        _natives[self.address] = native

    def _xclose(self, file: int) -> int:
        _open_files.pop(file, None)
        code: int = self._close(file)
        return code

    def _xread(self, file: int, buffer: int, size: int, offset: int) -> int:
        try:
            _open_files[file].read()
            code: int = self._read(file, buffer, size, offset)
            return code
        except Fault as fault:
            return fault.code
        except BaseException as error:  # noqa: BLE001
            return _broken(error)

    def _xwrite(self, file: int, buffer: int, size: int, offset: int) -> int:
        try:
            _open_files[file].write(ctypes.string_at(buffer, size), offset)
            code: int = self._write(file, buffer, size, offset)
            return code
        except Fault as fault:
            if done := fault.done_of(size):
                self._write(file, buffer, done, offset)
            return fault.code
        except BaseException as error:  # noqa: BLE001
            return _broken(error)

    def _xtruncate(self, file: int, size: int) -> int:
        try:
            _open_files[file].truncate(size)
            code: int = self._truncate(file, size)
            return code
        except Fault as fault:
            if fault.done:
                self._truncate(file, size)
            return fault.code
        except BaseException as error:  # noqa: BLE001
            return _broken(error)

    def _xsync(self, file: int, flags: int) -> int:
        try:
            _open_files[file].sync()
            return sqlite3.SQLITE_OK
        except Fault as fault:
            return fault.code
        except BaseException as error:  # noqa: BLE001
            return _broken(error)


class _DefaultVfs:
    """Registers itself as SQLite's default."""

    def __init__(self) -> None:
        library = ctypes.CDLL(_sqlite3.__file__)
        try:
            find, register = library.sqlite3_vfs_find, library.sqlite3_vfs_register
            self._randomness = library.sqlite3_randomness
        except AttributeError as error:
            raise VfsUnavailable(f"{_sqlite3.__file__} does not say where SQLite's functions are") from error
        find.restype, find.argtypes = POINTER(_Vfs), (c_char_p,)
        register.restype, register.argtypes = c_int, (c_void_p, c_int)
        self._randomness.restype, self._randomness.argtypes = None, (c_int, c_void_p)
        native = find(b"unix")
        if not native:
            raise VfsUnavailable("SQLite has no VFS of the name unix here")
        vfs = _Vfs.from_buffer_copy(native.contents)
        self._open = _OPEN(vfs.xOpen)
        self._delete = _DELETE(vfs.xDelete)
        self._system_randomness = _RANDOMNESS(vfs.xRandomness)
        self._ours = _OPEN(self._xopen), _DELETE(self._xdelete), _RANDOMNESS(self._xrandomness)
        vfs.zName = b"motet-simulation"
        vfs.xOpen, vfs.xDelete, vfs.xRandomness = map(_address, self._ours)
        self._vfs = vfs
        if register(ctypes.addressof(vfs), 1) != sqlite3.SQLITE_OK:
            raise VfsUnavailable("SQLite does not take another VFS")

    def begin_random_numbers(self) -> None:
        """SQLite asks the VFS for a seed when it next needs a random number."""
        self._randomness(0, None)

    def _xopen(self, vfs: int, name: int | None, file: int, flags: int, out_flags: int | None) -> int:
        try:
            path = fsdecode(ctypes.string_at(name)) if name else ""
            volume = _volume_of(path)
            opened = volume.open(path, flags) if volume else None
            code: int = self._open(vfs, name, file, flags, out_flags)
            if opened is not None and code == sqlite3.SQLITE_OK:
                methods = c_void_p.from_address(file)
                assert methods.value is not None
                methods.value = _methods(methods.value).address
                _open_files[file] = opened
            return code
        except Fault as fault:
            return fault.code
        except BaseException as error:  # noqa: BLE001
            return _broken(error)

    def _xdelete(self, vfs: int, name: int, sync_directory: int) -> int:
        try:
            path = fsdecode(ctypes.string_at(name))
            volume = _volume_of(path)
            if volume is not None:
                volume.delete(path, bool(sync_directory))
            code: int = self._delete(vfs, name, 0 if volume else sync_directory)
            return code
        except Fault as fault:
            if fault.done:
                self._delete(vfs, name, 0)
            return fault.code
        except BaseException as error:  # noqa: BLE001
            return _broken(error)

    def _xrandomness(self, vfs: int, size: int, buffer: int) -> int:
        volume = next(reversed(_volumes.values()), None)
        if volume is None:
            size = self._system_randomness(vfs, size, buffer)
        else:
            ctypes.memmove(buffer, volume.randomness(size), size)
        return size


def _broken(error: BaseException) -> int:
    """A mistake of ours in a callback. Raised into C it would be read as SQLITE_OK, and a write that never was as done.

    SQLite fails with SQLITE_INTERNAL, and the simulation with it.
    """
    sys.excepthook(type(error), error, error.__traceback__)
    return sqlite3.SQLITE_INTERNAL


def _address(callback: ctypes._CFunctionType) -> int | None:
    return ctypes.cast(callback, c_void_p).value


@cache
def _methods(native: int) -> _Methods:
    return _Methods(native)


@cache
def _default() -> _DefaultVfs:
    return _DefaultVfs()
