"""An answer from outside to one waiting call: what was sent, and how it is acknowledged or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from loop_client.answers import NO_VALUE, Acknowledgement, Answer, AnswerCode, AnswerRefused
from loop_client.jsontext import JsonObject
from loop_client.server.problems import InvalidRequest, Problem

_OWN_FIELDS: Final = frozenset({"toolCallId", "token", "toolName", "value", "error", "approved", "reason", "metadata"})

_STATUSES: Final[Mapping[AnswerCode, int]] = {
    "INVALID_TOOL_RESULT": 400,
    "BAD_STATE": 400,
    "BAD_TOKEN": 401,
    "RUN_NOT_FOUND": 404,
    "UNKNOWN_CALL": 404,
    "TOOL_NOT_FOUND": 404,
    "ALREADY_ANSWERED": 409,
    "NOT_ANSWERED": 409,
    "EXPIRED": 409,
    "TOOL_EXECUTION_FAILED": 422,
    "CANNOT_SUSPEND": 404,
}
"""422: the answer counts and is not to be sent again; what it set off failed, and the model is told so."""


def read_answer(body: JsonObject) -> tuple[Answer, JsonObject]:
    """The answer in a body ``{toolCallId, token, toolName?, value | error | approved, reason?, metadata?}``, and what
    other fields it has, for the ``prepare`` hook.

    Raises:
        InvalidRequest: ``INVALID_TOOL_RESULT``, with the place.
    """
    if sum(name in body for name in ("value", "error", "approved")) != 1:
        raise _invalid("exactly one of value, error and approved is expected")
    approved, metadata = body.get("approved"), body.get("metadata")
    if "approved" in body and not isinstance(approved, bool):
        raise _invalid("approved: true or false is expected")
    if metadata is not None and not isinstance(metadata, dict):
        raise _invalid("metadata: an object is expected")
    answer = Answer(
        call_id=_text(body, "toolCallId"),
        token=_text(body, "token"),
        value=body.get("value", NO_VALUE),
        error=_text(body, "error") if "error" in body else None,
        approved=approved,
        reason=_optional_text(body, "reason"),
        tool_name=_optional_text(body, "toolName"),
        metadata=metadata or {},
    )
    return answer, {name: value for name, value in body.items() if name not in _OWN_FIELDS}


def acknowledged(acknowledgement: Acknowledgement, answer: Answer) -> JsonObject:
    """What is said of an answer that was taken.

    Raises:
        Problem: ``TOOL_EXECUTION_FAILED``.
    """
    if acknowledgement.error_code is not None:
        text = acknowledgement.error_text or "the tool failed"
        raise Problem(_STATUSES[acknowledgement.error_code], acknowledgement.error_code, text)
    return {
        "toolCallId": acknowledgement.call_id,
        "toolName": acknowledgement.tool_name,
        "result": _result(acknowledgement, answer),
    }


def refusal(refused: AnswerRefused) -> Problem:
    """A refused answer as a response: 400, 401, 404 or 409 with its code."""
    return Problem(_STATUSES[refused.code], refused.code, str(refused))


def _result(acknowledgement: Acknowledgement, answer: Answer) -> Any:
    if answer.approved is not None:
        decision: JsonObject = {"approved": answer.approved}
        return decision if answer.reason is None else decision | {"reason": answer.reason}
    return {"error": answer.error} if answer.error is not None else acknowledgement.result


def _text(body: JsonObject, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise _invalid(f"{name}: a string is expected")
    return value


def _optional_text(body: JsonObject, name: str) -> str | None:
    return None if body.get(name) is None else _text(body, name)


def _invalid(text: str) -> InvalidRequest:
    return InvalidRequest(text, "INVALID_TOOL_RESULT")
