"""`motet verify`, `compact`, `backup` and `restore`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli_harness import database, fill, motet, text_of, write_update

from motet.ids import RoomName
from motet.persistence import writable
from motet.persistence.checksum import room_salt, row_checksum
from support.wire import var_bytes, varint

DAMAGE_A = "UPDATE log SET data = x'0000' WHERE room = (SELECT id FROM rooms WHERE name = 'a')"


def exported(data: Path, room: str) -> str:
    return text_of(motet("export", room, "--as", "yjs", "--data", data).raw)


def damage_page(data: Path) -> None:
    """Overwrites the last page of the file, which a room's rows are in."""
    file = data / "motet.db"
    size = file.stat().st_size
    with file.open("r+b") as raw:
        raw.seek(size - 4096)
        raw.write(b"\xa5" * 4096)


def overwritten(times: int) -> bytes:
    """The update of one client that set the key `k` of the map `board` so often, with all that it wrote."""
    structs = [b"\x28\x01" + var_bytes(b"board") + var_bytes(b"k")]
    structs += [b"\x88\x07" + varint(clock) for clock in range(times - 1)]  # each after the one before
    values = [b"\x01\x77" + var_bytes(b"%05d" % n) for n in range(times)]
    body = b"".join(struct + value for struct, value in zip(structs, values, strict=True))
    return b"\x01" + varint(times) + b"\x07\x00" + body + b"\x01\x07\x01\x00" + varint(times - 1)


# ---- verify


def test_sound_rooms_are_verified_with_a_progress_bar(tmp_path: Path) -> None:
    """The bar is on standard error, the answer on standard output."""
    data = fill(tmp_path / "data", a="1", b="2")
    motet("compact", "a", "--data", data)
    outcome = motet("verify", "--data", data)
    assert (outcome.code, outcome.out) == (0, "all rooms are sound\n")
    assert "2/2" in outcome.err


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (DAMAGE_A, "checksum"),
        ("DELETE FROM log WHERE room = 1 AND seq = 2", "missing"),
        ("DELETE FROM log WHERE room = 1", "lost all its rows"),
        ("UPDATE log SET author = 'eve' WHERE room = 1 AND seq = 2", "checksum"),
        ("UPDATE log SET room = 2 WHERE room = 1 AND seq = 2", "missing"),
    ],
)
def test_a_bad_room_is_named_with_what_is_wrong_and_ends_with_1(tmp_path: Path, damage: str, why: str) -> None:
    """[P5] The others are read all the same."""
    data = fill(tmp_path / "data", a=["1", "2", "3"], b="2", c="3")
    with database(data) as connection:
        connection.execute(damage)
    outcome = motet("verify", "--data", data)
    assert outcome.code == 1
    assert "sound" not in outcome.out
    assert any(line.startswith("a: ") and why in line for line in outcome.out.splitlines()), outcome.out
    assert not any(line.startswith("c: ") for line in outcome.out.splitlines())
    assert "3/3" in outcome.err


def test_bytes_with_a_right_checksum_that_do_not_load_are_bad_too(tmp_path: Path) -> None:
    """A bug of ours would write such a row; a checksum does not find it."""
    data = fill(tmp_path / "data", a="1")
    with database(data) as connection:
        (room,) = connection.execute("SELECT id FROM rooms").fetchone()
        checksum = row_checksum(room_salt(RoomName("a")), 2, 5, 1, b"", b"no update")
        row = (room, 2, 5, 1, "", checksum, b"no update")
        connection.execute("INSERT INTO log (room, seq, at, kind, author, checksum, data) VALUES (?,?,?,?,?,?,?)", row)
    outcome = motet("verify", "--data", data)
    assert outcome.code == 1
    assert outcome.out.startswith("a: what is stored does not load")


