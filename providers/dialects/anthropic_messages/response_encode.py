"""The canonical form of an answer as a Messages answer.

What this dialect has no words for (parts that only another dialect understands, tools that another provider ran,
annotations of other kinds) is left out; alternative answers beyond the first likewise, and no client of this dialect
can ask for them.
"""

from providers.dialects.anthropic_messages.blocks_encode import media_block, reasoning_block, text_block, tool_use_block
from providers.dialects.anthropic_messages.carrier import carrier_block
from providers.dialects.anthropic_messages.finish import encode_finish
from providers.dialects.anthropic_messages.grammar import NAME, is_native
from providers.dialects.anthropic_messages.usage import encode_usage
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
from providers.spec.response import Response
from providers.spec.values import Json, JsonObject
from providers.wire.ids import base62_digest
from providers.wire.reader import arranged


def encode_response(response: Response, context: FaceContext) -> JsonObject:
    """The whole answer, as Anthropic would give it."""
    candidate = response.candidates[0] if response.candidates else None
    content: list[Json] = []
    response_id = response.id or context.response_id
    for index, part in enumerate(candidate.parts if candidate is not None else ()):
        content += part_blocks(part, minted_id(response_id, index))
    fields: JsonObject = {
        "id": response_id,
        "type": "message",
        "role": "assistant",
        "model": response.model or context.model,
        "content": content,
        "usage": encode_usage(response.usage),
    }
    finish = encode_finish(candidate.finish if candidate is not None else None)
    body = arranged({**fields, **finish}, response.ext, response.form, NAME)
    # Clients expect both fields, `null` or not.
    for key in ("stop_reason", "stop_sequence"):
        if not is_native(response.form):
            body.setdefault(key, None)
    return body


def minted_id(response_id: str, index: int) -> str:
    """The id of a call that came without one, the same in a body and in a stream (ID-06)."""
    return f"toolu_{base62_digest(f'{response_id}:{index}', 22)}"


def part_blocks(part: Part, call_id: str) -> list[Json]:
    """The blocks of one part: none, one, or one behind the block that carries its foreign state.

    ``call_id`` is used for a call without an id.
    """
    block = part_block(part, call_id)
    if block is None:
        return []
    state = part.state
    if state is None or isinstance(part, ReasoningPart):
        return [block]
    return [carrier_block(state, "next", call_named(block)), block]


def call_named(block: JsonObject) -> str | None:
    """The id of the call that a block is, if it is one of the client's."""
    call_id = block.get("id") if block.get("type") == "tool_use" else None
    return call_id if isinstance(call_id, str) else None


def part_block(part: Part, call_id: str) -> JsonObject | None:
    """The block of a part; ``None`` where this dialect has no words for it."""
    match part:
        case TextPart() | RefusalPart():
            return text_block(part)
        case ReasoningPart():
            return reasoning_block(part)
        case ToolCallPart(executed_by="provider"):
            return tool_use_block(part, part.id) if is_native(part.form) else None
        case ToolCallPart():
            return tool_use_block(part, part.id or call_id)
        case MediaPart():
            return media_block(part)
        case OpaquePart(dialect=dialect, value=value):
            return value if dialect == NAME and isinstance(value, dict) else None
        case ToolResultPart():
            return None
