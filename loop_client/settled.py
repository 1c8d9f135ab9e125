"""What somebody outside decided about a call that waited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from loop_client.jsontext import JsonObject
from loop_client.tool_outcome import ToolOutcome


@dataclass(frozen=True, slots=True)
class Approved:
    """The call may run."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Denied:
    """The call must not run."""

    reason: str | None = None
    """In the words of whoever decided; the model reads it."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The call has its result."""

    outcome: ToolOutcome


Settled: TypeAlias = Approved | Denied | Answered


def settled_to_json(settled: Settled) -> JsonObject:
    """For a stored answer."""
    match settled:
        case Approved(reason=reason):
            return {"kind": "approved", "reason": reason}
        case Denied(reason=reason):
            return {"kind": "denied", "reason": reason}
        case Answered(outcome=outcome):
            return {"kind": "answered", "outcome": outcome.to_json()}


def settled_from_json(body: JsonObject) -> Settled:
    """What ``settled_to_json`` wrote.

    Raises:
        ValueError: it did not write this.
    """
    match body:
        case {"kind": "approved", "reason": reason}:
            return Approved(reason)
        case {"kind": "denied", "reason": reason}:
            return Denied(reason)
        case {"kind": "answered", "outcome": dict() as outcome}:
            return Answered(ToolOutcome.from_json(outcome))
        case _:
            raise ValueError("not a settled call")
