"""Whether the server is ready for work, and why not."""

from __future__ import annotations


class Health:
    """Reasons against readiness, by name. Degraded is not dead: the process lives as long as it can answer."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    def degrade(self, name: str, reason: str) -> None:
        """From now on the server is not ready, for this reason."""
        self._reasons[name] = reason

    def recover(self, name: str) -> None:
        """This reason is gone."""
        self._reasons.pop(name, None)

    @property
    def reasons(self) -> dict[str, str]:
        """Name of what is wrong to a sentence about it; empty when ready."""
        return dict(self._reasons)
