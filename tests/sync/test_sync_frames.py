"""[S1] One message is one unmasked binary frame."""

import pytest

from motet.sync import frame


def parse(data: bytes) -> bytes:
    """RFC 6455 §5.2, read strictly."""
    assert data[0] == 0x82, "FIN, no reserved bits, binary"
    assert data[1] & 0x80 == 0, "a server does not mask"
    n, at = data[1], 2
    if n == 126:
        n, at = int.from_bytes(data[2:4], "big"), 4
        assert n > 125, "the shortest length form"
    elif n == 127:
        n, at = int.from_bytes(data[2:10], "big"), 10
        assert n > 65535, "the shortest length form"
    assert len(data) == at + n
    return data[at:]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 255, 256, 65535, 65536, 70000])
def test_a_payload_of_any_size_is_framed_in_the_shortest_form(size: int) -> None:
    """[S1]"""
    payload = bytes(i % 251 for i in range(size))
    assert parse(frame(payload)) == payload
