"""What recorded work comes to, as JSON and back: answers of the model, ends of calls, errors of the run."""

from __future__ import annotations

from loop_client import errors
from loop_client.call_stream import ToolCall
from loop_client.chat_stream import ModelAnswer
from loop_client.errors import ErrorDetail, RunError
from loop_client.event_base import json_fields
from loop_client.jsontext import JsonObject
from loop_client.model_attempts import DeadlinePassed
from loop_client.tool_outcome import ToolOutcome
from loop_client.tool_run import ToolEnd
from loop_client.usage import Usage

_KINDS = {kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, RunError)}


def answer_to_json(answer: ModelAnswer) -> JsonObject:
    """A turn of the model."""
    body = json_fields(answer)
    body["calls"] = [[call.id, call.name, call.arguments_text] for call in answer.calls]
    return body


def answer_from_json(body: JsonObject) -> ModelAnswer:
    """What ``answer_to_json`` wrote."""
    usage = body.get("usage")
    return ModelAnswer(
        message=body["message"],
        text=body["text"],
        calls=tuple(ToolCall(*call) for call in body["calls"]),
        finish_reason=body["finish_reason"],
        raw_finish_reason=body.get("raw_finish_reason"),
        usage=None if usage is None else Usage(**usage),
        router=body.get("router"),
        model=body.get("model"),
    )


def end_to_json(end: ToolEnd) -> JsonObject:
    """The end of a call."""
    return {"outcome": end.outcome.to_json(), "seconds": end.seconds, "asks": end.asks}


def end_from_json(body: JsonObject) -> ToolEnd:
    """What ``end_to_json`` wrote."""
    return ToolEnd(ToolOutcome.from_json(body["outcome"]), body["seconds"], body["asks"])


def error_to_json(error: RunError | DeadlinePassed) -> JsonObject:
    """Why recorded work failed."""
    return {"code": "deadline"} if isinstance(error, DeadlinePassed) else json_fields(error.detail)


def error_from_json(body: JsonObject) -> RunError | DeadlinePassed:
    """What ``error_to_json`` wrote."""
    if body["code"] == "deadline":
        return DeadlinePassed()
    detail = ErrorDetail(**body)
    error = _KINDS.get(detail.code, RunError)(detail.message)
    error.detail = detail
    return error
