"""Records in the SQLite store, beyond the contract: damage and faults."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from store_faults import FaultyConnection, faulty, raw, row  # noqa: F401 (faulty is a fixture)

from motet.errors import StoreCorrupt, Unavailable
from motet.persistence import SqliteReader, SqliteStore
from motet.persistence.sqlite_file import DATABASE


@pytest.mark.parametrize(
    "damage",
    ["kind = 'acces'", "key = 'bob'", "value = x'00'", "value = 'text'", "checksum = checksum + 1", "key = x'ff'"],
)
async def test_a_damaged_record_is_corrupt_never_absent(tmp_path: Path, damage: str) -> None:
    """[P21] Whichever kind is asked for: nobody knows of which kind it was."""
    store = SqliteStore(tmp_path)
    await store.put_record("access", "ada", b"1")
    with raw(tmp_path) as connection:
        connection.execute(f"UPDATE records SET {damage}")
    for kind in ("access", "acces", "other"):
        with pytest.raises(StoreCorrupt):
            await store.records(kind)
    assert await store.integrity() != []
    await store.close()


async def test_whatever_bit_flips_records_are_themselves_or_an_error(tmp_path: Path) -> None:
    """[P21]"""
    store = SqliteStore(tmp_path)
    await store.append([row(b"1")])
    for i in range(150):
        await store.put_record("access", f'["user", "u{i}"]', b"17000000%d" % i)
    expected = await store.records("access")
    await store.close()
    intact = (tmp_path / DATABASE).read_bytes()
    pages = [at for at in range(4096, len(intact), 4096) if b'["user"' in intact[at : at + 4096]]
    assert len(pages) > 2
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    for page in pages:
        # All of the header and of the first cells' places, and a part of the rest.
        for at in [*range(page, page + 40), *(page + rng.randrange(4096) for _ in range(60))]:
            flipped = bytes([intact[at] ^ 1 << rng.randrange(8)])
            (tmp_path / DATABASE).write_bytes(intact[:at] + flipped + intact[at + 1 :])
            reader = SqliteReader(tmp_path)
            try:
                assert await reader.records("access") == expected, f"seed {seed}, byte {at}"
            except Unavailable:
                pass
            finally:
                await reader.close()


async def test_a_record_that_cannot_be_written_is_as_it_was(
    tmp_path: Path,
    faulty: type[FaultyConnection],  # noqa: F811
) -> None:
    """[P21]"""
    store = SqliteStore(tmp_path)
    await store.put_record("access", "ada", b"1")
    for value in (b"2", None):
        faulty.budget = 0
        with pytest.raises(Unavailable):
            await store.put_record("access", "ada", value)
        faulty.budget = None
        assert await store.records("access") == {"ada": b"1"}
    await store.close()
