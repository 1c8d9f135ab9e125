"""Whole answers of Gemini in the spelling that nearly every one has, read in one pass by a compiled reader.

What it reads, it reads as ``response_decode`` does, spelling and fields that say nothing to other dialects left aside.
Whatever is spelled in another way is not read here at all.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from providers.dialects.gemini.finish import decode_finish
from providers.dialects.gemini.grammar import SIGNATURE, minted_id
from providers.dialects.gemini.response_decode import key_of, unix_time
from providers.dialects.gemini.stream_plain import PlainCall
from providers.dialects.gemini.usage import decode_usage
from providers.spec.parts import Origin, Part, ReasoningPart, State, TextPart, ToolCallPart
from providers.spec.response import Candidate, Response
from providers.wire.json import dumps_text
from providers.wire.plain import plain_reader

# ruff: noqa: N815  # the wire's own words


class _Part(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    text: str | UnsetType = UNSET
    functionCall: PlainCall | UnsetType = UNSET
    thoughtSignature: str | None = None
    thought: bool = False


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    parts: tuple[_Part, ...] = ()
    role: Literal["model"] | UnsetType = UNSET


class _Candidate(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    finishReason: str
    content: _Content = _Content()
    index: int | UnsetType = UNSET
    finishMessage: str | None = None
    avgLogprobs: float | None = None
    safetyRatings: Any = None
    tokenCount: Any = None


class _Answer(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    candidates: Annotated[tuple[_Candidate, ...], msgspec.Meta(min_length=1)]
    usageMetadata: dict[str, Any] | None = None
    modelVersion: str | None = None
    responseId: str | None = None
    createTime: str | None = None


_read = plain_reader(_Answer)


def read_answer(raw: bytes, origin: Origin) -> Response | None:
    """The answer, where every member is one that is known here and spelled plainly; ``None`` for any other.

    ``origin`` is a provider's: what a client hands back may be sealed.
    """
    answer = _read(raw)
    if answer is None or not origin.stamped:
        return None
    key = key_of(answer.responseId, answer.modelVersion, answer.createTime)
    candidates = []
    for position, one in enumerate(answer.candidates):
        index = position if one.index is UNSET else one.index
        parts: list[Part] = []
        calls = 0
        for each in one.content.parts:
            state = None
            if each.thoughtSignature is not None:
                state = State(kind=SIGNATURE, value=each.thoughtSignature, origin=origin)
            call = each.functionCall
            if call is UNSET:
                if each.text is UNSET:
                    return None
                parts.append(_text(each.text, state, thought=each.thought))
                continue
            if each.thought or each.text is not UNSET:
                return None
            call_id = call.id or minted_id(key, index, calls, call.name)
            arguments = dumps_text(call.args or {})
            parts.append(ToolCallPart(id=call_id, name=call.name, arguments=arguments, state=state))
            calls += 1
        finish = decode_finish(one.finishReason, one.finishMessage, called=calls > 0)
        candidates.append(Candidate(index=index, parts=tuple(parts), finish=finish))
    return Response(
        id=answer.responseId or "",
        model=answer.modelVersion or "",
        created=unix_time(answer.createTime),
        candidates=tuple(candidates),
        usage=decode_usage(answer.usageMetadata),
    )


def _text(text: str, state: State | None, *, thought: bool) -> Part:
    return ReasoningPart(text=text, kind="summary", state=state) if thought else TextPart(text=text, state=state)
