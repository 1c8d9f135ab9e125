"""Whole answers of a chat host in the spelling that nearly every one has, read in one pass by a compiled reader.

What it reads, it reads as ``response_decode`` does, spelling and fields that say nothing here left aside. Whatever is
spelled in another way is not read here at all.
"""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from providers.dialects.openai_chat.finish import decode_finish
from providers.dialects.openai_chat.usage import decode_usage
from providers.spec.parts import Part, TextPart, ToolCallPart
from providers.spec.response import Candidate, Response
from providers.wire.plain import plain_reader

_Filled: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
_Empty: TypeAlias = Annotated[list[Any], msgspec.Meta(max_length=0)]


class _Called(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: _Filled
    arguments: _Filled


class _Call(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    id: _Filled
    type: Literal["function"]
    function: _Called
    index: int | UnsetType = UNSET
    """Some hosts repeat the call's place, which says nothing in a whole answer."""


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    tool_calls: tuple[_Call, ...] | UnsetType | None = UNSET
    refusal: UnsetType | None = UNSET
    annotations: _Empty | UnsetType = UNSET
    audio: UnsetType | None = UNSET
    function_call: UnsetType | None = UNSET


class _Choice(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    message: _Message
    finish_reason: _Filled
    index: int | UnsetType = UNSET
    logprobs: UnsetType | None = UNSET


class _Answer(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    choices: Annotated[tuple[_Choice, ...], msgspec.Meta(min_length=1)]
    id: str | UnsetType = UNSET
    object: Literal["chat.completion"] | UnsetType = UNSET
    created: int | UnsetType = UNSET
    model: str | UnsetType = UNSET
    usage: dict[str, Any] | UnsetType | None = UNSET
    service_tier: str | UnsetType | None = UNSET
    system_fingerprint: str | UnsetType | None = UNSET


_read = plain_reader(_Answer)


def read_answer(raw: bytes) -> Response | None:
    """The answer, where every member is one that is known here and spelled plainly; ``None`` for any other."""
    answer = _read(raw)
    if answer is None:
        return None
    candidates = []
    for position, choice in enumerate(answer.choices):
        parts: list[Part] = [TextPart(text=choice.message.content)] if choice.message.content else []
        calls = choice.message.tool_calls or ()
        for call in calls:
            if not call.function.arguments.strip():
                return None
            parts.append(ToolCallPart(id=call.id, name=call.function.name, arguments=call.function.arguments))
        finish = decode_finish(choice.finish_reason, called=bool(calls), refused=False)
        index = position if choice.index is UNSET else choice.index
        candidates.append(Candidate(index=index, parts=tuple(parts), finish=finish))
    return Response(
        id="" if answer.id is UNSET else answer.id,
        model="" if answer.model is UNSET else answer.model,
        created=None if answer.created is UNSET else answer.created,
        candidates=tuple(candidates),
        usage=None if answer.usage is UNSET else decode_usage(answer.usage),
    )
