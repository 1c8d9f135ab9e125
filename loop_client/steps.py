"""The seam between the loop's decisions and the work it has done: jobs make each of these durable."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from loop_client.chat_stream import ModelAnswer, StreamEvent
from loop_client.events import Message
from loop_client.jsontext import JsonObject
from loop_client.tool_run import ToolOutcome, run_tool
from loop_client.verdict import Runnable

ToolChoice: TypeAlias = str | Mapping[str, Any]
"""``auto``, ``none``, ``required``, or an object as the chat wire has it."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What the model is asked in one round."""

    round: int
    """Counts from 1."""
    messages: tuple[Message, ...]
    tools: tuple[JsonObject, ...]
    """The same in every round."""
    tool_choice: ToolChoice | None
    """None where nothing is to be sent."""


class Steps(Protocol):
    """What the loop needs done. It decides everything else itself and keeps its state in plain values."""

    def call_model(self, request: ModelRequest) -> AsyncGenerator[StreamEvent | ModelAnswer, None]:
        """Ask the model. Gives events while it answers and, last and exactly once, the whole answer.

        A step that is replayed may give the answer alone.

        Raises:
            RunError: there is no whole answer.
        """
        ...

    async def run_tool(self, runnable: Runnable, *, round_number: int, seconds: float | None) -> ToolOutcome:
        """Run a call for at most so many seconds. Raises nothing, except when it is cancelled."""
        ...

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    def new_id(self, prefix: str) -> str:
        """A name that no other will ever have."""
        ...


class Model(Protocol):
    """Something that answers a request, as ``ChatTransport`` does over HTTP."""

    def call(self, request: ModelRequest) -> AsyncGenerator[StreamEvent | ModelAnswer, None]:
        """As ``Steps.call_model``."""
        ...


class LiveSteps:
    """Does the work here and now, and keeps nothing."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def call_model(self, request: ModelRequest) -> AsyncGenerator[StreamEvent | ModelAnswer, None]:
        """Ask the model."""
        return self._model.call(request)

    async def run_tool(self, runnable: Runnable, *, round_number: int, seconds: float | None) -> ToolOutcome:
        """Run the call in this event loop; the round's number is of use only to steps that record."""
        return await run_tool(runnable, seconds)

    def now(self) -> float:
        """The monotonic clock."""
        return time.monotonic()

    def new_id(self, prefix: str) -> str:
        """Random bits, so that no two processes make the same (ID-09)."""
        return new_id(prefix)


def new_id(prefix: str) -> str:
    """``prefix_`` and 24 hexadecimal digits: legal as a call id for every provider but Mistral."""
    return f"{prefix}_{secrets.token_hex(12)}"
