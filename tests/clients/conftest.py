"""A server that wants to know who somebody is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.server import MotetServer, serving
from support.tokens import SECURED


@pytest.fixture(scope="session")
def secured_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotetServer]:
    """A server with a secret, for tests that neither stop nor count it; each uses its own `room`."""
    with serving(tmp_path_factory.mktemp("secured-server"), SECURED) as server:
        yield server
