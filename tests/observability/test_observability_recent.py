"""What was refused lately, by room."""

from __future__ import annotations

from motet.observability import AccessEnded, AccessRefused, EditRefused, Recent, RoomOpened
from motet.observability.recent import PER_ROOM, ROOMS


def refused(room: str, user: str = "ada") -> AccessRefused:
    return AccessRefused(user, room, "not for that room", 4403, "yjs", "192.0.2.7")


def test_refusals_ends_and_edits_are_remembered_by_room_the_newest_first() -> None:
    """[W4] And nothing else, and none without a room."""
    recent = Recent()
    recent(refused("a", "first"))
    recent(AccessEnded("second", "a", "the grant has expired", 4401, "yjs", "192.0.2.8"))
    recent(EditRefused("third", "a", "quota", "over max_room_bytes", "192.0.2.9", "c1"))
    recent(RoomOpened("a", 0.1, 0))
    recent(refused(""))
    recent(refused("b", "other"))
    assert [(refusal.user, refusal.address) for refusal in recent.of("a")] == [
        ("third", "192.0.2.9"),
        ("second", "192.0.2.8"),
        ("first", "192.0.2.7"),
    ]
    assert [refusal.user for refusal in recent.of("b")] == ["other"]
    assert recent.of("") == recent.of("c") == []


def test_of_a_room_the_newest_are_kept() -> None:
    """[W4]"""
    recent = Recent()
    for n in range(PER_ROOM + 5):
        recent(refused("a", str(n)))
    assert [refusal.user for refusal in recent.of("a")] == [str(n) for n in range(PER_ROOM + 4, 4, -1)]


def test_of_many_rooms_those_are_kept_in_which_something_happened_last() -> None:
    """[W4] Whoever knocks at a thousand doors does not fill the memory."""
    recent = Recent()
    for n in range(ROOMS):
        recent(refused(str(n)))
    recent(refused("0"))
    recent(refused("new"))
    assert len(recent.of("0")) == 2
    assert recent.of("new")
    assert recent.of("1") == []
    assert recent.of("2")
