"""`motet rooms`."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from cli_harness import database, fill, motet, write_update

from motet.persistence import writable


def test_each_room_is_a_line_with_size_head_and_age_of_its_snapshot(tmp_path: Path) -> None:
    """In the order of their names, in a pipe unbroken."""
    data = fill(tmp_path / "data", b=["two", "rows"], **{"a/[b] ü": "one", "n" * 256: "long"})
    motet("compact", "b", "--data", data)
    lines = motet("rooms", "--data", data).out.splitlines()
    assert lines[0].split() == ["room", "size", "head", "seq", "snapshot", "age"]
    assert [line.rsplit(maxsplit=4)[0].strip() for line in lines[1:]] == ["a/[b] ü", "b", "n" * 256]
    assert [line.split()[-2] for line in lines[1:]] == ["1", "2", "1"]
    assert lines[1].split()[-1] == "-"
    assert lines[2].split()[-1].startswith("0:00:")
    assert all("bytes" in line for line in lines[1:])


def test_a_prefix_chooses(tmp_path: Path) -> None:
    """As folders would."""
    data = fill(tmp_path / "data", **{"team/a": "1", "team/b": "2", "other": "3"})
    lines = motet("rooms", "--prefix", "team/", "--data", data).out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["team/a", "team/b"]
    assert motet("rooms", "--prefix", "x", "--data", data).out == "no rooms\n"


def test_no_data_and_unreadable_data_are_errors_never_no_rooms(tmp_path: Path) -> None:
    """[P5]"""
    missing = motet("rooms", "--data", tmp_path / "missing")
    assert missing.code == 1
    assert "there is no store" in missing.err
    assert not (tmp_path / "missing").exists()
    data = fill(tmp_path / "data", a="1")
    with database(data) as connection:
        connection.execute("PRAGMA user_version = 99")
    newer = motet("rooms", "--data", data)
    assert newer.code == 1
    assert "upgrade" in newer.err
    (data / "motet.db").write_bytes(b"no database " * 900)
    damaged = motet("rooms", "--data", data)
    assert damaged.code == 1
    assert "damaged" in damaged.err


def test_a_deleted_room_is_told_to_be_so_by_every_command(tmp_path: Path) -> None:
    """[P18]"""
    data = fill(tmp_path / "data", a="1", b="2")
    file = write_update(tmp_path / "a.yjs", "late")
    outcome = motet("rooms", "delete", "a", "--yes", "--data", data)
    assert (outcome.code, outcome.out, outcome.err) == (0, "deleted a\n", "")
    assert motet("rooms", "delete", "a", "--yes", "--data", data).code == 0
    assert [line.split()[0] for line in motet("rooms", "--data", data).out.splitlines()] == ["room", "b"]
    for command in (["export", "a"], ["import", "a", file], ["import", "a", file, "--merge"]):
        outcome = motet(*command, "--data", data)
        assert outcome.code == 1
        assert "the room 'a' was deleted at 20" in outcome.err
    assert motet("verify", "--data", data).code == 0
    assert motet("export", "b", "--as", "text", "--data", data).code == 0


def test_a_recreated_room_begins_empty(tmp_path: Path) -> None:
    """[P20]"""
    data = fill(tmp_path / "data", a=["1", "2"])
    motet("rooms", "delete", "a", "--yes", "--data", data)
    assert motet("rooms", "recreate", "a", "--data", data).out == "a may be used again\n"
    assert "there is no room 'a'" in motet("export", "a", "--data", data).err
    assert motet("import", "a", write_update(tmp_path / "a.yjs", "new"), "--data", data).code == 0
    assert motet("rooms", "--data", data).out.splitlines()[1].split()[-2] == "1"


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_deleting_asks_and_only_yes_is_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    """No answer is none."""
    data = fill(tmp_path / "data", a="1")
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    outcome = motet("rooms", "delete", "a", "--data", data)
    assert outcome.code == code
    assert "delete a for good?" in outcome.err
    assert motet("export", "a", "--data", data).code == 1 - code


def test_what_is_not_there_is_neither_deleted_nor_recreated_nor_made(tmp_path: Path) -> None:
    """A name that was mistyped gets no tombstone."""
    data = fill(tmp_path / "data", a="1")
    for command, why in (("delete", "there is no room 'b'"), ("recreate", "no room 'b' was deleted")):
        yes = ["--yes"] if command == "delete" else []
        outcome = motet("rooms", command, "b", *yes, "--data", data)
        assert outcome.code == 1
        assert why in outcome.err
        assert "is no room name" in motet("rooms", command, "\x1b", *yes, "--data", data).err
        assert "no data directory" in motet("rooms", command, "a", *yes, "--data", tmp_path / "missing").err
    assert not (tmp_path / "missing").exists()
    assert motet("import", "b", write_update(tmp_path / "b.yjs", "new"), "--data", data).code == 0


def test_beside_a_running_server_deleting_names_the_route_that_does_it(tmp_path: Path) -> None:
    """[P9]"""
    data = fill(tmp_path / "data", **{"team/a b": "1"})
    with writable(data):
        outcome = motet("rooms", "delete", "team/a b", "--yes", "--data", data)
        assert outcome.code == 1
        assert "in use by pid" in outcome.err
        assert "DELETE /api/v1/rooms/team%2Fa%20b" in outcome.err
        assert motet("rooms", "recreate", "team/a b", "--data", data).code == 1
    assert motet("export", "team/a b", "--as", "text", "--data", data).code == 0


def test_options_before_the_command_are_refused(tmp_path: Path) -> None:
    """They would be the list's, and the room of another directory deleted."""
    data = fill(tmp_path / "data", a="1")
    outcome = motet("rooms", "--data", data, "delete", "a", "--yes")
    assert outcome.code == 2
    assert "come after it" in outcome.err
    assert motet("export", "a", "--as", "text", "--data", data).code == 0
