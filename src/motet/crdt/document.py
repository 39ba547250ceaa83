"""Views of documents by a worker process that can be killed: a crash or a hang costs one call, never the server."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence

from motet.crdt.frames import LENGTH, MAX_FRAME, Answer, Request, View
from motet.crdt.replica import batches
from motet.errors import DocumentFailed, TryLater

TIMEOUT = 10.0
"""Seconds from the moment a worker has the call. A text of 200,000 structs (1.2 MB, very fragmented) takes 1 s."""

MEMORY = 4 << 30
"""Bytes of address space of one worker (RLIMIT_AS)."""

MAX_CALLS = 32
"""Calls at once, running ones included. When it is full a call is refused: each holds the bytes of its document."""


class Documents:
    """A pool of workers, each started when it is first needed and replaced when it is lost. For one event loop."""

    def __init__(self, workers: int = 1, memory: int = MEMORY) -> None:
        """At most so many workers, each with so many bytes of memory."""
        self._size = workers
        self._memory = memory
        self._free = asyncio.Semaphore(workers)
        self._idle: list[Process] = []
        self._busy: set[Process] = set()
        self._calls = 0
        self._closed = False

    async def view(
        self,
        encoded: bytes | Sequence[bytes],
        view: View,
        root: str | None = None,
        timeout: float = TIMEOUT,  # noqa: ASYNC109 (the worker is told it too, see Request.seconds)
    ) -> str:
        """A view of the document (a Yjs v1 update: all that is integrated, or its pieces), or of one of its roots.

        Raises DocumentFailed when it cannot be read, or when its worker crashed or took over `timeout` seconds;
        TryLater when MAX_CALLS calls are under way: it is not queued.
        """
        if self._calls >= MAX_CALLS:
            raise TryLater(f"{MAX_CALLS} views of documents are under way")
        pieces = (encoded,) if isinstance(encoded, bytes) else encoded
        request = (Request(view, root, math.ceil(timeout) + 1, b"").encode(), *pieces)
        if sum(map(len, request)) > MAX_FRAME:
            raise DocumentFailed(f"the document is over {MAX_FRAME >> 20} MiB")
        self._calls += 1
        try:
            async with self._free:
                answer = await self._call(request, timeout)
        finally:
            self._calls -= 1
        if not answer.ok:
            raise DocumentFailed(answer.text)
        return answer.text

    async def close(self) -> None:
        """End the workers; calls under way, and later ones, raise DocumentFailed."""
        self._closed = True
        for worker in self._busy:
            _kill(worker)
        for _ in range(self._size):  # with every slot in hand, no call is left
            await self._free.acquire()
        while self._idle:
            await _end(self._idle.pop())
        for _ in range(self._size):
            self._free.release()

    async def _call(self, request: Sequence[bytes], seconds: float) -> Answer:
        worker = await self._take()
        self._busy.add(worker)
        answer = Answer(False, "the worker was stopped")
        try:
            if not self._closed:
                async with asyncio.timeout(seconds):
                    answer = await _ask(worker, request)
        except TimeoutError:
            answer = Answer(False, f"the view took over {seconds:g} seconds")
        except (OSError, EOFError, ValueError):
            _kill(worker)
            answer = Answer(False, f"the worker ended with {_status(await worker.wait())}")
        finally:
            self._busy.remove(worker)
            if answer.ok:
                self._idle.append(worker)
            else:  # it failed, or is in the middle of a call that was cancelled
                await _end(worker)
        return answer

    async def _take(self) -> Process:
        """A worker that lives: an idle one, or a new one."""
        while self._idle:
            worker = self._idle.pop()
            if worker.returncode is None:
                return worker
            await _end(worker)
        if self._closed:
            raise DocumentFailed("the server is stopping")
        # The worker finds the packages that we found, and none of the environment's secrets; the terminal's ^C, which
        # begins a drain, is not for it.
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "motet.crdt.worker", str(self._memory)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )


def view_blocking(encoded: bytes, view: View, root: str | None = None, timeout: float = TIMEOUT) -> str:
    """`Documents.view` for a program without an event loop, by a worker of its own."""

    async def once() -> str:
        documents = Documents()
        try:
            return await documents.view(encoded, view, root, timeout)
        finally:
            await documents.close()

    return asyncio.run(once())


async def _ask(worker: Process, request: Sequence[bytes]) -> Answer:
    """Raises OSError or EOFError for a worker that ends, ValueError for one that talks nonsense."""
    assert worker.stdin is not None and worker.stdout is not None
    worker.stdin.write(LENGTH.pack(sum(map(len, request))))
    for part in batches(request):  # a write of a large document would keep the loop for long
        worker.stdin.write(part)
        await worker.stdin.drain()
    size: int = LENGTH.unpack(await worker.stdout.readexactly(LENGTH.size))[0]
    if size > MAX_FRAME:
        raise ValueError("an answer over the limit")
    return Answer.decode(await worker.stdout.readexactly(size))


def _kill(worker: Process) -> None:
    # Not Process.kill: before Python 3.13 it reaps a process that has just crashed, and its status is lost.
    if worker.returncode is None:
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.kill(worker.pid, signal.SIGKILL)


async def _end(worker: Process) -> None:
    _kill(worker)
    await worker.communicate()  # reads the pipes to their end: without it asyncio keeps them


def _status(code: int) -> str:
    return f"status {code}" if code >= 0 else signal.Signals(-code).name
