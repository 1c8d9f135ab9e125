"""The message of an answer that is texts, reasoning and calls of another dialect's making, as nearly every one is."""

from operator import attrgetter
from typing import Final

from providers.dialects.openai_chat.answer_encode import REASONING, call_fields, message_extra, minted_id
from providers.dialects.openai_chat.grammar import NAME
from providers.spec.parts import ReasoningPart, TextPart, ToolCallPart
from providers.spec.response import Candidate
from providers.spec.values import Json, JsonObject, Value
from providers.wire.envelope_encode import StateTrail

_state_of: Final = attrgetter("state")


def plain_message(candidate: Candidate, response_id: str) -> JsonObject | None:
    """What ``answer_encode`` makes of such an answer; ``None`` for any other."""
    if _is_own(candidate) or any(map(_is_own, candidate.parts)):
        return None
    # Without state there is nothing for an envelope.
    trail = StateTrail(NAME) if any(map(_state_of, candidate.parts)) else None
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[Json] = []
    for index, part in enumerate(candidate.parts):
        match part:
            case ToolCallPart(executed_by="client"):
                calls.append(_call(index, part, response_id, trail))
                continue
            case TextPart(annotations=()):
                texts.append(part.text)
            case ReasoningPart():
                thoughts.append(part.text)
            case _:
                return None
        if trail is not None:
            trail.start(index, part)
    message: JsonObject = {"role": "assistant"}
    if text := "".join(texts):
        message["content"] = text
    if reasoning := "".join(thoughts):
        message[REASONING] = reasoning
    if calls:
        message["tool_calls"] = calls
    extra = None if trail is None else message_extra(trail, {})
    if extra:
        message["extra_content"] = extra
    # Clients of this dialect expect both fields, null or not.
    message.setdefault("content", None)
    message["refusal"] = None
    return message


def _call(index: int, part: ToolCallPart, response_id: str, trail: StateTrail | None) -> JsonObject:
    sent_id = part.id or minted_id(response_id, index)
    field, arguments = call_fields(part)
    call: JsonObject = {"id": sent_id, "type": field, field: {"name": part.name, arguments: part.arguments}}
    extra = None if trail is None else trail.call(index, part, sent_id)
    if extra:
        call["extra_content"] = extra
    return call


def _is_own(value: Value) -> bool:
    """Whether the value came in this dialect, and has a spelling or fields of it."""
    return (value.form is not None and value.form.dialect == NAME) or NAME in value.ext
