"""Limits of one run, and the one counter that is held against them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from loop_client.errors import ConfigurationError

LimitReason: TypeAlias = Literal[
    "max_rounds", "max_calls", "max_seconds", "max_tokens", "max_cost", "repeated_calls", "max_pauses"
]
"""Which limit ended a run. ``repeated_calls``: the model made the same call again and again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds over the whole run. ``None`` lifts a bound, except for the rounds, which always end.

    Raises:
        ConfigurationError: a bound is negative, or there would be no first round or no running tool.
    """

    max_rounds: int = 20
    """Times the model is asked. The calls of the last round are answered but not run."""
    max_calls: int | None = 200
    """Tool calls the model may make, refused ones included. Calls beyond it are answered but not run."""
    max_seconds: float | None = 600.0
    """Wall clock. On reaching it, the model's answer under way is dropped and running tools are stopped."""
    max_parallel: int = 8
    """Tools running at once; further calls of a round wait."""

    def __post_init__(self) -> None:
        """Refuse bounds under which nothing could run."""
        if self.max_rounds < 1 or self.max_parallel < 1:
            raise ConfigurationError("max_rounds and max_parallel must be at least 1")
        if self.max_calls is not None and self.max_calls < 0:
            raise ConfigurationError("max_calls must not be negative")
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise ConfigurationError("max_seconds must be above 0")


@dataclass(slots=True)
class Budget:
    """What a run has used of its limits. Times are seconds on the clock the run was started with."""

    limits: Limits
    started: float
    rounds: int = 0
    calls: int = 0

    @property
    def deadline(self) -> float:
        """When the run must end; infinite without a limit."""
        return math.inf if self.limits.max_seconds is None else self.started + self.limits.max_seconds

    def take_calls(self, count: int) -> int:
        """Count the calls of a round; how many of them may run."""
        room = count if self.limits.max_calls is None else max(0, self.limits.max_calls - self.calls)
        self.calls += count
        return min(count, room)

    def is_last_round(self) -> bool:
        """Whether no further round may follow this one."""
        return self.rounds >= self.limits.max_rounds

    def reached(self, now: float) -> LimitReason | None:
        """The limit that forbids a further round, if any."""
        if now >= self.deadline:
            return "max_seconds"
        if self.limits.max_calls is not None and self.calls > self.limits.max_calls:
            return "max_calls"
        if self.rounds >= self.limits.max_rounds:
            return "max_rounds"
        return None
