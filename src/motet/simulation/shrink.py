"""Which steps of a schedule a finding needs.

Source: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002), of whose ddmin this tries the
complements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

_CONNECTION: Final = re.compile(r"\b[0-9a-f]{4}-[0-9a-f]+\b")
"""Its name, which is a number."""
_NO_WORD: Final = re.compile(r"[^A-Za-z]+")


def kind(finding: str) -> str:
    """What was found, without the numbers that another schedule changes; of several findings, the first."""
    return _NO_WORD.sub(" ", _CONNECTION.sub("", finding.partition("; ")[0])).strip()


def shrink(steps: Sequence[int], fails: Callable[[Sequence[int]], bool]) -> list[int]:
    """Leaves out as many steps as it can while `fails` is true of the others: in the end none of them alone.

    Steps that are near each other should have to do with each other: they are left out together at first.
    """
    kept, size = list(steps), len(steps)
    while size:
        at = 0
        before = len(kept)
        while at < len(kept):
            others = kept[:at] + kept[at + size :]
            if fails(others):
                kept = others
            else:
                at += size
        if size > 1 or len(kept) == before:
            size //= 2
    return kept
