"""promtool, and what a real server says of itself."""

from __future__ import annotations

import pytest
from promtool import Promtool

from support.debian import program


@pytest.fixture(scope="session")
def promtool() -> Promtool:
    """Debian's."""
    return Promtool(program("promtool", "prometheus"))
