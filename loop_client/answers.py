"""Answers to calls that wait for somebody outside: what they bring, and why one may be refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from loop_client.errors import LoopClientError
from loop_client.jsontext import JsonObject

AnswerCode: TypeAlias = Literal[
    "INVALID_TOOL_RESULT",
    "UNKNOWN_CALL",
    "ALREADY_ANSWERED",
    "TOOL_EXECUTION_FAILED",
    "TOOL_NOT_FOUND",
    "RUN_NOT_FOUND",
    "BAD_TOKEN",
    "BAD_STATE",
    "EXPIRED",
    "NOT_ANSWERED",
    "CANNOT_SUSPEND",
]
"""Why an answer was refused.

``INVALID_TOOL_RESULT``: it does not fit the call or its schema, and may be given again. ``UNKNOWN_CALL``: the run has
no such call that waits. ``ALREADY_ANSWERED``: the call had its answer, or the run went on. ``TOOL_NOT_FOUND``: this
process has no tool of that name. ``BAD_TOKEN``, ``BAD_STATE``: forged or altered. ``NOT_ANSWERED``: calls still wait.
``CANNOT_SUSPEND``: there is no secret here, so there are no suspended runs. ``TOOL_EXECUTION_FAILED`` comes in an
``Acknowledgement``: the tool's own ``on_answer`` failed; the answer counts, its error is the call's result.
"""

NO_VALUE: Final = object()
"""In ``Answer.value``: the answer brings no value. ``None`` is a value: JSON's null."""


class AnswerRefused(LoopClientError):
    """An answer, or the wish to go on, was refused; nothing has changed by it."""

    def __init__(self, code: AnswerCode, message: str, call_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.call_id = call_id


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody outside says to one waiting call: exactly one of a value, an error and a decision."""

    call_id: str
    token: str = field(repr=False)
    """The call's, as the event gave it."""
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
    metadata: JsonObject = field(default_factory=dict, repr=False)
    """For the tool's ``on_answer``; the model never sees it."""

    def kinds(self) -> int:
        """How many of the three kinds of answer this brings."""
        return (self.value is not NO_VALUE) + (self.error is not None) + (self.approved is not None)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An answer was taken, and will not be taken again."""

    run_id: str
    call_id: str
    tool_name: str
    result: Any
    """What the model will get, as a JSON value; None where it was a decision or an error."""
    error_code: AnswerCode | None
    """``TOOL_EXECUTION_FAILED`` where the tool's ``on_answer`` failed."""
    error_text: str | None
    """What the model will read instead of a result."""
    waiting: tuple[str, ...]
    """Ids of the calls that still wait; when there are none, the run may go on."""
