"""Takes the answers to suspended runs: each once, only for the call it was given for, whoever else tries."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from loop_client.answers import NO_VALUE, Acknowledgement, Answer, AnswerRefused
from loop_client.context import Cancellation, ToolContext
from loop_client.jsontext import JsonObject, dumps, loads
from loop_client.run_events import PendingCall
from loop_client.run_store import RunStore
from loop_client.schema_check import schema_problems
from loop_client.settled import Answered, Approved, Denied, Settled, settled_from_json, settled_to_json
from loop_client.signing import Signer, is_call_token
from loop_client.suspension import Suspension, read_suspension
from loop_client.threads import run_in_thread
from loop_client.tool_outcome import ToolOutcome, json_text, written
from loop_client.tool_run import outcome_of
from loop_client.tools import DEFAULT_MAX_RESULT_BYTES, Tool

_LONGEST_REASON: Final = 4000
_CLAIM_GRACE: Final = 30.0
"""Seconds beyond a tool's time-out after which an answer that began to be worked on is given up."""
_UNBOUNDED_CLAIM: Final = 3600.0

FindTool = Callable[[Suspension, str], "Tool | None"]
"""The tool of a name, as this process has it for a suspended run."""


@dataclass(frozen=True, slots=True)
class _Record:
    """What the store keeps of a run."""

    number: int
    """Of the suspension."""
    state: str | None
    """The signed state; None once the run went on."""
    answers: Mapping[str, JsonObject] = field(default_factory=dict)
    """By call id: ``until`` (when the work on it is given up) and, once it is done, ``settled``."""
    spent: tuple[str, ...] = ()
    """Ids of calls that were answered in earlier suspensions."""

    def text(self) -> str:
        return dumps({"number": self.number, "state": self.state, "answers": self.answers, "spent": list(self.spent)})

    @classmethod
    def of(cls, text: str) -> _Record:
        body = loads(text)
        return cls(body["number"], body["state"], body["answers"], tuple(body["spent"]))

    def with_answer(self, call_id: str, answer: JsonObject) -> _Record:
        return replace(self, answers={**self.answers, call_id: answer})


@dataclass(frozen=True, slots=True)
class _Found:
    run_id: str
    record: _Record
    version: int
    suspension: Suspension


