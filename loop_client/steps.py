"""The seam between the loop's decisions and the work it has done: jobs make each of these durable."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from loop_client.jsontext import JsonObject
from loop_client.model_attempts import Clock, ModelCall, ModelPart, model_parts
from loop_client.model_request import Model
from loop_client.run_events import PendingCall
from loop_client.settled import Settled
from loop_client.tool_run import ToolEnd, ToolRequest, run_attempts
from loop_client.toolbox import AddedTools, Gathered, Toolbox, gather_tools
from loop_client.tools import ToolRegistry


class Steps(Protocol):
    """What the loop needs done. It decides everything else itself and keeps its state in plain values.

    Where steps are recorded and a run is replayed from the record, the loop asks for the same steps in the same order:
    nothing it decides depends on anything that is not given to it here.
    """

    def call_model(self, call: ModelCall) -> AsyncGenerator[ModelPart, None]:
        """Ask the model, again after a failure that may pass. Gives events while it answers and, last and exactly once,
        the whole answer. A step that is replayed, or tells viewers itself, gives the answer alone.

        Raises:
            RunError: there is no whole answer.
            DeadlinePassed: the call's seconds are over.
        """
        ...

    async def decide(self, name: str, work: Callable[[], Awaitable[JsonObject]]) -> JsonObject:
        """Do something that code of the caller takes part in (hooks, rules for approvals, sources of tools), and
        remember what came of it under a name that is unique in the run.

        Raises:
            RunError: as the work does.
        """
        ...

    async def gather(self, toolbox: Toolbox, added: AddedTools) -> Gathered:
        """The tools there are now. Not remembered: tools are code.

        Raises:
            ToolSourceError: a source cannot be opened.
        """
        ...

    def begin_calls(self, requests: Sequence[ToolRequest]) -> None:
        """Told of all calls that ``run_tool`` will be asked for next, in call order, before the first."""
        ...

    async def run_tool(self, request: ToolRequest) -> ToolEnd:
        """Run a call, with the attempts its tool allows. Raises nothing, except when it is cancelled."""
        ...

    async def wait_for_any(self, calls: Sequence[asyncio.Task[Any]], told: asyncio.Future[None]) -> Collection[int]:
        """Wait until one of the running calls has ended, or a call has told something; which of them have ended."""
        ...

    @property
    def can_wait(self) -> bool:
        """Whether a run may wait for answers from outside where it is, instead of being suspended."""
        ...

    async def wait_for_answers(
        self, pending: tuple[PendingCall, ...], registry: ToolRegistry, values: Mapping[str, Any]
    ) -> Mapping[str, Settled]:
        """Wait until one or more of these calls are answered; by call id. Only where ``can_wait``."""
        ...

    def now(self) -> float:
        """Seconds on a clock that never goes back, and stands still while the run waits for somebody."""
        ...

    def unix_time(self) -> float:
        """Seconds since 1970 in UTC."""
        ...

    def new_id(self, prefix: str) -> str:
        """A name that no other will ever have."""
        ...


class LiveSteps:
    """Does the work here and now, and keeps nothing."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def call_model(self, call: ModelCall) -> AsyncGenerator[ModelPart, None]:
        """Ask the model."""
        return model_parts(self._model, call, Clock(time.monotonic, asyncio.sleep))

    async def decide(self, name: str, work: Callable[[], Awaitable[JsonObject]]) -> JsonObject:
        """Do it."""
        return await work()

    async def gather(self, toolbox: Toolbox, added: AddedTools) -> Gathered:
        """Ask the sources."""
        return await gather_tools(toolbox, added)

    def begin_calls(self, requests: Sequence[ToolRequest]) -> None:
        """Nothing has to be known before."""

    async def run_tool(self, request: ToolRequest) -> ToolEnd:
        """Run the call in this event loop."""
        return await run_attempts(request)

    async def wait_for_any(self, calls: Sequence[asyncio.Task[Any]], told: asyncio.Future[None]) -> Collection[int]:
        """Wait in this event loop."""
        await asyncio.wait({*calls, told}, return_when=asyncio.FIRST_COMPLETED)
        return [index for index, call in enumerate(calls) if call.done()]

    @property
    def can_wait(self) -> bool:
        """No: nothing is kept here, so a wait would not survive this process."""
        return False

    async def wait_for_answers(
        self, pending: tuple[PendingCall, ...], registry: ToolRegistry, values: Mapping[str, Any]
    ) -> Mapping[str, Settled]:
        """Not called."""
        raise NotImplementedError("a live run is suspended instead")

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
