"""The seam between the loop's decisions and the work it has done: jobs make each of these durable."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from loop_client.chat_stream import ModelAnswer, StreamEvent
from loop_client.errors import ConfigurationError
from loop_client.events import Message, PendingCall
from loop_client.jsontext import JsonObject
from loop_client.settled import Settled
from loop_client.tool_outcome import ToolOutcome
from loop_client.tool_run import ToolRequest, run_tool

ToolChoice: TypeAlias = str | Mapping[str, Any]
"""``auto``, ``none``, ``required``, or an object as the chat wire has it."""

OWN_MEMBERS: Final = frozenset({"model", "messages", "tools", "tool_choice", "stream"})
"""Members of the request body that the loop sets."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What the model is asked in one round."""

    round: int
    """Counts from 1."""
    messages: tuple[Message, ...]
    tools: tuple[JsonObject, ...]
    """The same in every round, unless tools come or go, or a hook of the caller says otherwise."""
    tool_choice: ToolChoice | None
    """None where nothing is to be sent."""
    model: str | None = None
    """Instead of the run's model."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further members of the body, over those of the transport."""


class Steps(Protocol):
    """What the loop needs done. It decides everything else itself and keeps its state in plain values."""

    def call_model(self, request: ModelRequest) -> AsyncGenerator[StreamEvent | ModelAnswer, None]:
        """Ask the model. Gives events while it answers and, last and exactly once, the whole answer.

        A step that is replayed may give the answer alone.

        Raises:
            RunError: there is no whole answer.
        """
        ...

    async def run_tool(self, request: ToolRequest) -> ToolOutcome:
        """Make one attempt at a call. Raises nothing, except when it is cancelled."""
        ...

    @property
    def can_wait(self) -> bool:
        """Whether a run may wait for answers from outside where it is, instead of being suspended."""
        ...

    async def wait_for_answers(self, pending: tuple[PendingCall, ...]) -> Mapping[str, Settled]:
        """Wait until all of these calls are answered; by call id. Only where ``can_wait``."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait, between two attempts at the same thing."""
        ...

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    def unix_time(self) -> float:
        """Seconds since 1970 in UTC."""
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

    async def run_tool(self, request: ToolRequest) -> ToolOutcome:
        """Run the call in this event loop."""
        return await run_tool(request)

    @property
    def can_wait(self) -> bool:
        """No: nothing is kept here, so a wait would not survive this process."""
        return False

    async def wait_for_answers(self, pending: tuple[PendingCall, ...]) -> Mapping[str, Settled]:
        """Not called."""
        raise NotImplementedError("a live run is suspended instead")

    async def sleep(self, seconds: float) -> None:
        """Wait in this event loop."""
        await asyncio.sleep(seconds)

    def now(self) -> float:
        """The monotonic clock."""
        return time.monotonic()

    def unix_time(self) -> float:
        """The computer's clock."""
        return time.time()

    def new_id(self, prefix: str) -> str:
        """Random bits, so that no two processes make the same (ID-09)."""
        return new_id(prefix)


def new_id(prefix: str) -> str:
    """``prefix_`` and 24 hexadecimal digits: legal as a call id for every provider but Mistral."""
    return f"{prefix}_{secrets.token_hex(12)}"


def checked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, none of which the loop sets itself.

    Raises:
        ConfigurationError: one of them is.
    """
    taken = sorted(OWN_MEMBERS & options.keys())
    if taken:
        raise ConfigurationError(f"options may not set {', '.join(taken)}: the loop does")
    return dict(options)
