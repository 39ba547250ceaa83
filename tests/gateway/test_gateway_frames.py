"""Control frames, and messages put together from fragments."""

from __future__ import annotations

import random

import pytest

from motet.gateway import frames
from motet.gateway.assembly import HEAD, Assembly, FragmentError, TooLong


def test_a_reason_that_cannot_be_encoded_is_sent_all_the_same() -> None:
    """[G9] A lone surrogate becomes a question mark."""
    assert frames.close(4403, "a\ud800b") == b"\x88\x05" + (4403).to_bytes(2) + b"a?b"


@pytest.mark.parametrize("length", range(110, 140))
def test_a_close_frame_is_never_longer_than_a_control_frame_may_be(length: int) -> None:
    """[G9] 125 bytes, and valid UTF-8 wherever it is cut."""
    frame = frames.close(1000, ("€" * length)[:length] + "x")
    assert len(frame) <= 127 and frame[1] == len(frame) - 2
    frame[4:].decode()


def test_codes_that_a_peer_may_send() -> None:
    """[G9] RFC 6455, section 7.4, and the registry's 1012 to 1014."""
    assert frames.close_code(b"") == frames.NO_CODE
    may = [code for code in range(65_536) if frames.close_code(code.to_bytes(2)) is not None]
    assert may == [*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)]


def test_a_message_is_the_sum_of_its_fragments() -> None:
    """[G7] Cut anywhere, empty fragments too; nothing is left for the next message."""
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    assembly = Assembly(1000)
    for _ in range(200):
        message = dice.randbytes(dice.randrange(1000))
        cuts = sorted(dice.randrange(len(message) + 1) for _ in range(dice.randrange(5)))
        pieces = [message[a:b] for a, b in zip([0, *cuts], [*cuts, len(message)], strict=True)]
        answers = [assembly.add(piece, first=n == 0, last=n == len(pieces) - 1) for n, piece in enumerate(pieces)]
        assert answers == [None] * (len(pieces) - 1) + [message], f"seed {seed}"
        assert assembly.empty


def test_what_is_over_the_limit_is_told_once_and_dropped_to_its_end() -> None:
    """[G8] With at most HEAD bytes of its beginning."""
    assembly = Assembly(3000)
    assert assembly.add(b"a" * 3000, first=True, last=False) is None
    assert assembly.add(b"b", first=False, last=False) == TooLong(3001, b"a" * HEAD)
    assert assembly.add(b"c" * 5000, first=False, last=False) is None
    assert assembly.add(b"", first=False, last=True) is None
    assert assembly.add(b"d" * 10, first=True, last=False) is None
    assert assembly.add(b"e" * 5000, first=False, last=True) == TooLong(5010, b"d" * 10 + b"e" * (HEAD - 10))
    assert assembly.add(b"f", first=True, last=True) == b"f"


def test_fragments_that_fit_nowhere_are_errors() -> None:
    """[G6] In both directions."""
    assembly = Assembly(10)
    with pytest.raises(FragmentError):
        assembly.add(b"x", first=False, last=True)
    assembly.add(b"x", first=True, last=False)
    with pytest.raises(FragmentError):
        assembly.add(b"x", first=True, last=True)
