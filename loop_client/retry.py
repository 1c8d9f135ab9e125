"""How often a failed model call is made again, and how long to wait before."""

from __future__ import annotations

from dataclasses import dataclass

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
    """Seconds; a server that asks to wait longer is not asked again."""

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if min(self.retries, self.first_wait, self.longest_wait, self.longest_retry_after) < 0:
            raise ConfigurationError("retry: no number may be negative")

    def wait(self, error: RunError, attempt: int) -> float | None:
        """Seconds to wait after so many attempts; None where there is to be no other."""
        detail = error.detail
        if not detail.retryable or attempt > self.retries:
            return None
        if detail.retry_after is not None:
            return detail.retry_after if detail.retry_after <= self.longest_retry_after else None
        return min(self.first_wait * 2.0 ** (attempt - 1), self.longest_wait)
