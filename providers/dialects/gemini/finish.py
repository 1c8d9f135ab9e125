"""Why an answer ended, between Google's words and ours."""

from typing import Final

from providers.dialects.gemini.grammar import NAME
from providers.dialects.gemini.reader import is_native
from providers.spec.response import Finish, FinishReason
from providers.spec.values import Form, Json, JsonObject
from providers.wire.reader import variant

REASONS: Final[dict[str, FinishReason]] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MALFORMED_FUNCTION_CALL": "malformed_tool_call",
    "UNEXPECTED_TOOL_CALL": "malformed_tool_call",
    "MALFORMED_RESPONSE": "malformed_tool_call",
    "TOO_MANY_TOOL_CALLS": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
}
"""Google's reasons that have a unified word; any other is ``other``, never ``stop`` (FINISH-01, FINISH-02)."""

WORDS: Final[dict[FinishReason, str]] = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
    "malformed_tool_call": "MALFORMED_FUNCTION_CALL",
}
"""Unified reasons in Google's words; the others are ``OTHER``."""

_BLOCKED: Final = "blocked"
_FORM: Final = Form(dialect=NAME)


def decode_finish(raw: str | None, message: str | None, *, called: bool) -> Finish:
    """The finish of one candidate. Google says ``STOP`` for calls too (STREAM-13, CHOICE-12).

    ``called``: it has calls of the client's. Without a reason it follows from what came (STREAM-12).
    """
    reason: FinishReason = "stop" if raw is None else REASONS.get(raw, "other")
    if reason == "stop" and called:
        reason = "tool_calls"
    return Finish(reason=reason, raw=raw, message=message, inferred=raw is None, form=_FORM)


def blocked_finish(feedback: Json) -> Finish | None:
    """The finish of an answer without candidates because its prompt was blocked; ``None`` where it was not."""
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    if not isinstance(feedback, dict) or not isinstance(reason, str):
        return None
    message = feedback.get("blockReasonMessage")
    return Finish(
        reason="content_filter",
        raw=reason,
        message=message if isinstance(message, str) else None,
        form=Form(dialect=NAME, variants={_BLOCKED: "prompt"}),
    )


def is_blocked_prompt(finish: Finish | None) -> bool:
    """Whether Google gave no candidate at all; ``promptFeedback`` says why."""
    return finish is not None and variant(finish.form, NAME, _BLOCKED) is not None


def encode_finish(finish: Finish) -> JsonObject:
    """``finishReason`` and, where something was said about it, ``finishMessage``."""
    if is_native(finish.form):
        return {"finishReason": finish.raw, "finishMessage": finish.message}
    return {"finishReason": WORDS.get(finish.reason, "OTHER"), "finishMessage": finish.message}