class AnswerDesk:
    """Keeps suspended runs and takes what comes for them.

    A run is named by its id, where the store has it, or by its signed state.
    """

    def __init__(self, signer: Signer, store: RunStore, expires_after: float | None = None) -> None:
        self._signer = signer
        self._store = store
        self._expires_after = expires_after
        self._work: set[asyncio.Task[Any]] = set()

    @property
    def signer(self) -> Signer:
        """What calls and states are signed with."""
        return self._signer

    async def aclose(self) -> None:
        """Wait for answers that are being worked on, and close the store."""
        if self._work:
            await asyncio.wait(self._work)
        await self._store.aclose()

    async def suspend(self, suspension: Suspension) -> tuple[str, float | None]:
        """Keep a run that stops here. Gives its signed state, and when it expires."""
        expires_at = None if self._expires_after is None else suspension.suspended_at + self._expires_after
        text = replace(suspension, expires_at=expires_at).signed(self._signer)
        while True:
            stored = await self._store.load(suspension.run_id)
            spent = () if stored is None else _Record.of(stored.text).spent
            record = _Record(suspension.number, text, spent=spent)
            version = 0 if stored is None else stored.version
            if await self._store.replace(suspension.run_id, version, record.text(), expires_at):
                return text, expires_at

    async def look(self, reference: str) -> Suspension:
        """A suspended run, unchanged.

        Raises:
            AnswerRefused: there is none to answer any more, or the state is not ours.
        """
        return (await self._find(reference)).suspension

    async def take_answer(
        self, reference: str, answer: Answer, find_tool: FindTool, values: Mapping[str, Any]
    ) -> Acknowledgement:
        """Take one answer. It goes on to its end even if whoever brought it leaves.

        Raises:
            AnswerRefused: it is none that can be taken.
        """
        task = asyncio.create_task(self._take(reference, answer, find_tool, values))
        self._work.add(task)
        task.add_done_callback(self._end_work)
        return await asyncio.shield(task)

    def _end_work(self, task: asyncio.Task[Any]) -> None:
        self._work.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, in case whoever brought the answer has gone

    async def take_run(self, reference: str) -> tuple[Suspension, dict[str, Settled]]:
        """Take a run whose calls are all answered, in order to go on with it; nobody else can then.

        Raises:
            AnswerRefused: calls still wait, or somebody else went on with it.
        """
        while True:
            found = await self._find(reference)
            settled = _all_settled(found, time.time())
            spent = (*found.record.spent, *(call.call_id for call in found.suspension.pending))
            gone_on = _Record(found.record.number, None, spent=spent)
            if await self._replace(found, gone_on):
                return found.suspension, settled

    async def _find(self, reference: str) -> _Found:
        given = read_suspension(reference, self._signer) if reference.lstrip().startswith("{") else None
        run_id = reference if given is None else given.run_id
        stored = await self._store.load(run_id)
        if stored is None:
            if given is None:
                raise AnswerRefused("RUN_NOT_FOUND", "there is no suspended run of that id")
            # Another process suspended it, and its store is not ours: the signed state is enough to go on.
            record, version, suspension = _Record(given.number, reference), 0, given
        else:
            record, version = _Record.of(stored.text), stored.version
            if record.state is None or (given is not None and given.number != record.number):
                raise AnswerRefused("ALREADY_ANSWERED", "the run went on after these calls were answered")
            suspension = read_suspension(record.state, self._signer)
        if suspension.expired(time.time()):
            raise AnswerRefused("EXPIRED", "the time for an answer is over")
        return _Found(run_id, record, version, suspension)

    async def _replace(self, found: _Found, record: _Record) -> bool:
        return await self._store.replace(found.run_id, found.version, record.text(), found.suspension.expires_at)

    async def _take(
        self, reference: str, answer: Answer, find_tool: FindTool, values: Mapping[str, Any]
    ) -> Acknowledgement:
        while True:
            found = await self._find_call(reference, answer)
            call = _checked_call(found, answer, self._signer)
            tool = _tool_of(found.suspension, call, answer, find_tool)
            value = _checked_value(call, answer, tool)
            claim: JsonObject = {"until": time.time() + _claim_seconds(tool)}
            if await self._replace(found, found.record.with_answer(call.call_id, claim)):
                break
        settled, result = await _settle(found.suspension, call, answer, value, tool, values)
        return await self._record(found, call, claim, settled, result)

    async def _find_call(self, reference: str, answer: Answer) -> _Found:
        try:
            return await self._find(reference)
        except AnswerRefused as refused:
            raise AnswerRefused(refused.code, str(refused), answer.call_id) from None

    async def _record(
        self, found: _Found, call: PendingCall, claim: JsonObject, settled: Settled, result: Any
    ) -> Acknowledgement:
        while True:
            stored = await self._store.load(found.run_id)
            record = None if stored is None else _Record.of(stored.text)
            if stored is None or record is None or record.answers.get(call.call_id) != claim:
                raise AnswerRefused("EXPIRED", "the work on the answer took too long, and was given up", call.call_id)
            done = record.with_answer(call.call_id, {**claim, "settled": settled_to_json(settled)})
            if await self._replace(replace(found, version=stored.version), done):
                break
        outcome = settled.outcome if isinstance(settled, Answered) else None
        failed = outcome is not None and outcome.error is not None
        has_failed_here = failed and outcome is not None and outcome.error != "answered_with_error"
        return Acknowledgement(
            run_id=found.run_id,
            call_id=call.call_id,
            tool_name=call.tool_name,
            result=result,
            error_code="TOOL_EXECUTION_FAILED" if has_failed_here else None,
            error_text=outcome.text if outcome is not None and failed else None,
            waiting=tuple(
                item.call_id for item in found.suspension.pending if "settled" not in done.answers.get(item.call_id, {})
            ),
        )


def _checked_call(found: _Found, answer: Answer, signer: Signer) -> PendingCall:
    """The waiting call that an answer is for.

    The token comes first: whoever has none learns nothing about the run's calls.
    """
    pending = {call.call_id: call for call in found.suspension.pending}
    call = pending.get(answer.call_id)
    if call is None:
        if answer.call_id in found.record.spent:
            raise AnswerRefused("ALREADY_ANSWERED", "the call was answered before", answer.call_id)
        raise AnswerRefused("UNKNOWN_CALL", "the run has no call of that id that waits", answer.call_id)
    run_id = found.suspension.run_id
    if not is_call_token(signer, answer.token, run_id, call.call_id, call.tool_name, call.arguments_text):
        raise AnswerRefused("BAD_TOKEN", "the token is not that of this call", answer.call_id)
    if answer.tool_name is not None and answer.tool_name != call.tool_name:
        raise AnswerRefused("INVALID_TOOL_RESULT", "the call is one of another tool", answer.call_id)
    if call.call_id in found.record.answers:
        raise AnswerRefused("ALREADY_ANSWERED", "the call was answered before", answer.call_id)
    return call


def _tool_of(suspension: Suspension, call: PendingCall, answer: Answer, find_tool: FindTool) -> Tool | None:
    """The tool whose ``on_answer`` may have to run; None where only a decision or an error comes."""
    if call.kind == "approval" or answer.value is NO_VALUE:
        return None
    tool = find_tool(suspension, call.tool_name)
    if tool is None or not tool.is_deferred:
        raise AnswerRefused("TOOL_NOT_FOUND", f"there is no deferred tool {call.tool_name} here", call.call_id)
    return tool


