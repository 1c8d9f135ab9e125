"""Why an answer ended, between the words of chat completions and ours."""

from typing import Final

from providers.dialects.openai_chat.grammar import NAME
from providers.spec.response import Finish, FinishReason
from providers.spec.values import Form

_FORM: Final = Form(dialect=NAME)

_REASONS: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "insufficient_system_resource": "error",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
    "refusal": "refusal",
    "pause_turn": "pause",
    "error": "error",
    "network_error": "error",
    "malformed_function_call": "malformed_tool_call",
}
"""Reasons of OpenAI, and those of hosts that were recorded or are in their references (DeepSeek, Mistral, Together,
Z.AI, OpenRouter)."""

_NO_CALLS: Final = "the provider says that it ended with calls, and there are none"

_WORDS: Final[dict[FinishReason, str]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}
"""Unified reasons in OpenAI's words. What has none is told by the unified word: never as ``stop`` (FINISH-02)."""


def decode_finish(raw: str | None, *, called: bool, refused: bool = False) -> Finish:
    """The finish of a whole candidate. Where the host gave no reason, it follows from what came (STREAM-12).

    ``stop`` with calls reads as ``tool_calls`` (STREAM-13, CHOICE-12).
    """
    if not raw:
        return Finish(reason="tool_calls" if called else "stop", inferred=True, form=_FORM)
    reason = _REASONS.get(raw.lower(), "other")
    if reason == "tool_calls" and not called:
        # The model meant to call and the host made nothing of it (FINISH-07, CHOICE-11).
        return Finish(reason="malformed_tool_call", raw=raw, message=_NO_CALLS, form=_FORM)
    if reason == "stop" and called:
        reason = "tool_calls"
    elif reason == "stop" and refused:
        reason = "refusal"
    return Finish(reason=reason, raw=raw, form=_FORM)


def encode_finish(finish: Finish | None) -> str | None:
    """``finish_reason``: OpenAI's word where there is one, also for what a host spelled differently."""
    if finish is None:
        return None
    if finish.form is not None and finish.form.dialect == NAME and finish.raw == "function_call":
        return finish.raw
    if finish.reason == "refusal" and finish.form is not None and finish.form.dialect == NAME and finish.raw == "stop":
        return "stop"
    return _WORDS.get(finish.reason, finish.reason)
