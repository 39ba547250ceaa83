"""The fresh seed of a run, for fuzzers beside their fixed ones; `MOTET_TEST_SEED` repeats a run."""

from __future__ import annotations

import os
import random

VARIABLE = "MOTET_TEST_SEED"


def fresh() -> int:
    """The same in all processes of a run: workers inherit it, and must collect the same tests."""
    return int(os.environ.setdefault(VARIABLE, str(random.SystemRandom().randrange(2**32))))