def test_damage_to_the_file_as_a_whole_is_told(tmp_path: Path) -> None:
    """[P5]"""
    data = fill(tmp_path / "data", **{f"room{n}": "x" * 5000 for n in range(5)})
    damage_page(data)
    outcome = motet("verify", "--data", data)
    assert outcome.code == 1
    assert "(database): " in outcome.out
    (data / "motet.db").write_bytes(b"no database " * 900)
    outcome = motet("verify", "--data", data)
    assert outcome.code == 1
    assert "damaged" in outcome.out + outcome.err
    (data / "motet.db").unlink()
    outcome = motet("verify", "--data", data)
    assert (outcome.code, outcome.out) == (1, "")
    assert "there is no store" in outcome.err


# ---- compact


def test_compaction_drops_what_was_deleted_and_keeps_the_content(tmp_path: Path) -> None:
    """A value that was overwritten a thousand times takes the room of one."""
    (tmp_path / "board.yjs").write_bytes(overwritten(1000))
    data = tmp_path / "data"
    motet("import", "board", tmp_path / "board.yjs", "--data", data)
    before = len(motet("export", "board", "--as", "yjs", "--data", data).raw)
    assert before > 1_000
    outcome = motet("compact", "--data", data)
    assert outcome.code == 0
    assert " before, " in outcome.out
    assert "1/1" in outcome.err
    assert motet("export", "board", "--data", data).out == '{"board":{"k":"00999"}}\n'
    assert len(motet("export", "board", "--as", "yjs", "--data", data).raw) < 100
    assert motet("verify", "--data", data).code == 0
    with database(data) as connection:
        assert connection.execute("SELECT count(*) FROM log").fetchone() == (0,)


def test_only_the_named_rooms_are_compacted(tmp_path: Path) -> None:
    """A name that there is not is an error before anything is done."""
    data = fill(tmp_path / "data", a="1", b="2", c="3")
    missing = motet("compact", "a", "d", "e", "--data", data)
    assert (missing.code, missing.err) == (1, "motet: no such room: d, e\n")
    assert motet("compact", "a", "c", "--data", data).code == 0
    ages = [line.split()[-1] for line in motet("rooms", "--data", data).out.splitlines()[1:]]
    assert [age == "-" for age in ages] == [False, True, False]


def test_a_retention_keeps_the_rows(tmp_path: Path) -> None:
    """As the server would."""
    data = fill(tmp_path / "data", a="1")
    assert motet("compact", "--data", data, env={"MOTET_RETENTION_DAYS": "7"}).code == 0
    with database(data) as connection:
        assert connection.execute("SELECT count(*) FROM log").fetchone() == (1,)


def test_a_bad_room_does_not_keep_the_others_from_being_compacted(tmp_path: Path) -> None:
    """[P5] It is named and left as it is."""
    data = fill(tmp_path / "data", a="1", b="2")
    with database(data) as connection:
        connection.execute(DAMAGE_A)
    outcome = motet("compact", "--data", data)
    assert outcome.code == 1
    assert "a: row 1 is damaged" in outcome.out
    ages = [line.split()[-1] for line in motet("rooms", "--data", data).out.splitlines()[1:]]
    assert [age == "-" for age in ages] == [True, False]


def test_compacting_no_data_makes_none(tmp_path: Path) -> None:
    """[P5]"""
    outcome = motet("compact", "--data", tmp_path / "missing")
    assert (outcome.code, outcome.err) == (1, f"motet: there is no data directory {tmp_path / 'missing'}\n")
    assert not (tmp_path / "missing").exists()


# ---- backup and restore


def test_a_backup_is_restored_to_the_same_rooms(tmp_path: Path) -> None:
    """[P15] And serves as a data directory."""
    data = fill(tmp_path / "data", a="1", b="2")
    outcome = motet("backup", tmp_path / "copies" / "[monday]", "--data", data)
    assert (outcome.code, outcome.out) == (0, f"backed up to {tmp_path}/copies/[monday]\n")
    fill(data, later="3")
    restored = motet("restore", tmp_path / "copies" / "[monday]", "--data", tmp_path / "new")
    assert (restored.code, restored.out) == (0, f"restored to {tmp_path / 'new'}\n")
    assert [exported(tmp_path / "new", room) for room in "ab"] == ["1", "2"]
    assert motet("export", "later", "--data", tmp_path / "new").code == 1
    assert motet("verify", "--data", tmp_path / "new").code == 0


