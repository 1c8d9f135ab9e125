"""Where suspended runs are kept, so that an answer counts once whoever takes it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final, Protocol

KEPT_AFTER_EXPIRY: Final = 86_400.0
"""Seconds for which an expired run is kept, so that a late answer is told so."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as the store has it."""

    version: int
    """Counts from 1; each replacement adds one."""
    text: str
    """JSON text that only the client reads."""


class RunStore(Protocol):
    """Keeps one text per run and replaces it by compare-and-swap.

    One store may serve many processes. What it keeps holds whole conversations, so it has to be as safe as they are.
    """

    async def load(self, run_id: str) -> StoredRun | None:
        """The run as it is now; None where there is none, or it was dropped after its expiry."""
        ...

    async def replace(self, run_id: str, expected: int, text: str, expires_at: float | None) -> bool:
        """Put a new text if the version is still the expected one (0: the run is not there yet); whether it was.

        Args:
            run_id: Of the run.
            expected: The version that was read.
            text: What takes its place, under the next version.
            expires_at: Seconds since 1970 in UTC, after which the run may be dropped; None for never.
        """
        ...

    async def aclose(self) -> None:
        """Let go of what the store holds open."""
        ...


class MemoryRunStore:
    """Keeps runs in this process, as long as it lives."""

    def __init__(self) -> None:
        self._runs: dict[str, tuple[StoredRun, float | None]] = {}

    async def load(self, run_id: str) -> StoredRun | None:
        """The run as it is now."""
        kept = self._runs.get(run_id)
        return None if kept is None else kept[0]

    async def replace(self, run_id: str, expected: int, text: str, expires_at: float | None) -> bool:
        """Put a new text if the version is still the expected one."""
        kept = self._runs.get(run_id)
        if (0 if kept is None else kept[0].version) != expected:
            return False
        if expected == 0:
            self._drop_expired()
        self._runs[run_id] = (StoredRun(expected + 1, text), expires_at)
        return True

    async def aclose(self) -> None:
        """Nothing is held open."""

    def _drop_expired(self) -> None:
        before = time.time() - KEPT_AFTER_EXPIRY
        for run_id in [run_id for run_id, (_, end) in self._runs.items() if end is not None and end < before]:
            del self._runs[run_id]
