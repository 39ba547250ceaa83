"""`motet rooms`."""

from __future__ import annotations

from pathlib import Path

from cli_harness import database, fill, motet


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
