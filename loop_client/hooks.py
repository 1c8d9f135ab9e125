"""What a caller may decide within a run: each round's request, and how a broken call is mended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from loop_client.jsontext import JsonObject
from loop_client.model_request import ToolChoice
from loop_client.run_events import Message
from loop_client.tool_events import CallErrorCode
from loop_client.tools import Tool


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """What the model is about to be asked. Change it with ``dataclasses.replace``."""

    round: int
    """Counts from 1."""
    model: str
    messages: tuple[Message, ...]
    """Sent in this round; the run's own history stays whole."""
    tools: tuple[Tool, ...]
    """Offered in this round, and all that may be called in it."""
    tool_choice: ToolChoice | None
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further members of the request body, over those of the client."""


PrepareRound: TypeAlias = Callable[[RoundPlan], RoundPlan | Awaitable[RoundPlan | None] | None]
"""Called before every round; None leaves the plan as it is."""


@dataclass(frozen=True, slots=True)
class BrokenCall:
    """A call that may not run as the model wrote it."""

    call_id: str
    tool_name: str
    arguments_text: str
    code: CallErrorCode
    """``invalid_json``, ``schema_mismatch`` or ``unknown_tool``."""
    message: str
    """What is wrong, with paths and without values."""
    parameters: JsonObject | None
    """JSON Schema of the tool's arguments; None where there is no such tool."""
    tool_names: tuple[str, ...]
    """Every tool of the round."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """How the call should have been written. It is checked like any other."""

    arguments_text: str
    tool_name: str | None = None
    """Another tool's name; None for the same."""


RepairCall: TypeAlias = Callable[[BrokenCall], Repaired | Awaitable[Repaired | None] | None]
"""Called for calls that are broken but whole; None leaves the call refused."""
