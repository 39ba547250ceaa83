"""[A4] Echoes of whole frames are recognised without being read."""

from motet.presence import Entry, encode
from motet.presence.awareness import write_entry
from motet.presence.echo import SentFrames


def sent(*clients: int, clock: int = 1) -> list[tuple[int, bytes]]:
    """A frame in which member n owns client n."""
    return [(client, write_entry(client, clock, b"{}")) for client in clients]


def update(*clients: int, clock: int = 1) -> bytes:
    return encode([Entry(client, clock, "{}") for client in clients])


def test_a_frame_without_the_members_own_entry_is_an_echo() -> None:
    """[A4]"""
    frames = SentFrames()
    frames.add(sent(1, 2, 3))
    assert frames.repeats(update(2, 3), 1)
    assert frames.repeats(update(1, 3), 2)
    assert frames.repeats(update(1, 2), 3)
    assert frames.repeats(update(1, 2, 3), 4)


def test_anything_else_is_not() -> None:
    """[A4]"""
    frames = SentFrames()
    frames.add(sent(1, 2, 3))
    assert not frames.repeats(update(2, 3, clock=2), 1)
    assert not frames.repeats(update(3, 2), 1)
    assert not frames.repeats(update(2), 1)
    assert not frames.repeats(update(1, 2, 3), 1)
    assert not frames.repeats(b"", 1)


def test_a_frame_of_more_than_127_entries_is_recognised() -> None:
    """[A4] Its count takes two bytes, and its echo's may take one."""
    frames = SentFrames()
    frames.add(sent(*range(1, 129)))
    assert frames.repeats(update(*range(1, 129)), 500)
    assert frames.repeats(update(*range(2, 129)), 1)


def test_only_the_last_frames_are_remembered() -> None:
    """[A4]"""
    frames = SentFrames()
    for client in range(1, 10):
        frames.add(sent(client))
    assert frames.repeats(update(9), 100)
    assert not frames.repeats(update(1), 100)
