"""Whatever a document does to its worker costs one call."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop
from pycrdt import Doc, Map, Text

from motet import varint
from motet.crdt import Documents, View, update_of_json, view_blocking
from motet.crdt.document import MAX_CALLS
from motet.errors import DocumentFailed, TryLater

HELLO = update_of_json({"t": "hello"})
DEEP, LONG = 100_000, 150_000


@pytest.fixture
async def documents() -> AsyncIterator[Documents]:
    pool = Documents()
    yield pool
    await pool.close()


def crashing() -> bytes:
    """Types nested 100,000 deep, the outermost deleted: pycrdt deletes recursively and overflows its stack."""
    first, parent, kind = b"\x07\1\1x\3\1p", b"\x07\0\7", b"\3\1p"
    inner = b"".join(parent + varint.write(n) + kind for n in range(DEEP - 1))
    return b"\1" + varint.write(DEEP) + b"\7\0" + first + inner + b"\1\7\1\0\1"


def endless() -> bytes:
    """An array whose elements were each inserted in front of all others: pycrdt walks to each, for a minute in all."""
    inner = b"".join(b"\x48\7" + varint.write(n) + b"\1\x7e" for n in range(LONG - 1))
    return b"\1" + varint.write(LONG) + b"\7\0\x08\1\1a\1\x7e" + inner + b"\0"


def poison(update: str) -> bytes:
    """One of the updates below after one of client 7's, which is how they crash pycrdt."""
    return b"\2\1\7\0\4\1\1t\1a" + bytes.fromhex(update)[1:]


def two_parents() -> bytes:
    """An item whose origin and right origin have different parents: it hangs pycrdt's Array.to_py for ever."""
    return bytes.fromhex((Path(__file__).parent / "array_hang.hex").read_text())