def _checked_value(call: PendingCall, answer: Answer, tool: Tool | None) -> Any:
    """The answer's value as ``on_answer`` gets it; None where the answer is of another kind."""

    def invalid(text: str) -> AnswerRefused:
        return AnswerRefused("INVALID_TOOL_RESULT", text, call.call_id)

    if answer.kinds() != 1:
        raise invalid("exactly one of a value, an error and a decision is expected")
    if (call.kind == "approval") != (answer.approved is not None):
        raise invalid(f"{'a decision' if call.kind == 'approval' else 'a value or an error'} is expected")
    for text in (answer.reason, answer.error):
        if text is not None and len(text) > _LONGEST_REASON:
            raise invalid(f"the text is longer than {_LONGEST_REASON} characters")
    if answer.value is NO_VALUE:
        return None
    try:
        size = len(dumps(answer.value).encode("utf-8", errors="surrogatepass"))
    except (TypeError, ValueError) as error:
        raise invalid(f"the value has no JSON form: {error}") from None
    most = DEFAULT_MAX_RESULT_BYTES if tool is None else tool.max_result_bytes
    if most is not None and size > most:
        raise invalid(f"the value is larger than {most} bytes")
    problems = schema_problems(call.answer_schema or {}, answer.value)
    if problems:
        raise invalid("the value does not fit: " + "; ".join(problems))
    try:
        return answer.value if tool is None or tool.read_answer is None else tool.read_answer(answer.value)
    except ValueError as error:
        raise invalid(str(error)) from None


def _claim_seconds(tool: Tool | None) -> float:
    if tool is None or tool.on_answer is None:
        return _CLAIM_GRACE
    return _UNBOUNDED_CLAIM if tool.timeout is None else tool.timeout + _CLAIM_GRACE


async def _settle(
    suspension: Suspension,
    call: PendingCall,
    answer: Answer,
    value: Any,
    tool: Tool | None,
    values: Mapping[str, Any],
) -> tuple[Settled, Any]:
    """What the answer comes to, and the result as a JSON value."""
    if answer.approved is not None:
        return (Approved(answer.reason) if answer.approved else Denied(answer.reason)), None
    if answer.error is not None:
        return Answered(ToolOutcome(answer.error or "no reason was given", "answered_with_error")), None
    if tool is None or tool.on_answer is None:
        return Answered(written(answer.value, None)), answer.value
    returned, outcome = await _run_on_answer(suspension, call, answer, value, tool, values)
    if outcome.error is not None:
        return Answered(outcome), None
    # A function that returns nothing only looks at the answer: the answer itself is the result.
    return Answered(written(answer.value, None) if returned is None else outcome), _json_value(returned, answer)


async def _run_on_answer(
    suspension: Suspension,
    call: PendingCall,
    answer: Answer,
    value: Any,
    tool: Tool,
    values: Mapping[str, Any],
) -> tuple[object, ToolOutcome]:
    on_answer = tool.on_answer
    returned: list[object] = [None]
    context = ToolContext(
        run_id=suspension.run_id,
        call_id=call.call_id,
        tool_name=call.tool_name,
        round=call.round,
        deadline=None if tool.timeout is None else time.monotonic() + tool.timeout,
        cancellation=Cancellation(),
        values=values,
    )

    async def work() -> object:
        assert on_answer is not None  # noqa: S101  # the caller has looked
        if inspect.iscoroutinefunction(on_answer):
            came = await on_answer(context, value, answer.metadata)
        else:
            came = await run_in_thread(lambda: on_answer(context, value, answer.metadata), {})
            came = await came if inspect.isawaitable(came) else came
        returned[0] = came
        return came

    outcome = await outcome_of(asyncio.ensure_future(work()), tool.timeout, context, tool.max_result_bytes)
    return returned[0], outcome


def _json_value(returned: object, answer: Answer) -> Any:
    if returned is None:
        return answer.value
    return returned if isinstance(returned, str) else loads(json_text(returned))


def _all_settled(found: _Found, now: float) -> dict[str, Settled]:
    settled: dict[str, Settled] = {}
    waiting: list[str] = []
    for call in found.suspension.pending:
        answer = found.record.answers.get(call.call_id, {})
        if "settled" in answer:
            settled[call.call_id] = settled_from_json(answer["settled"])
        elif answer and now >= answer["until"]:
            text = "the answer came, but the work on it was interrupted; its outcome is not known"
            settled[call.call_id] = Answered(ToolOutcome(text, "interrupted"))
        else:
            waiting.append(call.call_id)
    if waiting:
        raise AnswerRefused("NOT_ANSWERED", f"{len(waiting)} calls still wait for an answer", waiting[0])
    return settled
