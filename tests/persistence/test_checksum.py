"""Checksums."""

from __future__ import annotations

from motet.ids import RoomName
from motet.persistence.checksum import room_salt, row_checksum, snapshot_checksum

SALT = room_salt(RoomName("room"))
AT = 1_700_000_000_000


def test_every_single_bit_of_every_field_of_a_row_counts() -> None:
    """[P5]"""
    original = row_checksum(SALT, 7, AT, 1, b"ada", b"data")
    changed = [row_checksum(room_salt(RoomName("rooM")), 7, AT, 1, b"ada", b"data")]
    changed += [row_checksum(SALT, 7 ^ 1 << bit, AT, 1, b"ada", b"data") for bit in range(30)]
    changed += [row_checksum(SALT, 7, AT ^ 1 << bit, 1, b"ada", b"data") for bit in range(48)]
    changed += [row_checksum(SALT, 7, AT, 1 ^ 1 << bit, b"ada", b"data") for bit in range(8)]
    changed += [row_checksum(SALT, 7, AT, 1, b"ad`", b"data"), row_checksum(SALT, 7, AT, 1, b"ada", b"datA")]
    assert original not in changed


def test_bytes_that_move_between_the_fields_of_a_snapshot_do_not_go_by() -> None:
    """[P5]"""
    original = snapshot_checksum(SALT, 7, AT, b"data", b"sidecar")
    assert original != snapshot_checksum(SALT, 8, AT, b"data", b"sidecar")
    assert original != snapshot_checksum(SALT, 7, AT + 1, b"data", b"sidecar")
    assert original != snapshot_checksum(SALT, 7, AT, b"sidecar", b"data")
