"""The loop's steps as a job takes them: each is recorded, so that the run goes on in any process."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import replace
from typing import Any, TypeAlias

from loop_client.chat_stream import ModelAnswer
from loop_client.context import Progress
from loop_client.errors import ErrorDetail, RunError
from loop_client.events import RoundRestart, ToolInputAvailable, ToolProgress
from loop_client.jobs.answering import settled_by
from loop_client.jobs.gate import Gate
from loop_client.jobs.journal import Entry, Journal, Tell, Work
from loop_client.jobs.place import Emit, Place, Teller
from loop_client.jobs.records import (
    answer_from_json,
    answer_to_json,
    end_from_json,
    end_to_json,
    error_from_json,
    error_to_json,
)
from loop_client.jobs.settings import JobSettings
from loop_client.jsontext import JsonObject
from loop_client.model_attempts import Clock, DeadlinePassed, ModelCall, ModelPart, model_parts
from loop_client.model_request import Model
from loop_client.run_events import PendingCall
from loop_client.settled import Settled, settled_from_json, settled_to_json
from loop_client.tool_outcome import ToolOutcome
from loop_client.tool_run import ToolEnd, ToolRequest, run_attempts
from loop_client.toolbox import AddedTools, Gathered, Toolbox, gather_tools
from loop_client.tools import Tool, ToolRegistry

ClaimedWork: TypeAlias = Callable[[Tell, str], Awaitable[JsonObject]]
"""Work that is told which execution claimed it."""


class JobSteps:
    """Steps that are recorded in a journal, and done where the application's connections are.

    Its clock counts the seconds in which the job was worked on: neither waits for somebody nor the time between two
    executions are among them.
    """

    def __init__(self, journal: Journal, model: Model, place: Place, gate: Gate, settings: JobSettings) -> None:
        self._journal = journal
        self._model = model
        self._place = place
        self._gate = gate
        self._settings = settings
        self._ids = 0
        self._at = 0.0
        self._base = (0.0, time.monotonic())
        self._entries: dict[str, tuple[Entry, Entry]] = {}
        self._asked: set[str] = set()
        """Calls that were interrupted, and that somebody may have run once more."""
        self._decided_by = ""
        """The execution that made the latest decision."""

    def call_model(self, call: ModelCall) -> AsyncGenerator[ModelPart, None]:
        """Ask the model; its words are told from within, so only the answer comes out."""
        return self._call_model(call)

    async def _call_model(self, call: ModelCall) -> AsyncGenerator[ModelPart, None]:
        async def work(tell: Tell) -> JsonObject:
            asked = replace(call, retry=self._settings.retry)
            if self._decided_by != self._journal.execution:
                restart = await self._restart(call.request.round)
                await tell(restart.to_json())
                asked = replace(asked, attempt=restart.attempt)
            here = asyncio.get_running_loop()
            clock = Clock(self._worked, lambda seconds: self._step_aside(seconds, here), stands_still=True)
            return await self._teller(tell).of(self._place, lambda emit: ask(asked, clock, emit))

        async def ask(asked: ModelCall, clock: Clock, emit: Emit) -> JsonObject:
            answer: ModelAnswer | None = None
            async with aclosing(model_parts(self._model, asked, clock)) as parts:
                async for part in parts:
                    if isinstance(part, ModelAnswer):
                        answer = part
                    else:
                        emit(part.to_json())
            return {} if answer is None else answer_to_json(answer)

        recorded = await self._record(f"model {call.request.round}", work)
        if recorded:
            yield answer_from_json(recorded)

    async def _step_aside(self, seconds: float, here: asyncio.AbstractEventLoop) -> None:
        """Wait until the model is asked again: others may work meanwhile, and it is no time of the run.

        Args:
            seconds: To wait; in the application's event loop.
            here: The engine's event loop.
        """
        at = self._worked()
        here.call_soon_threadsafe(self._gate.leave)
        await asyncio.sleep(seconds)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._gate.enter(), here))
        self._base = (at, time.monotonic())

    async def _restart(self, number: int) -> RoundRestart:
        """The words of an execution that ended in the middle are void."""
        before = [data for data in await self._journal.told() if data.get("round") == number]
        attempt = 2 + sum(data["type"] == "round-restart" for data in before)
        detail = ErrorDetail("interrupted", "the process that ran the job ended", retryable=True)
        return RoundRestart(number, attempt, 0.0, detail)

    async def decide(self, name: str, work: Callable[[], Awaitable[JsonObject]]) -> JsonObject:
        """Do it where the application is, and record what came of it."""

        async def there() -> JsonObject:
            return await work()

        return await self._record(name, lambda tell: self._place.run(there))

    async def gather(self, toolbox: Toolbox, added: AddedTools) -> Gathered:
        """Ask the sources, where they are open."""
        return await self._place.run(lambda: gather_tools(toolbox, added))

    def begin_calls(self, requests: Sequence[ToolRequest]) -> None:
        """Take their places in the record, in call order, so that they are found again in whatever order they end."""
        for request in requests:
            call_id = request.runnable.call.id
            self._entries[call_id] = (
                self._journal.enter(f"claim {request.round} {call_id}"),
                self._journal.enter(f"call {request.round} {call_id}"),
            )

    async def run_tool(self, request: ToolRequest) -> ToolEnd:
        """Run a call that no execution has begun; of one that was interrupted, its tool's rule decides."""
        call, tool = request.runnable.call, self._bounded(request.runnable.tool)
        claim, run = self._entries.pop(call.id)

        async def work(tell: Tell, claimed_by: str) -> JsonObject:
            attempt = request.attempt
            if call.id in self._asked:
                attempt += await self._starts(call.id)
            if claimed_by != self._journal.execution:
                match tool.interrupted:
                    case "error":
                        text = "the tool was interrupted; whether it did its work is not known"
                        return end_to_json(ToolEnd(ToolOutcome(text, "interrupted"), 0.0))
                    case "ask":
                        return end_to_json(ToolEnd(ToolOutcome("", "interrupted"), 0.0, asks=True))
                    case "retry":
                        attempt = request.attempt + await self._starts(call.id)
            runnable = replace(request.runnable, tool=tool)
            begun = replace(request, runnable=runnable, run_id=self._journal.job_id, attempt=attempt)
            return await self._teller(tell).of(self._place, lambda emit: self._run(begun, emit))

        async with self._limit_of(tool.name):
            end = end_from_json(await self._claimed(claim, run, work))
        if end.asks:
            self._asked.add(call.id)
        return end

    async def _run(self, request: ToolRequest, emit: Emit) -> JsonObject:
        call, tool, number = request.runnable.call, request.runnable.tool, request.round

        def start(attempt: int) -> None:
            if attempt > 1:
                title, dynamic = tool.title, tool.dynamic or None
                emit(
                    ToolInputAvailable(
                        number, call.id, call.name, call.arguments_text, title, dynamic, attempt
                    ).to_json()
                )
            emit({"type": "job-call-start", "round": number, "call_id": call.id, "attempt": attempt})

        def report(progress: Progress) -> None:
            told = (progress.progress, progress.total, progress.message, progress.output)
            emit(ToolProgress(number, call.id, call.name, *told).to_json())

        start(request.attempt)
        return end_to_json(await run_attempts(replace(request, report=report, again=start)))

    async def _starts(self, call_id: str) -> int:
        told = await self._journal.told()
        return sum(data["type"] == "job-call-start" and data["call_id"] == call_id for data in told)

    async def wait_for_any(self, calls: Sequence[asyncio.Task[Any]], told: asyncio.Future[None]) -> Collection[int]:
        """Wait; which calls ended first is recorded. Progress is told from within the calls."""
        return await self._journal.first(calls)

    @property
    def can_wait(self) -> bool:
        """Yes: whoever goes on with the job finds it waiting."""
        return True

    async def wait_for_answers(
        self, pending: tuple[PendingCall, ...], registry: ToolRegistry, values: Mapping[str, Any]
    ) -> Mapping[str, Settled]:
        """Wait for the next answer to one of these calls."""
        self._gate.leave()
        waiting = {call.token: call for call in pending}
        while True:
            message = await self._journal.receive()
            call = waiting.get(str(message.get("token")))
            if call is not None:
                break
        self._base = (self._at, time.monotonic())
        claim = self._journal.enter(f"claim answer {call.round} {call.call_id}")
        run = self._journal.enter(f"answer {call.round} {call.call_id}")

        async def work(tell: Tell, claimed_by: str) -> JsonObject:
            tool = registry.get(call.tool_name)
            is_repeated = claimed_by != self._journal.execution
            return settled_to_json(
                await self._place.run(
                    lambda: settled_by(self._journal.job_id, call, message, tool, values, is_repeated=is_repeated)
                )
            )

        return {call.call_id: settled_from_json(await self._claimed(claim, run, work))}

    def now(self) -> float:
        """Seconds for which the job was worked on, up to what was recorded last."""
        return self._at

    def _worked(self) -> float:
        """Seconds for which the job was worked on, up to this moment."""
        at, since = self._base
        return at + time.monotonic() - since

    def unix_time(self) -> float:
        """The computer's clock: for events, which are told once."""
        return time.time()

    def new_id(self, prefix: str) -> str:
        """Made of the job's id and a count, so that it is the same in every execution."""
        self._ids += 1
        data = f"{self._journal.job_id}/{prefix}/{self._ids}".encode()
        return f"{prefix}_{hashlib.sha256(data).hexdigest()[:24]}"

    def _bounded(self, tool: Tool) -> Tool:
        most = self._settings.max_result_bytes
        own = tool.max_result_bytes
        return replace(tool, max_result_bytes=most if own is None else min(own, most))

    def _limit_of(self, name: str) -> AbstractAsyncContextManager[Any]:
        return self._gate.tool(name) or nullcontext()

    def _teller(self, tell: Tell) -> Teller:
        return Teller(tell, self._settings.event_seconds, self._settings.max_event_bytes)

    async def _record(self, name: str, work: Work) -> JsonObject:
        return self._taken(await self._journal.once(name, self._sealed(work)))

    async def _claimed(self, claim: Entry, run: Entry, work: ClaimedWork) -> JsonObject:
        """Say that the work begins, and do it: who finds the claim of another execution knows that it was begun."""

        async def nothing(tell: Tell) -> JsonObject:
            return {}

        claimed_by: str = (await claim.once(self._sealed(nothing)))["by"]
        return self._taken(await run.once(self._sealed(lambda tell: work(tell, claimed_by))))

    def _sealed(self, work: Work) -> Work:
        """The work with what has to be known of it later: who did it, when it ended, why it failed."""

        async def sealed(tell: Tell) -> JsonObject:
            await self._gate.enter()
            body: JsonObject
            try:
                body = {"value": await work(tell)}
            except (RunError, DeadlinePassed) as error:
                body = {"error": error_to_json(error)}
            return {**body, "by": self._journal.execution, "at": self._worked()}

        return sealed

    def _taken(self, record: JsonObject) -> JsonObject:
        self._at = max(self._at, record["at"])
        self._decided_by = record["by"]
        if record["by"] != self._journal.execution:
            self._base = (self._at, time.monotonic())
        if "error" in record:
            raise error_from_json(record["error"])
        value: JsonObject = record["value"]
        return value
