"""REST and pages over HTTP: health, metrics, administration, the demo's files. FastAPI over the hub.

May import rooms and what is below it. Public names: `build`, `Console`.
"""

from motet.api.console import Console
from motet.api.http import build

__all__ = ["Console", "build"]
