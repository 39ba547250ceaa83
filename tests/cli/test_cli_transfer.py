"""`motet export` and `motet import`."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cli_harness import database, fill, motet, text_of, write_update
from pycrdt import Doc, Map, Text
from pycrdt.store import SQLiteYStore

from motet.crdt import MAX_WAITING
from support.wire import Typist

HOCUSPOCUS_SCHEMA = """CREATE TABLE IF NOT EXISTS "documents" (
  "name" varchar(255) NOT NULL,
  "data" blob NOT NULL,
  UNIQUE(name)
)"""
"""As @hocuspocus/extension-sqlite makes it."""


def exported(data: Path, room: str) -> str:
    return text_of(motet("export", room, "--as", "yjs", "--data", data).raw)


def hocuspocus_file(path: Path, documents: dict[str, object]) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(HOCUSPOCUS_SCHEMA)
        connection.executemany("INSERT INTO documents VALUES (?, ?)", documents.items())
        connection.commit()
    return path


def pycrdt_file(path: Path, documents: dict[str, list[bytes]]) -> Path:
    """By pycrdt-store itself."""

    class Store(SQLiteYStore):
        db_path = str(path)

    async def write() -> None:
        for name, updates in documents.items():
            async with Store(name) as store:
                for update in updates:
                    await store.write(update)

    asyncio.run(write())
    return path


# ---- export


def test_a_room_is_exported_as_an_update_json_and_text(tmp_path: Path) -> None:
    """The update is what another Yjs loads; JSON is the default."""
    doc: Doc[Text | Map[object]] = Doc()
    doc["text"] = Text("grüß dich 🎼")
    doc["board"] = Map({"note": "b", "at": [1, 2.5]})
    (tmp_path / "file.yjs").write_bytes(doc.get_update())
    data = tmp_path / "data"
    motet("import", "a/room", tmp_path / "file.yjs", "--data", data)
    assert exported(data, "a/room") == "grüß dich 🎼"
    shown = json.loads(motet("export", "a/room", "--data", data).out)
    assert shown == {"text": "grüß dich 🎼", "board": {"note": "b", "at": [1, 2.5]}}
    assert (
        motet("export", "a/room", "--as", "json", "--data", data).out == motet("export", "a/room", "--data", data).out
    )
    assert motet("export", "a/room", "--as", "text", "--data", data).out == "grüß dich 🎼\n"


def test_what_is_no_room_is_not_exported(tmp_path: Path) -> None:
    """[P5] One line on standard error and nothing on standard output."""
    data = fill(tmp_path / "data", a="1")
    for room, why in (("b", "there is no room 'b'"), ("", "no room name"), ("x" * 257, "no room name")):
        outcome = motet("export", room, "--data", data)
        assert (outcome.code, outcome.raw) == (1, b"")
        assert why in outcome.err
    assert motet("export", "a", "--as", "pdf", "--data", data).code == 2


def test_a_corrupted_byte_is_an_error_never_a_document(tmp_path: Path) -> None:
    """[P5]"""
    data = fill(tmp_path / "data", a="1", b="2")
    with database(data) as connection:
        connection.execute("UPDATE log SET data = x'0000' WHERE room = (SELECT id FROM rooms WHERE name = 'a')")
    outcome = motet("export", "a", "--data", data)
    assert (outcome.code, outcome.raw) == (1, b"")
    assert "damaged" in outcome.err
    assert exported(data, "b") == "2"


# ---- import of a file


def test_an_update_a_json_and_a_text_file_are_imported(tmp_path: Path) -> None:
    """By the file's name; whatever is neither .json nor .txt is a Yjs update."""
    data = tmp_path / "data"
    (tmp_path / "a.txt").write_text("from text\n")
    (tmp_path / "b.json").write_text('{"text": "from json", "board": {"k": [1, null], "t": {"$text": "x"}}}')
    write_update(tmp_path / "c.bin", "from an update")
    for file in ("a.txt", "b.json", "c.bin"):
        outcome = motet("import", file[0], tmp_path / file, "--data", data)
        assert (outcome.code, outcome.err) == (0, "1 imported, 0 not\n")
    assert exported(data, "a") == "from text\n"
    assert json.loads(motet("export", "b", "--data", data).out) == {
        "text": "from json",
        "board": {"k": [1, None], "t": "x"},
    }
    assert exported(data, "c") == "from an update"


