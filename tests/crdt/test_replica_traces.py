"""Real typing: editing histories, where they lie beside the project. Nothing needs them to pass."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from replica_fuzz import FUZZ, node

from motet.crdt import Replica

pytestmark = pytest.mark.node

TRACES = sorted((Path(__file__).parents[2].parent / "shared" / "traces").glob("*.json.gz"))


def text_in_yjs(update: bytes, tmp_path: Path) -> str:
    file = tmp_path / "update"
    file.write_bytes(update)
    return subprocess.run([node(), FUZZ / "text.mjs", file], check=True, capture_output=True).stdout.decode()


@pytest.mark.parametrize("trace", TRACES, ids=lambda path: path.name.partition(".")[0])
def test_a_real_history_ends_in_its_text_before_and_after_compaction(trace: Path, tmp_path: Path) -> None:
    """[C1] [C11] One update a transaction; in Yjs the document has the text that the author ended with."""
    out = tmp_path / "updates.json"
    subprocess.run([node(), FUZZ / "trace.mjs", trace, out], check=True)
    history = json.loads(out.read_text())
    replica = Replica()
    for n, update in enumerate(history["updates"]):
        assert replica.take(bytes.fromhex(update), 1) == 0
        if n % 8 == 0:
            replica.news()
    assert text_in_yjs(replica.encode(), tmp_path) == history["text"]
    for _ in replica.compact():
        pass
    assert text_in_yjs(replica.encode(), tmp_path) == history["text"]
