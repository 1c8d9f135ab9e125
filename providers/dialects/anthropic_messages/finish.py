"""Why an answer ended, between Anthropic's words and ours."""

from providers.dialects.anthropic_messages.grammar import FINISH_REASONS, NAME, STOP_REASONS, is_native
from providers.spec.parts import Part, calls_client
from providers.spec.response import Finish, FinishReason
from providers.spec.values import Form, Json, JsonObject, extended

_FORM = Form(dialect=NAME)


def decode_finish(raw: str | None, sequence: str | None, details: Json, parts: list[Part]) -> Finish:
    """The finish of a whole answer. Where the provider gave no reason, it follows from what came (STREAM-12).

    ``stop`` with calls of the client's reads as ``tool_calls``: some hosts say ``end_turn`` there (STREAM-13).
    """
    reason: FinishReason = "stop" if raw is None else FINISH_REASONS.get(raw, "other")
    if reason == "stop" and calls_client(parts):
        reason = "tool_calls"
    explanation = details.get("explanation") if isinstance(details, dict) else None
    return Finish(
        reason=reason,
        raw=raw,
        stop_sequence=sequence,
        message=explanation if isinstance(explanation, str) else None,
        inferred=raw is None,
        ext={} if details is None else {NAME: {"stop_details": details}},
        form=_FORM,
    )


def encode_finish(finish: Finish | None) -> JsonObject:
    """``stop_reason``, ``stop_sequence`` and, where there are any, ``stop_details``."""
    if finish is None:
        return {"stop_reason": None, "stop_sequence": None}
    fields: JsonObject = {"stop_reason": _stop_reason(finish), "stop_sequence": finish.stop_sequence}
    details = extended(finish.ext, NAME).get("stop_details")
    if details is not None:
        fields["stop_details"] = details
    elif finish.reason in {"refusal", "content_filter"} and finish.message is not None:
        fields["stop_details"] = {"type": "refusal", "category": None, "explanation": finish.message}
    return fields


def _stop_reason(finish: Finish) -> str | None:
    if is_native(finish.form) and not (finish.raw == "end_turn" and finish.reason == "tool_calls"):
        return finish.raw
    if finish.reason == "stop" and finish.stop_sequence is not None:
        return "stop_sequence"
    return STOP_REASONS.get(finish.reason, finish.reason)
