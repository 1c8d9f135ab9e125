"""Why an answer ended, between the words of OpenAI Responses and ours."""

from typing import Final

from providers.dialects.openai_responses.grammar import NAME
from providers.spec.parts import Part, RefusalPart, ToolCallPart
from providers.spec.response import Finish, FinishReason
from providers.spec.values import Form, Json, JsonObject

_FORM: Final = Form(dialect=NAME)

_CUT: Final[dict[str, FinishReason]] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}

_INCOMPLETE: Final[dict[FinishReason, str]] = {"length": "max_output_tokens", "content_filter": "content_filter"}


def decode_finish(status: str | None, details: Json, parts: list[Part]) -> Finish:
    """The finish of an answer by its status. Where it gave none, it follows from what came (STREAM-12)."""
    called = any(isinstance(part, ToolCallPart) for part in parts)
    natural: FinishReason = "tool_calls" if called else "stop"
    if status is None:
        return Finish(reason=natural, inferred=True, form=_FORM)
    if status == "completed":
        return Finish(reason=natural, raw=status, form=_FORM)
    reason = details.get("reason") if isinstance(details, dict) else None
    if status == "incomplete" and isinstance(reason, str):
        return Finish(reason=_CUT.get(reason, "other"), raw=reason, form=_FORM)
    return Finish(reason="other", raw=status, form=_FORM)


def encode_finish(finish: Finish | None, parts: tuple[Part, ...]) -> JsonObject:
    """``status``, ``incomplete_details`` and ``error`` of an answer that another dialect gave.

    What has no word here is ``incomplete`` with the unified word as its reason: never ``completed``.
    """
    fields: JsonObject = {"status": "completed", "error": None, "incomplete_details": None}
    if finish is None:
        return {**fields, "status": "incomplete"}
    match finish.reason:
        case "stop" | "tool_calls":
            return fields
        case "refusal" if any(isinstance(part, RefusalPart) for part in parts):
            return fields
        case "refusal":
            return {**fields, "status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
        case "error":
            message = finish.message or "the provider ended the answer with an error"
            return {**fields, "status": "failed", "error": {"code": "server_error", "message": message}}
        case reason:
            word = _INCOMPLETE.get(reason, reason)
            return {**fields, "status": "incomplete", "incomplete_details": {"reason": word}}
