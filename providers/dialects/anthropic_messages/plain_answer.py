"""Whole answers of Anthropic in the spelling that nearly every one has, read in one pass by a compiled reader.

What it reads, it reads as ``response_decode`` does, spelling and fields that say nothing to other dialects left aside.
Whatever is spelled in another way is not read here at all.
"""

from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from providers.dialects.anthropic_messages.carrier import read_redacted, read_state
from providers.dialects.anthropic_messages.finish import decode_finish
from providers.dialects.anthropic_messages.grammar import CUT_REASONS
from providers.dialects.anthropic_messages.response_decode import cut_parts
from providers.dialects.anthropic_messages.usage import decode_usage
from providers.spec.parts import Origin, Part, ReasoningPart, TextPart, ToolCallPart
from providers.spec.response import Candidate, Response
from providers.wire.json import dumps_text
from providers.wire.plain import plain_reader


class _Text(msgspec.Struct, tag_field="type", tag="text", forbid_unknown_fields=True, gc=False):
    text: str
    citations: list[Any] | None = None


class _Thinking(msgspec.Struct, tag_field="type", tag="thinking", forbid_unknown_fields=True, gc=False):
    thinking: str
    signature: str | None = None


class _Redacted(msgspec.Struct, tag_field="type", tag="redacted_thinking", forbid_unknown_fields=True, gc=False):
    data: str


class _ToolUse(msgspec.Struct, tag_field="type", tag="tool_use", forbid_unknown_fields=True, gc=False):
    id: str
    name: str
    input: dict[str, Any]
    caller: Any = None


_Block: TypeAlias = _Text | _Thinking | _Redacted | _ToolUse


class _Answer(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    content: list[_Block]
    id: str | UnsetType = UNSET
    type: Literal["message"] | UnsetType = UNSET
    role: Literal["assistant"] | UnsetType = UNSET
    model: str | UnsetType = UNSET
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    container: Any = None
    context_management: Any = None


_read = plain_reader(_Answer)


def read_answer(raw: bytes, origin: Origin) -> Response | None:
    """The answer, where every member is one that is known here and spelled plainly; ``None`` for any other."""
    answer = _read(raw)
    if answer is None:
        return None
    parts = [_part(block, origin) for block in answer.content]
    finish = decode_finish(answer.stop_reason, answer.stop_sequence, answer.stop_details, parts)
    if answer.stop_reason in CUT_REASONS:
        parts = cut_parts(parts)
    return Response(
        id="" if answer.id is UNSET else answer.id,
        model="" if answer.model is UNSET else answer.model,
        candidates=(Candidate(parts=tuple(parts), finish=finish),),
        usage=decode_usage(answer.usage),
    )


def _part(block: _Block, origin: Origin) -> Part:
    match block:
        case _Text():
            return TextPart(text=block.text, annotations=tuple(block.citations or ()))
        case _ToolUse():
            return ToolCallPart(id=block.id, name=block.name, arguments=dumps_text(block.input))
        case _Thinking():
            state = read_state(block.signature, "signature", origin) if block.signature else None
            return ReasoningPart(text=block.thinking, state=state)
        case _Redacted():
            return read_redacted(block.data, origin)
