"""The canonical form of an answer as a generateContent answer.

What this dialect has no words for (parts that only another dialect understands, tools that another provider ran) is
left out. State of other providers is sealed into ``thoughtSignature`` (see ``carrier``).
"""

from providers.dialects.gemini.carrier import written_state
from providers.dialects.gemini.finish import encode_finish, is_blocked_prompt
from providers.dialects.gemini.grammar import NAME, is_minted
from providers.dialects.gemini.parts_encode import (
    call_body,
    media_body,
    opaque_body,
    reasoning_body,
    text_body,
)
from providers.dialects.gemini.reader import (
    inner_ext,
    is_native,
    kept_form,
    outer_ext,
    was_written,
    written,
)
from providers.dialects.gemini.usage import encode_usage
from providers.spec.dialect import FaceContext
from providers.spec.parts import (
    MediaPart,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.spec.response import Candidate, Response
from providers.spec.values import Form, Json, JsonObject


def encode_response(response: Response, context: FaceContext) -> JsonObject:
    """The whole answer, as Google would give it."""
    candidates: list[Json] = [
        _candidate(candidate) for candidate in response.candidates if not is_blocked_prompt(candidate.finish)
    ]
    fields: JsonObject = {
        "candidates": candidates or None,
        "usageMetadata": None if response.usage is None else encode_usage(response.usage),
        "modelVersion": _unless_absent(response.form, "modelVersion", response.model or context.model),
        "responseId": _unless_absent(response.form, "responseId", response.id or context.response_id),
    }
    return written(fields, response.ext, response.form)


def _unless_absent(form: Form | None, key: str, value: str) -> str | None:
    return value if not is_native(form) or was_written(form, key) else None


def _candidate(candidate: Candidate) -> JsonObject:
    form = candidate.form
    native = is_native(form)
    content_form = kept_form(form, "content")
    parts: list[Json] = [body for part in candidate.parts if (body := part_body(part)) is not None]
    content: JsonObject | None = None
    if not native or content_form is not None:
        content = _content(parts, inner_ext(candidate.ext, "content"), content_form)
    fields: JsonObject = {
        "content": content,
        **({} if candidate.finish is None else encode_finish(candidate.finish)),
        "index": candidate.index if not native or was_written(form, "index") else None,
    }
    return written(fields, outer_ext(candidate.ext, "content"), form)


def _content(parts: list[Json], ext: dict[str, JsonObject], form: Form | None) -> JsonObject:
    if form is None:
        # Clients take the first part for granted.
        return {"parts": parts or [{"text": ""}], "role": "model"}
    fields: JsonObject = {
        "parts": parts if parts or was_written(form, "parts") else None,
        "role": "model" if was_written(form, "role") else None,
    }
    return written(fields, ext, form)


def part_body(part: Part) -> JsonObject | None:
    """The part of a content; ``None`` where this dialect has no words for it."""
    signature = written_state(part)
    match part:
        case TextPart() | RefusalPart():
            return text_body(part, signature)
        case ReasoningPart():
            return reasoning_body(part, signature)
        case ToolCallPart(executed_by="provider"):
            return None
        case ToolCallPart():
            # Google gave a minted id's call none; its clients pair such calls by name and order.
            return call_body(part, None if is_minted(part.id) else part.id, signature)
        case MediaPart():
            return media_body(part, signature)
        case OpaquePart(dialect=dialect):
            return opaque_body(part, signature) if dialect == NAME else None
        case ToolResultPart():
            return None
