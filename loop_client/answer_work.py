"""What an answer to a waiting call has to be, and what it comes to: a decision, a result, or `on_answer`'s work."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Mapping
from typing import Any, Final

from loop_client.answers import NO_VALUE, Answer, AnswerRefused
from loop_client.context import Cancellation, ToolContext
from loop_client.jsontext import dumps, loads
from loop_client.run_events import PendingCall
from loop_client.schema_check import schema_problems
from loop_client.settled import Answered, Approved, Denied, Settled
from loop_client.threads import run_in_thread
from loop_client.tool_outcome import ToolOutcome, json_text, written
from loop_client.tool_run import outcome_of
from loop_client.tools import DEFAULT_MAX_RESULT_BYTES, Tool

_LONGEST_REASON: Final = 4000


def checked_value(call: PendingCall, answer: Answer, tool: Tool | None) -> Any:
    """The answer's value as ``on_answer`` gets it; None where the answer is of another kind.

    Raises:
        AnswerRefused: ``INVALID_TOOL_RESULT``: it does not fit the call.
    """

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


async def settle_answer(
    run_id: str,
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
    returned, outcome = await _run_on_answer(run_id, call, answer, value, tool, values)
    if outcome.error is not None:
        return Answered(outcome), None
    # A function that returns nothing only looks at the answer: the answer itself is the result.
    return Answered(written(answer.value, None) if returned is None else outcome), _json_value(returned, answer)


async def _run_on_answer(
    run_id: str,
    call: PendingCall,
    answer: Answer,
    value: Any,
    tool: Tool,
    values: Mapping[str, Any],
) -> tuple[object, ToolOutcome]:
    on_answer = tool.on_answer
    returned: list[object] = [None]
    context = ToolContext(
        run_id=run_id,
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
