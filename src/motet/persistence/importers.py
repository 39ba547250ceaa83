"""Documents of other servers' SQLite files, as Yjs updates. Read-only; unreadable is an error, never absent."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from motet.errors import StoreCorrupt, Unavailable
from motet.persistence.sqlite_file import closing, connect, errors_translated

# By the first bytes of what each writes. A Yjs update can begin like this by chance; it cannot also pass the format's
# own checksum, so that one which does not decompress is an update.
_COMPRESSIONS: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
    (b"\x78", zlib.decompress),
    (b"\x1f\x8b", gzip.decompress),
    (b"BZh", bz2.decompress),
    (b"\xfd7zXZ\x00", lzma.decompress),
)


def hocuspocus_sqlite(path: Path) -> Iterator[tuple[str, bytes]]:
    """Each document's name and state, from a file of @hocuspocus/extension-sqlite (table `documents`: name, data).

    Raises Unavailable if the file cannot be opened, StoreCorrupt if it is no such file or is damaged.
    """
    with _opened(path, "documents") as connection:
        for name, data in connection.execute("SELECT name, data FROM documents ORDER BY name"):
            yield _checked(name, data)


def pycrdt_store(path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Each document's path and its updates, from a file of pycrdt-store's SQLiteYStore (tables of its version 2).

    A checkpoint comes first: it repeats the updates before it, but for those that squashing has lost. Updates that were
    compressed by zlib, gzip, bz2 or lzma are decompressed. Raises as `hocuspocus_sqlite` does.
    """
    with _opened(path, "yupdates") as connection:
        # Older files have no checkpoints.
        old = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'ycheckpoints'").fetchone() is None
        checkpoints = "SELECT NULL, NULL, NULL WHERE 0" if old else "SELECT path, checkpoint, -1 FROM ycheckpoints"
        everything = f"{checkpoints} UNION ALL SELECT path, yupdate, rowid FROM yupdates ORDER BY 1, 3"
        document, updates = "", list[bytes]()
        for path_of, data, _ in connection.execute(everything):
            name, update = _checked(path_of, data)
            if name != document and updates:
                yield document, updates
                updates = []
            document = name
            updates.append(_decompressed(update))
        if updates:
            yield document, updates


@contextmanager
def _opened(path: Path, table: str) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise Unavailable(f"there is no file {path}")
    with errors_translated(), closing(connect(path, "ro")) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is None:
            raise StoreCorrupt(f"{path} has no table {table!r}: it was not written by that server")
        yield connection


def _checked(name: object, data: object) -> tuple[str, bytes]:
    if not isinstance(name, str) or not isinstance(data, bytes):
        raise StoreCorrupt(f"the document {name!r} is damaged: it is not of its types")
    return name, data


def _decompressed(data: bytes) -> bytes:
    for magic, decompress in _COMPRESSIONS:
        if data.startswith(magic):
            try:
                return decompress(data)
            except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError):
                return data
    return data
