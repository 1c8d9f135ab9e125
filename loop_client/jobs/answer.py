"""An answer to a call of a job that waits, and what it is held against before it is taken."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Self

from loop_client.answer_work import checked_value
from loop_client.answers import NO_VALUE, Answer, AnswerRefused
from loop_client.jobs.errors import AnswerConflict, CallNotFound, InvalidAnswer
from loop_client.jobs.job import Job, JobCall
from loop_client.jsontext import JsonObject, loads
from loop_client.run_events import PendingCall


@dataclass(frozen=True, slots=True)
class JobAnswer:
    """What somebody says to a waiting call: exactly one of a value, an error and a decision."""

    call_id: str
    value: Any = NO_VALUE
    """The result, as a JSON value."""
    error: str | None = None
    """Why there is no result; the model reads it."""
    approved: bool | None = None
    """The decision about a call that needs an approval."""
    reason: str | None = None
    """Of the decision; the model reads why it was denied."""
    tool_name: str | None = None
    """Checked where it is given."""
    token: str | None = field(default=None, repr=False)
    """The call's; checked where it is given."""
    arguments_text: str | None = None
    """What whoever decided was shown. Where it is given it must be what the model wrote, as JSON."""
    metadata: JsonObject = field(default_factory=dict, repr=False)
    """For the tool's ``on_answer``."""

    def to_json(self) -> JsonObject:
        """As ``from_json`` reads it."""
        pairs = ((item.name, getattr(self, item.name)) for item in fields(self))
        body = {name: value for name, value in pairs if value is not None and value is not NO_VALUE}
        return body if self.value is not None else {**body, "value": None}

    @classmethod
    def from_json(cls, body: JsonObject) -> Self:
        """The answer in a JSON object.

        Raises:
            InvalidAnswer: a member is unknown or not what it should be.
        """
        kinds: dict[str, type] = {"call_id": str, "error": str, "approved": bool, "reason": str, "tool_name": str}
        kinds |= {"token": str, "arguments_text": str, "metadata": dict, "value": object}
        for name, value in body.items():
            if name not in kinds:
                raise InvalidAnswer(f"{name}: there is no such member of an answer")
            if not isinstance(value, kinds[name]):
                raise InvalidAnswer(f"{name}: not of the type that is expected")
        if "call_id" not in body:
            raise InvalidAnswer("call_id is required")
        return cls(**body)

    def as_answer(self, token: str) -> Answer:
        """In the form in which suspended runs take it."""
        return Answer(
            self.call_id, token, self.value, self.error, self.approved, self.reason, self.tool_name, self.metadata
        )


def check_answer(job: Job, answer: JobAnswer) -> PendingCall:
    """The waiting call that an answer is for.

    Raises:
        CallNotFound: the job has no such call.
        AnswerConflict: the call does not wait any more, or the answer is for other arguments.
        InvalidAnswer: it is not what the call takes.
    """
    call = job.call(answer.call_id)
    if call is None:
        raise CallNotFound("the job has no call of that id")
    if call.state != "waiting" or call.kind is None or job.is_over:
        raise AnswerConflict("the call does not wait for an answer any more")
    pending = pending_of(call)
    if (answer.token is not None and answer.token != pending.token) or not _has_same_arguments(answer, pending):
        raise AnswerConflict("the answer was made for a call with other arguments")
    if answer.tool_name is not None and answer.tool_name != pending.tool_name:
        raise InvalidAnswer("the call is one of another tool")
    try:
        checked_value(pending, answer.as_answer(pending.token), None)
    except AnswerRefused as refused:
        raise InvalidAnswer(str(refused)) from None
    return pending


def pending_of(call: JobCall) -> PendingCall:
    """A waiting call, as the loop has it."""
    return PendingCall(
        call_id=call.call_id,
        tool_name=call.tool_name,
        arguments_text=call.arguments_text,
        kind=call.kind or "answer",
        round=call.round,
        token=call.token or "",
        answer_schema=call.answer_schema,
        title=call.title,
    )


def _has_same_arguments(answer: JobAnswer, call: PendingCall) -> bool:
    if answer.arguments_text is None or answer.arguments_text == call.arguments_text:
        return True
    try:
        return bool(loads(answer.arguments_text) == loads(call.arguments_text))
    except ValueError:
        return False
