"""What an answer to a waiting call of a job comes to, in the process that runs the job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loop_client.answer_work import checked_value, settle_answer
from loop_client.answers import AnswerRefused
from loop_client.jobs.answer import JobAnswer
from loop_client.jsontext import JsonObject
from loop_client.run_events import PendingCall
from loop_client.settled import Answered, Settled
from loop_client.tool_outcome import ToolOutcome
from loop_client.tools import Tool


async def settled_by(
    job_id: str,
    call: PendingCall,
    message: JsonObject,
    tool: Tool | None,
    values: Mapping[str, Any],
    *,
    is_repeated: bool,
) -> Settled:
    """Read an answer that was taken, and run the tool's ``on_answer``, if it has one.

    Args:
        job_id: Of the job.
        call: That waited.
        message: ``{"token", "answer"}``.
        tool: As it is here; None where it is gone.
        values: For the context of ``on_answer``.
        is_repeated: Whether another execution began this and did not end it.
    """
    answer = JobAnswer.from_json(message["answer"]).as_answer(call.token)
    own = None if answer.approved is not None or answer.error is not None else tool
    if is_repeated and own is not None and own.on_answer is not None and own.interrupted != "retry":
        text = "the answer came, but the work on it was interrupted; its outcome is not known"
        return Answered(ToolOutcome(text, "interrupted"))
    try:
        value = checked_value(call, answer, own)
    except AnswerRefused as refused:
        return Answered(ToolOutcome(str(refused), "answered_with_error"))
    settled, _ = await settle_answer(job_id, call, answer, value, own, values)
    return settled
