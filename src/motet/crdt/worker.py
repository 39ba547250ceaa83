"""`python -m motet.crdt.worker`: views of documents, one request at a time, in a process that may be lost.

Requests come on stdin and answers leave on stdout (frames.py); it ends when stdin does. A document that crashes pycrdt
ends this process and no other. So does any other failure, once it is told: native code that has panicked is not to be
trusted with the next document.
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import sys
from pathlib import Path
from typing import BinaryIO

from motet.crdt.frames import LENGTH, MAX_FRAME, Answer, Request
from motet.crdt.views import read
from motet.errors import MotetError

NICENESS = 5
"""A view may wait; the edits that the server carries on the same cores may not."""

MAX_REASON = 300
"""Characters of what went wrong; a panic's message may hold a part of the document."""


def main() -> None:
    """Serve stdin until it ends. The one argument is the memory limit in bytes."""
    answers = _claim_stdout()
    os.nice(NICENESS)
    _limit_memory(int(sys.argv[1]))
    while body := _receive(sys.stdin.buffer):
        _send(answers, _answer(body, answers))


def _claim_stdout() -> BinaryIO:
    """The pipe that answers leave by; what a library prints goes to stderr and cannot break a frame."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _limit_memory(limit: int) -> None:
    # A core dump would write a document where nobody expects one.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # macOS refuses to lower RLIMIT_AS
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        # When memory runs out the kernel shall take this process, not the server; without /proc it chooses for itself.
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")


def _limit_seconds(seconds: int) -> None:
    """Let the kernel end this process when the parent, which may be gone, does not."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used.ru_utime + used.ru_stime) + seconds, hard))


def _answer(body: bytes, answers: BinaryIO) -> Answer:
    try:
        request = Request.decode(body)
        _limit_seconds(request.seconds)
        return Answer(True, read(request.encoded, request.view, request.root))
    except BaseException as error:  # pycrdt's panics are no Exceptions
        reason = str(error) if isinstance(error, MotetError) else f"{type(error).__name__}: {error}"
        _send(answers, Answer(False, reason[:MAX_REASON]))
        raise


def _receive(stdin: BinaryIO) -> bytes:
    """The next frame's body; empty when the parent has gone."""
    head = stdin.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return b""
    return stdin.read(*LENGTH.unpack(head))


def _send(answers: BinaryIO, answer: Answer) -> None:
    body = answer.encode()
    if len(body) > MAX_FRAME:
        body = Answer(False, f"the view is over {MAX_FRAME >> 20} MiB").encode()
    answers.write(LENGTH.pack(len(body)) + body)
    answers.flush()


if __name__ == "__main__":
    main()
