"""The worker process, spoken to in frames."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from motet.crdt import View, update_of_json
from motet.crdt.document import MEMORY
from motet.crdt.frames import LENGTH, MAX_FRAME, Answer, Request

HELLO = update_of_json({"t": "hello"})
SLOW = 150_000
"""Elements that pycrdt, which walks to each, takes a minute to read."""

Worker = subprocess.Popen[bytes]


@pytest.fixture
def worker() -> Iterator[Worker]:
    command = [sys.executable, "-P", "-m", "motet.crdt.worker", str(MEMORY)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with process:
        yield process
        process.kill()


def send(worker: Worker, body: bytes) -> None:
    assert worker.stdin is not None
    worker.stdin.write(LENGTH.pack(len(body)) + body)
    worker.stdin.flush()


def receive(worker: Worker) -> Answer:
    assert worker.stdout is not None
    return Answer.decode(worker.stdout.read(*LENGTH.unpack(worker.stdout.read(LENGTH.size))))


def array_of(count: int) -> bytes:
    """An array whose elements were each inserted in front of all others: no two are in one struct."""
    first, others = b"\x08\1\1a\1\x7e", b"".join(b"\x48\7" + _varint(n) + b"\1\x7e" for n in range(count - 1))
    return b"\1" + _varint(count) + b"\7\0" + first + others + b"\0"


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])


def test_it_answers_one_request_after_the_other(worker: Worker) -> None:
    """[D7]"""
    for root, text in ((None, '{"t":"hello"}'), ("t", '"hello"'), ("", "null")):
        send(worker, Request(View.JSON, root, 9, HELLO).encode())
        assert receive(worker) == Answer(True, text)


def test_it_ends_when_its_parent_does(worker: Worker) -> None:
    """[D10]"""
    assert worker.stdin is not None
    worker.stdin.close()
    assert worker.wait(30) == 0


def test_it_ends_with_a_frame_that_is_cut_off(worker: Worker) -> None:
    """[D10]"""
    assert worker.stdin is not None
    worker.stdin.write(b"\0\0")
    worker.stdin.close()
    assert worker.wait(30) == 0


def test_it_tells_why_it_failed_and_ends(worker: Worker) -> None:
    """[D7]"""
    send(worker, Request(View.JSON, None, 9, b"no update").encode())
    answer = receive(worker)
    assert not answer.ok and "no Yjs update" in answer.text
    assert worker.wait(30) != 0


def test_the_kernel_ends_it_when_its_parent_cannot(worker: Worker) -> None:
    """[D10]"""
    send(worker, Request(View.JSON, None, 1, array_of(SLOW)).encode())
    assert worker.wait(60) == -signal.SIGXCPU


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_its_limits_are_set_before_it_reads_a_document(worker: Worker) -> None:
    """[D10] No core dump would hold somebody's document."""
    send(worker, Request(View.JSON, None, 9, HELLO).encode())
    receive(worker)
    with open(f"/proc/{worker.pid}/limits") as file:
        limits = {line[:25].strip(): line[25:].split()[:2] for line in file}
    assert limits["Max address space"] == [str(MEMORY), str(MEMORY)]
    assert limits["Max core file size"] == ["0", "0"]
    with open(f"/proc/{worker.pid}/oom_score_adj") as file:
        assert file.read().strip() == "1000"
    assert os.getpriority(os.PRIO_PROCESS, worker.pid) > 0


@pytest.mark.parametrize("root", [None, "", "t", "wurzel 😀"])
@pytest.mark.parametrize("view", View)
def test_a_request_survives_its_frame(view: View, root: str | None) -> None:
    request = Request(view, root, 5, b"bytes")
    assert Request.decode(request.encode()) == request


@pytest.mark.parametrize("body", [b"", b"\2text", b"\1\xff"])
def test_nonsense_is_no_answer(body: bytes) -> None:
    """[D7] A document may have subverted the worker."""
    with pytest.raises(ValueError):
        Answer.decode(body)


def test_a_frame_s_limit_fits_its_length() -> None:
    assert len(LENGTH.pack(MAX_FRAME)) == 4