HOSTILE = {
    "a segfault": poison("010107ffffffff0f040107636f6e74656e740b68656c6c6f20776f726c6400"),
    "a panic at the next update": bytes.fromhex("010109ffffffffffffff0f48071e0177017a00"),
    "a panic": poison("0100071e0177017a00"),
    "a value nested 15,000 deep": b"\1\1\7\0\x08\1\1a\1" + b"\x75\1" * 15_000 + b"\x7e\0",
    "an array that hangs": two_parents(),
    "a stack overflow": crashing(),
    "no update": b"\xff",
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_document_costs_its_own_call(documents: Documents, name: str) -> None:
    """[D7]"""
    assert await documents.view(HELLO, View.TEXT) == "hello"
    for view in (View.JSON, View.HASH):
        with pytest.raises(DocumentFailed):
            await documents.view(HOSTILE[name], view)
    assert await documents.view(HELLO, View.TEXT) == "hello"


async def test_a_crash_is_told_by_its_signal(documents: Documents) -> None:
    """[D7]"""
    with pytest.raises(DocumentFailed, match="SIGSEGV"):
        await documents.view(crashing(), View.HASH)


async def test_a_view_that_takes_too_long_is_ended(documents: Documents) -> None:
    """[D7]"""
    with pytest.raises(DocumentFailed, match=r"over 0\.5 seconds"):
        await documents.view(endless(), View.JSON, timeout=0.5)
    assert await documents.view(HELLO, View.TEXT) == "hello"


async def test_a_worker_that_stands_still_is_ended(documents: Documents) -> None:
    """[D7]"""
    pid = await worker_of(documents)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(DocumentFailed, match="seconds"):
        await documents.view(HELLO, View.TEXT, timeout=0.5)
    assert await documents.view(HELLO, View.TEXT) == "hello"
    assert await worker_of(documents) != pid


async def test_a_view_over_the_memory_limit_fails() -> None:
    """[D7] 20 MiB of text take 180 of address space."""
    documents = Documents(memory=100 << 20)
    large = update_of_json({"t": "x" * (20 << 20)})
    try:
        with pytest.raises(DocumentFailed):
            await documents.view(large, View.JSON)
        assert await documents.view(HELLO, View.TEXT) == "hello"
    finally:
        await documents.close()


async def test_a_worker_that_died_while_idle_costs_nothing(documents: Documents) -> None:
    """[D7]"""
    pid = await worker_of(documents)
    os.kill(pid, signal.SIGKILL)
    while documents._idle[0].returncode is None:
        await asyncio.sleep(0.01)
    assert await documents.view(HELLO, View.TEXT) == "hello"


async def test_one_worker_serves_call_after_call(documents: Documents) -> None:
    """[D7]"""
    texts = [f"text {n}" for n in range(20)]
    views = [documents.view(update_of_json({"t": text}), View.TEXT) for text in texts]
    assert await asyncio.gather(*views) == texts
    assert len(documents._idle) == 1


async def test_two_workers_serve_two_calls_at_once() -> None:
    """[D7] The second is answered while the first is under way."""
    documents = Documents(workers=2)
    slow = asyncio.create_task(documents.view(endless(), View.JSON, timeout=60))
    await busy(documents)
    assert await documents.view(HELLO, View.TEXT) == "hello"
    assert not slow.done()
    await documents.close()
    with pytest.raises(DocumentFailed):
        await slow


async def test_beyond_the_bound_a_call_is_refused_at_once(documents: Documents) -> None:
    """[D8]"""
    calls = [asyncio.create_task(documents.view(HELLO, View.TEXT)) for _ in range(MAX_CALLS)]
    await asyncio.sleep(0)
    with pytest.raises(TryLater):
        await documents.view(HELLO, View.TEXT)
    assert await asyncio.gather(*calls) == ["hello"] * MAX_CALLS
    assert await documents.view(HELLO, View.TEXT) == "hello"


async def test_a_call_that_is_cancelled_takes_its_worker_with_it(documents: Documents) -> None:
    """[D7] Its answer would be taken for the next call's."""
    slow = asyncio.create_task(documents.view(endless(), View.JSON, timeout=60))
    pid = await busy(documents)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await documents.view(HELLO, View.TEXT) == "hello"
    assert await worker_of(documents) != pid


async def test_closing_ends_calls_under_way_and_refuses_later_ones(documents: Documents) -> None:
    """[D7]"""
    calls = [asyncio.create_task(documents.view(endless(), View.JSON, timeout=60)) for _ in range(3)]
    pid = await busy(documents)
    await documents.close()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [DocumentFailed] * 3
    with pytest.raises(DocumentFailed, match="stopping"):
        await documents.view(HELLO, View.TEXT)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_worker_gets_none_of_the_environment_s_secrets(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[D10]"""
    monkeypatch.setenv("MOTET_SECRET", "hush")
    environment = Path(f"/proc/{await worker_of(documents)}/environ").read_bytes()
    assert [line.split(b"=")[0] for line in environment.rstrip(b"\0").split(b"\0")] == [b"PYTHONPATH"]


def test_uvloop_serves_as_well() -> None:
    """[D7] The server runs on it."""

    async def scenario() -> None:
        documents = Documents()
        with pytest.raises(DocumentFailed, match="SIGSEGV"):
            await documents.view(crashing(), View.HASH)
        with pytest.raises(DocumentFailed, match="seconds"):
            await documents.view(endless(), View.JSON, timeout=0.5)
        slow = asyncio.create_task(documents.view(endless(), View.JSON, timeout=60))
        await busy(documents)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        assert await documents.view(HELLO, View.TEXT) == "hello"
        await documents.close()

    uvloop.run(scenario())


def test_a_program_without_an_event_loop_can_have_a_view_too() -> None:
    """[D7]"""
    assert view_blocking(HELLO, View.JSON) == '{"t":"hello"}'
    assert view_blocking(HELLO, View.TEXT, root="t") == "hello"
    with pytest.raises(DocumentFailed):
        view_blocking(crashing(), View.JSON)


async def test_a_large_document_goes_through_the_pipes(documents: Documents) -> None:
    """[D7]"""
    doc = Doc()
    doc.get("t", type=Text).insert(0, "naïve 😀 " * 300_000)
    doc.get("m", type=Map)["k"] = "x" * 3_000_000
    assert await documents.view(doc.get_update(), View.JSON, "t") == '"' + "naïve 😀 " * 300_000 + '"'


async def worker_of(documents: Documents) -> int:
    """The process id of the worker that serves the next call."""
    await documents.view(HELLO, View.TEXT)
    return documents._idle[0].pid


async def busy(documents: Documents) -> int:
    """The process id of a worker, once it has a call."""
    while not documents._busy:
        await asyncio.sleep(0.01)
    return next(iter(documents._busy)).pid