def test_a_backup_overwrites_nothing_and_a_restore_neither(tmp_path: Path) -> None:
    """[P15] Both say what to do."""
    data = fill(tmp_path / "data", a="1")
    assert motet("backup", tmp_path / "copy", "--data", data).code == 0
    for outcome in (
        motet("backup", tmp_path / "copy", "--data", data),
        motet("restore", tmp_path / "copy", "--data", data),
    ):
        assert outcome.code == 1
        assert "move it away first" in outcome.err
    assert exported(data, "a") == "1"


def test_a_backup_with_a_bad_room_is_made_and_names_it_and_is_not_restored(tmp_path: Path) -> None:
    """[P15]"""
    data = fill(tmp_path / "data", a="1", b="2")
    with database(data) as connection:
        connection.execute(DAMAGE_A)
    outcome = motet("backup", tmp_path / "copy", "--data", data)
    assert outcome.code == 1
    assert "a: row 1 is damaged" in outcome.out
    assert exported(tmp_path / "copy", "b") == "2"
    restored = motet("restore", tmp_path / "copy", "--data", tmp_path / "new")
    assert restored.code == 1
    assert "row 1" in restored.err
    assert not (tmp_path / "new" / "motet.db").exists()


def test_what_is_no_backup_is_not_restored(tmp_path: Path) -> None:
    """[P15]"""
    (tmp_path / "empty").mkdir()
    for source in ("missing", "empty"):
        outcome = motet("restore", tmp_path / source, "--data", tmp_path / "data")
        assert outcome.code == 1
        assert "there is no store" in outcome.err
    assert "there is no store" in motet("backup", tmp_path / "copy", "--data", tmp_path / "missing").err


@pytest.mark.parametrize("command", [["compact"], ["restore", "copy"], ["import", "b", "typed.yjs"]])
def test_commands_that_write_wait_for_no_other_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """[P2] They name the holder and say what to do."""
    monkeypatch.chdir(tmp_path)
    data = fill(tmp_path / "data", a="1")
    write_update(tmp_path / "typed.yjs", "2")
    motet("backup", "copy", "--data", data)
    with writable(data):
        outcome = motet(*command, "--data", data)
    assert outcome.code == 1
    assert "in use by pid" in outcome.err
    assert "stop that server first" in outcome.err


def test_data_of_a_newer_version_are_refused_by_every_command(tmp_path: Path) -> None:
    """[P10] And left alone."""
    data = fill(tmp_path / "data", a="1")
    with database(data) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = (data / "motet.db").read_bytes()
    for command in (
        ["rooms"],
        ["export", "a"],
        ["verify"],
        ["backup", tmp_path / "copy"],
        ["compact"],
        ["import", "b", write_update(tmp_path / "typed.yjs", "2")],
        ["restore", data],
    ):
        target = tmp_path / "new" if command[0] == "restore" else data
        outcome = motet(*command, "--data", target)
        assert outcome.code == 1, command
        assert "schema 99" in outcome.err, command
        assert "upgrade" in outcome.err, command
    assert (data / "motet.db").read_bytes() == before


def test_each_room_s_state_hash_is_printed_on_request(tmp_path: Path) -> None:
    """[V8] The same whether a log or a snapshot holds the document; rooms with the same content have their own ids."""
    data = fill(tmp_path / "data", a="1", b="2")
    first = motet("verify", "--hash", "--data", data)
    lines = first.out.splitlines()
    assert lines[-1] == "all rooms are sound"
    hashes = dict(reversed(line.split("  ")) for line in lines[:-1])
    assert sorted(hashes) == ["a", "b"]
    assert all(re.fullmatch("[0-9a-f]{64}", found) for found in hashes.values())
    motet("compact", "a", "--data", data)
    assert motet("verify", "--hash", "--data", data).out == first.out
