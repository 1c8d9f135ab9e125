"""How often a failed model call is made again, and how long to wait before."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from loop_client.errors import ConfigurationError, RunError


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a failed model call is made again, where the failure may pass.

    Raises:
        ConfigurationError: a number is negative.
    """

    retries: int = 2
    """Further attempts at one model call; 0 for none."""
    first_wait: float = 0.5
    """Seconds before the first repetition; doubled each time."""
    longest_wait: float = 8.0
    """Seconds, where the server does not say how long to wait."""
    longest_retry_after: float = 60.0
    """Seconds; a server that asks to wait longer is not asked again, except within ``patience``."""
    patience: float = 0.0
    """Seconds that one model call may wait, all in all, for a server that is away or takes nothing more: one that
    cannot be connected to, or answers 429, 502, 503, 504 or 529 without having asked the model. Attempts within it do
    not count as ``retries``."""

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if min(self.retries, self.first_wait, self.longest_wait, self.longest_retry_after, self.patience) < 0:
            raise ConfigurationError("retry: no number may be negative")


PATIENT: Final = Retry(longest_wait=30.0, patience=900.0)
"""For runs that nobody sits before: rides out a server that is away for a quarter of an hour."""


class Attempts:
    """What has become of one model call so far: decides whether it is made again, and when."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._failures = 0
        self._absences = 0
        self._waited = 0.0

    def wait_after(self, error: RunError) -> float | None:
        """Seconds to wait after this failure; None where there is to be no other attempt."""
        retry, asked = self._retry, error.detail.retry_after
        if not error.detail.retryable:
            return None
        if error.away:
            # Nobody comes back to a crowd: many runs fail at the same moment, and shall not return at one.
            wait = (asked or 0.0) + self._doubled(self._absences) * random.uniform(0.5, 1.0)  # noqa: S311  # no secret
            self._absences += 1
            self._waited += wait
            if self._waited <= retry.patience:
                return wait
        if self._failures >= retry.retries or (asked is not None and asked > retry.longest_retry_after):
            return None
        self._failures += 1
        return self._doubled(self._failures - 1) if asked is None else asked

    def _doubled(self, times: int) -> float:
        # The exponent is bounded: thousands of attempts would overflow a float.
        return min(self._retry.first_wait * 2.0 ** min(times, 60), self._retry.longest_wait)
