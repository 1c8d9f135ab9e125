"""Takes the answers to suspended runs: each once, only for the call it was given for, whoever else tries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from loop_client.answer_work import checked_value, settle_answer
from loop_client.answers import NO_VALUE, Acknowledgement, Answer, AnswerRefused
from loop_client.jsontext import JsonObject, dumps, loads
from loop_client.run_events import PendingCall
from loop_client.run_store import RunStore
from loop_client.settled import Answered, Settled, settled_from_json, settled_to_json
from loop_client.signing import Signer, is_call_token
from loop_client.suspension import Suspension, read_suspension
from loop_client.tool_outcome import ToolOutcome
from loop_client.tools import Tool

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
            value = checked_value(call, answer, tool)
            claim: JsonObject = {"until": time.time() + _claim_seconds(tool)}
            if await self._replace(found, found.record.with_answer(call.call_id, claim)):
                break
        settled, result = await settle_answer(found.run_id, call, answer, value, tool, values)
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


def _claim_seconds(tool: Tool | None) -> float:
    if tool is None or tool.on_answer is None:
        return _CLAIM_GRACE
    return _UNBOUNDED_CLAIM if tool.timeout is None else tool.timeout + _CLAIM_GRACE


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