def test_a_room_that_exists_is_not_imported_into_without_merge(tmp_path: Path) -> None:
    """With it both contents are there, and the same content twice changes nothing."""
    data = fill(tmp_path / "data", a="old")
    file = write_update(tmp_path / "new.yjs", "new", client=9)
    refused = motet("import", "a", file, "--data", data)
    assert refused.code == 1
    assert refused.err == "a: the room exists; --merge merges the document into it\n0 imported, 1 not\n"
    assert exported(data, "a") == "old"
    for _ in range(2):
        assert motet("import", "a", file, "--merge", "--data", data).code == 0
    assert sorted(exported(data, "a")) == sorted("oldnew")
    assert motet("rooms", "--data", data).out.splitlines()[1].split()[-2] == "2"
    assert motet("import", "b", file, "--merge", "--data", data).code == 0
    assert exported(data, "b") == "new"


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("missing.txt", None, "No such file"),
        ("bad.json", b"{", "bad.json"),
        ("list.json", b"[1]", "object of roots"),
        ("bad.txt", b"\xff\xfe", "bad.txt"),
        ("bad.yjs", b"\x01\x01\x07\x00\x04\x01", "a: "),
        ("empty.yjs", b"", "a: "),
        ("half.yjs", b"\x01\x01\x07\x05\x84\x07\x04\x01x\x00", "not whole"),
    ],
)
def test_a_file_that_cannot_be_imported_is_refused(tmp_path: Path, name: str, content: bytes | None, why: str) -> None:
    """And leaves no room."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    outcome = motet("import", "a", tmp_path / name, "--data", tmp_path / "data")
    assert outcome.code == 1
    assert why in outcome.err
    assert "no room 'a'" in motet("export", "a", "--data", fill(tmp_path / "data", b="1")).err


def test_the_arguments_of_import_must_fit_together(tmp_path: Path) -> None:
    """A room needs a file; --from takes one path; a name must be a room's."""
    data = tmp_path / "data"
    file = write_update(tmp_path / "a.yjs", "1")
    assert "motet import ROOM FILE" in motet("import", "a", "--data", data).err
    assert "one argument" in motet("import", "--from", "pycrdt-store", file, "b", "--data", data).err
    assert motet("import", "--from", "y-sweet", file, "--data", data).code == 2
    assert not data.exists()
    named = motet("import", "a\x1b[2J", file, "--data", data)
    assert named.code == 1
    assert named.err.startswith("'a\\x1b[2J': 'a\\x1b[2J' is no room name")


def test_an_imported_room_has_a_snapshot(tmp_path: Path) -> None:
    """So that the first join is a read, not a scan."""
    data = tmp_path / "data"
    motet("import", "a", write_update(tmp_path / "a.yjs", "1"), "--data", data)
    motet("import", "a", write_update(tmp_path / "a.yjs", "2", client=8), "--merge", "--data", data)
    with database(data) as connection:
        assert connection.execute("SELECT seq FROM snapshots").fetchall() == [(2,)]
    assert motet("verify", "--data", data).code == 0


# ---- import from other servers


def test_the_documents_of_hocuspocus_come_into_rooms_of_their_names(tmp_path: Path) -> None:
    """Those that cannot are named, the others come; a second run is refused, and merges to the same."""
    documents = {
        "team/ü": Typist(5).type("first "),
        "second": Typist(6).type("two"),
        "bad\nname": Typist(7).type("three"),
        "broken": b"\x01\x02",
    }
    file = hocuspocus_file(tmp_path / "documents.sqlite", documents)
    data = tmp_path / "data"
    outcome = motet("import", "--from", "hocuspocus-sqlite", file, "--data", data)
    assert outcome.code == 1
    assert "2 imported, 2 not" in outcome.err
    assert "'bad\\nname': 'bad\\nname' is no room name" in outcome.err
    assert "broken: " in outcome.err
    assert exported(data, "team/ü") == "first "
    assert exported(data, "second") == "two"
    assert "0 imported, 4 not" in motet("import", "--from", "hocuspocus-sqlite", file, "--data", data).err
    assert "2 imported, 2 not" in motet("import", "--from", "hocuspocus-sqlite", file, "--merge", "--data", data).err
    assert exported(data, "second") == "two"


def test_the_documents_of_pycrdt_store_come_whole(tmp_path: Path) -> None:
    """Each from all of its updates."""
    typist, other = Typist(5), Typist(6)
    documents = {"one": [typist.type(part) for part in ("a", "b", "c")], "json:notebook:1": [other.type("x")]}
    file = pycrdt_file(tmp_path / "ystore.db", documents)
    data = tmp_path / "data"
    outcome = motet("import", "--from", "pycrdt-store", file, "--data", data)
    assert (outcome.code, outcome.err) == (0, "2 imported, 0 not\n")
    assert exported(data, "one") == "abc"
    assert exported(data, "json:notebook:1") == "x"
    assert motet("rooms", "--data", data).out.splitlines()[1].split()[-2] == "1"


def test_updates_that_came_before_their_causes_are_imported_however_large(tmp_path: Path) -> None:
    """More than the engine lets wait."""
    typist = Typist(5)
    parts = [letter * (MAX_WAITING // 3) for letter in "abcde"]
    updates = [typist.type(part) for part in parts]
    file = pycrdt_file(tmp_path / "ystore.db", {"one": updates[::-1], "half": updates[1:]})
    outcome = motet("import", "--from", "pycrdt-store", file, "--data", tmp_path / "data")
    assert outcome.err.startswith("half: the document is not whole")
    assert "1 imported, 1 not" in outcome.err
    assert exported(tmp_path / "data", "one") == "".join(parts)


def test_another_database_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """[P5] What was read before the damage is imported, and told."""
    data = tmp_path / "data"
    missing = motet("import", "--from", "hocuspocus-sqlite", tmp_path / "missing", "--data", data)
    assert (missing.code, missing.err) == (1, f"motet: there is no file {tmp_path / 'missing'}\n")
    assert not data.exists()
    file = hocuspocus_file(tmp_path / "d.sqlite", {"a": Typist(5).type("1"), "b": "text", "c": Typist(6).type("2")})
    damaged = motet("import", "--from", "hocuspocus-sqlite", file, "--data", data)
    assert damaged.code == 1
    assert damaged.err == "(all that follow): the document 'b' is damaged: it is not of its types\n1 imported, 1 not\n"
    assert exported(data, "a") == "1"
    other = motet("import", "--from", "pycrdt-store", file, "--data", data)
    assert other.code == 1
    assert "no table 'yupdates'" in other.err
