"""What refused clients may do: four attempts a minute where they ignore close codes, else one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from support.node import HOCUSPOCUS, NodeClient

PER_MINUTE = 4
"""Attempts."""
HOLD = 25.0
"""Seconds for which the server holds a repeat: the first attempt, and then one per hold."""


async def judge(
    clients: Mapping[str, NodeClient], seconds: float, is_transient: Callable[[str], bool] = lambda name: False
) -> None:
    """Watches for so long, then looks at the attempts of each. `is_transient` is asked by the client's name in
    `clients`: who heeds codes comes back from such a refusal."""
    await asyncio.sleep(seconds)
    allowed = 2 + seconds // HOLD
    problems = []
    for name, client in clients.items():
        report = await client.report()
        attempts = len(report.attempts)
        in_any_minute = max(sum(0 <= other - first < 60_000 for other in report.attempts) for first in report.attempts)
        seen = (
            f"{name}: {attempts} attempts, closes {report.closes[:3]}, HTTP {report.refusals[:3]}, {report.denied[:3]}"
        )
        if attempts > allowed or in_any_minute > PER_MINUTE:
            problems.append(seen)
        if client.kind in HOCUSPOCUS and not (attempts == 1 and len(report.denied) == 1 and report.connected):
            problems.append(f"not told once on an open socket: {seen}")
        if client.kind == "y-websocket-3" and attempts > 1 and not is_transient(name):
            problems.append(f"it heeds codes and was not told one: {seen}")
        if any(code == 1009 for code, _ in report.closes):
            problems.append(f"1009: {seen}")
    assert not problems, "\n".join(problems)
