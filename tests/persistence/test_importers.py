"""Other servers' databases; pycrdt-store's is written by pycrdt-store itself."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pycrdt
import pytest
from pycrdt.store import SQLiteYStore

from motet.errors import StoreCorrupt, Unavailable
from motet.persistence import hocuspocus_sqlite, pycrdt_store

HOCUSPOCUS = 'CREATE TABLE IF NOT EXISTS "documents" ("name" varchar(255) NOT NULL, "data" blob NOT NULL, UNIQUE(name))'


def _hocuspocus(path: Path, documents: dict[str, object]) -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute(HOCUSPOCUS)
        connection.executemany("INSERT INTO documents VALUES (?, ?)", documents.items())
    connection.close()
    return path


async def _pycrdt(path: Path, texts: dict[str, list[str]], compress: Callable[[bytes], bytes] | None = None) -> Path:
    for name, parts in texts.items():

        class Store(SQLiteYStore):
            db_path = str(path)
            checkpoint_interval = 3

        async with Store(name) as store:
            if compress:
                store.register_compression_callbacks(compress, lambda data: zlib.decompress(data))
            doc = pycrdt.Doc()
            text = doc.get("text", type=pycrdt.Text)
            for part in parts:
                before = doc.get_state()
                text += part
                await store.write(doc.get_update(before))
    return path


def _text(updates: list[bytes]) -> str:
    doc = pycrdt.Doc()
    for update in updates:
        doc.apply_update(update)
    return str(doc.get("text", type=pycrdt.Text))


def test_hocuspocus_documents_come_with_their_names(tmp_path: Path) -> None:
    path = _hocuspocus(tmp_path / "odd ?#% name.sqlite", {"b": b"two", "a/ü": b"one"})
    assert list(hocuspocus_sqlite(path)) == [("a/ü", b"one"), ("b", b"two")]


async def test_pycrdt_documents_come_with_all_their_updates(tmp_path: Path) -> None:
    texts = {"one": ["a", "b"], "two": list("checkpoints come every three")}
    path = await _pycrdt(tmp_path / "ystore.db", texts)
    found = dict(pycrdt_store(path))
    assert {name: _text(updates) for name, updates in found.items()} == {n: "".join(t) for n, t in texts.items()}
    assert len(found["one"]) == 2
    assert len(found["two"]) == len(texts["two"]) + 1


async def test_updates_that_squashing_lost_come_from_the_checkpoint(tmp_path: Path) -> None:
    path = await _pycrdt(tmp_path / "ystore.db", {"one": ["a", "b", "c", "d"]})
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM yupdates WHERE rowid < 3")
    connection.close()
    assert [_text(updates) for _, updates in pycrdt_store(path)] == ["abcd"]


async def test_compressed_updates_are_decompressed(tmp_path: Path) -> None:
    for compress in (zlib.compress, gzip.compress, bz2.compress, lzma.compress):
        path = await _pycrdt(tmp_path / f"{compress.__module__}.db", {"one": ["a", "b"]}, compress)
        assert [_text(updates) for _, updates in pycrdt_store(path)] == ["ab"]


async def test_an_update_that_begins_like_something_compressed_is_left_alone(tmp_path: Path) -> None:
    path = await _pycrdt(tmp_path / "ystore.db", {"one": ["a"]})
    lookalikes = [b"\x78\x9cno", b"\x1f\x8bno", b"BZhno", b"\xfd7zXZ\x00no"]
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM yupdates")
        connection.executemany("INSERT INTO yupdates VALUES ('one', ?, NULL, 1)", [(data,) for data in lookalikes])
    connection.close()
    assert list(pycrdt_store(path)) == [("one", lookalikes)]


async def test_older_files_without_checkpoints_are_read(tmp_path: Path) -> None:
    path = await _pycrdt(tmp_path / "ystore.db", {"one": ["a", "b"]})
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE ycheckpoints")
    connection.close()
    assert [_text(updates) for _, updates in pycrdt_store(path)] == ["ab"]


@pytest.mark.parametrize("read", [hocuspocus_sqlite, pycrdt_store])
def test_what_cannot_be_read_is_an_error_never_no_documents(
    tmp_path: Path, read: Callable[[Path], Iterator[object]]
) -> None:
    """[P5]"""
    with pytest.raises(Unavailable):
        list(read(tmp_path / "missing"))
    (tmp_path / "text").write_bytes(b"no database " * 900)
    with pytest.raises(StoreCorrupt):
        list(read(tmp_path / "text"))
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(StoreCorrupt, match="no table"):
        list(read(tmp_path / "empty"))


def test_a_document_that_is_not_bytes_is_an_error(tmp_path: Path) -> None:
    """[P5]"""
    with pytest.raises(StoreCorrupt, match="'b'"):
        list(hocuspocus_sqlite(_hocuspocus(tmp_path / "documents.sqlite", {"a": b"", "b": "text"})))
