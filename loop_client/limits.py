"""Limits of one run, and the one counter that is held against them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from loop_client.errors import ConfigurationError
from loop_client.jsontext import JsonObject
from loop_client.usage import Usage

LimitReason: TypeAlias = Literal[
    "max_rounds", "max_calls", "max_seconds", "max_tokens", "max_cost", "repeated_calls", "max_pauses"
]
"""Which limit ended a run. ``repeated_calls``: the model made the same call again and again."""

OnLimit: TypeAlias = Literal["stop", "answer", "raise"]
"""What happens on reaching a limit.

``stop``: the run ends with the reason and without an answer. ``answer``: the model is asked once more, with
``tool_choice: "none"``, and what it says is the answer of a run that still ends with the limit's reason. ``raise``: the
run ends with a ``LimitReached`` error.
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds over the whole run. ``None`` lifts a bound, except for the rounds, which always end.

    Raises:
        ConfigurationError: a bound is negative, or there would be no first round or no running tool.
    """

    max_rounds: int = 20
    """Times the model is asked (a last answer after a limit is one more). The calls of the last round are answered but
    not run, unless a last answer follows."""
    max_calls: int | None = 200
    """Tool calls the model may make, refused ones included. Calls beyond it are answered but not run."""
    max_seconds: float | None = 600.0
    """Wall clock while the run runs. On reaching it, the model's answer under way is dropped and running tools are
    stopped."""
    max_parallel: int = 8
    """Tools running at once; further calls of a round wait."""
    max_tokens: int | None = None
    """Tokens in and out over all rounds, as far as the server reports them; looked at after each round."""
    max_cost: float | None = None
    """By the caller's prices, in their currency; looked at after each round."""
    max_pauses: int = 10
    """Times the provider may pause its turn, to be asked to go on (FINISH-05)."""
    warn_repeats: int | None = 3
    """The round in which the same call with the same arguments is run with a warning to the model."""
    max_repeats: int | None = 5
    """Rounds in which the same call may be made; it is refused in the next, and the run ends. ``Tool.may_repeat`` lifts
    this for one tool."""
    on_limit: OnLimit = "stop"
    answer_seconds: float = 60.0
    """For the last answer of ``on_limit="answer"`` when the run's time is already used up."""

    def __post_init__(self) -> None:
        """Refuse bounds under which nothing could run."""
        if self.max_rounds < 1 or self.max_parallel < 1:
            raise ConfigurationError("max_rounds and max_parallel must be at least 1")
        for name in ("max_calls", "max_tokens", "max_cost", "max_pauses"):
            if getattr(self, name) is not None and getattr(self, name) < 0:
                raise ConfigurationError(f"{name} must not be negative")
        if self.max_seconds is not None and not self.max_seconds > 0:
            raise ConfigurationError("max_seconds must be above 0")
        if not self.answer_seconds > 0:
            raise ConfigurationError("answer_seconds must be above 0")
        if any(bound is not None and bound < 1 for bound in (self.warn_repeats, self.max_repeats)):
            raise ConfigurationError("warn_repeats and max_repeats must be at least 1")


@dataclass(slots=True)
class Budget:
    """What a run has used of its limits. Times are seconds on the clock the run was started with."""

    limits: Limits
    started: float
    """When the run would have started, had it never been suspended."""
    rounds: int = 0
    calls: int = 0
    pauses: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: float | None = None

    @property
    def deadline(self) -> float:
        """When the run must end; infinite without a limit."""
        return math.inf if self.limits.max_seconds is None else self.started + self.limits.max_seconds

    def take_calls(self, count: int) -> int:
        """Count the calls of a round; how many of them may run."""
        room = count if self.limits.max_calls is None else max(0, self.limits.max_calls - self.calls)
        self.calls += count
        return min(count, room)

    def take_usage(self, usage: Usage | None, cost: float | None) -> None:
        """Count what a round used."""
        self.usage += usage or Usage()
        if cost is not None:
            self.cost = (self.cost or 0.0) + cost

    def is_last_round(self) -> bool:
        """Whether no further round may follow this one."""
        return self.rounds >= self.limits.max_rounds

    def reached(self, now: float) -> LimitReason | None:
        """The limit that forbids a further round, if any."""
        limits = self.limits
        if now >= self.deadline:
            return "max_seconds"
        if limits.max_calls is not None and self.calls > limits.max_calls:
            return "max_calls"
        if limits.max_tokens is not None and self._tokens() >= limits.max_tokens:
            return "max_tokens"
        if limits.max_cost is not None and self.cost is not None and self.cost >= limits.max_cost:
            return "max_cost"
        if self.rounds >= limits.max_rounds:
            return "max_rounds"
        return None

    def to_json(self, now: float) -> JsonObject:
        """For the state of a suspended run."""
        usage: dict[str, Any] = {name: getattr(self.usage, name) for name in Usage.__slots__}
        return {
            "seconds": now - self.started,
            "rounds": self.rounds,
            "calls": self.calls,
            "pauses": self.pauses,
            "cost": self.cost,
            "usage": usage,
        }

    @classmethod
    def from_json(cls, body: JsonObject, limits: Limits, now: float) -> Budget:
        """The budget of a run that goes on: the time for which it was suspended does not count."""
        return cls(
            limits=limits,
            started=now - body["seconds"],
            rounds=body["rounds"],
            calls=body["calls"],
            pauses=body["pauses"],
            usage=Usage(**body["usage"]),
            cost=body["cost"],
        )

    def _tokens(self) -> int:
        if self.usage.total_tokens is not None:
            return self.usage.total_tokens
        return (self.usage.input_tokens or 0) + (self.usage.output_tokens or 0)
