"""The canonical form of an answer as a Responses answer.

What this dialect has no words for (parts that only another dialect understands, tools that another provider ran,
annotations of other kinds) is left out; alternative answers beyond the first likewise, and no client of this dialect
can ask for them.
"""

from typing import Final

from providers.dialects.openai_responses.carrier import carrier_item, stateless
from providers.dialects.openai_responses.content import is_content, media_part, text_part
from providers.dialects.openai_responses.finish import encode_finish
from providers.dialects.openai_responses.grammar import NAME, is_native, minted_id, was_written
from providers.dialects.openai_responses.items_encode import begins_message, call_item, message_item, reasoning_item
from providers.dialects.openai_responses.usage import encode_usage
from providers.spec.dialect import FaceContext
from providers.spec.parts import MediaPart, OpaquePart, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from providers.spec.response import Response
from providers.spec.values import Json, JsonObject, extended
from providers.wire.beside import Place
from providers.wire.reader import arranged

_ECHOED: Final[JsonObject] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": False,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}
"""Fields that repeat the request, as they are where nothing was asked for: clients expect them all."""


def encode_response(response: Response, context: FaceContext) -> JsonObject:
    """The whole answer, as OpenAI would give it."""
    candidate = response.candidates[0] if response.candidates else None
    parts = candidate.parts if candidate is not None else ()
    finish = candidate.finish if candidate is not None else None
    response_id = response.id or context.response_id
    fields: JsonObject = {
        "id": response_id,
        "object": "response",
        "created_at": context.created if response.created is None else response.created,
        **encode_finish(finish, parts),
        **_ECHOED,
        "model": response.model or context.model,
        "output": output_items(parts, response_id, cut=finish is None or finish.reason == "length"),
        "usage": encode_usage(response.usage),
    }
    if not is_native(response.form) and "object" not in extended(response.ext, NAME):
        # Clients expect every field, `null` or not.
        return {**fields, **extended(response.ext, NAME)}
    # An answer of this dialect's own: what it did not say stays unsaid.
    said: JsonObject = {name: fields[name] for name in ("id", "model", "output", "usage")}
    said["created_at"] = response.created
    if is_native(response.form):
        said["id"] = response.id if was_written(response.form, "id") else None
        said["model"] = response.model if was_written(response.form, "model") else None
    return arranged(said, response.ext, response.form, NAME)


def output_items(parts: tuple[Part, ...], response_id: str, *, cut: bool) -> list[Json]:
    """Every item of the answer. ``cut``: the last of them was not finished."""
    items: list[JsonObject] = []
    opened: Part | None = None
    number = 0
    content: list[Json] = []
    for index, part in enumerate(parts):
        if not is_content(part):
            opened = None
            items += part_items(part, response_id, index)
            continue
        if is_bare_state(part):
            opened = None
            items += before_item(part, response_id, index, "bare")
            continue
        written = content_part(part)
        if written is None:
            continue
        if opened is None or starts_item(part):
            opened, number, content = part, index, []
            items += [*before_item(part, response_id, index), {}]
        content.append(written)
        items[-1] = message_item(opened, list(content), message_defaults(response_id, number))
    if cut and items and not is_native(parts[-1].form) and "status" in items[-1]:
        items[-1] = {**items[-1], "status": "incomplete"}
    return list(items)


def message_defaults(response_id: str, index: int) -> JsonObject:
    """What a message item of another dialect's making has beside its content."""
    item_id = minted_id("msg", response_id, index)
    return {"id": item_id, "type": "message", "status": "completed", "role": "assistant"}


def content_part(part: Part) -> JsonObject | None:
    """One content part of a message; ``None`` where this dialect has no words for it."""
    match part:
        case TextPart():
            return text_part(part, said=True, answer=True)
        case RefusalPart():
            return text_part(part, said=True)
        case MediaPart():
            return media_part(part)
        case OpaquePart(dialect=dialect, value=value):
            return value if dialect == NAME and isinstance(value, dict) else None
        case _:
            return None


def call_named(part: Part, response_id: str, index: int) -> str | None:
    """The id of the call that a part is, given or made; ``None`` for other parts."""
    return part.id or minted_id("call", response_id, index) if isinstance(part, ToolCallPart) else None


def is_bare_state(part: Part) -> bool:
    """Whether a text is nothing but its state, as Gemini's streams end: no message, only the item that carries it."""
    return isinstance(part, TextPart) and part.state is not None and not part.text


def starts_item(part: Part) -> bool:
    """Whether a text is in a message item of its own: the item that carries its state stands before that."""
    return part.state is not None or begins_message(part)


def before_item(part: Part, response_id: str, index: int, place: Place = "next") -> list[JsonObject]:
    """The item that carries the foreign state of what comes next; ``bare``: of a text of which nothing else comes."""
    if part.state is None or isinstance(part, ReasoningPart):
        return []
    item_id = minted_id("rs", response_id, index, "state")
    return [carrier_item(part.state, place, item_id, call_named(part, response_id, index))]


def part_items(part: Part, response_id: str, index: int) -> list[JsonObject]:
    """The items of a part that is no content: none, one, or one behind the item that carries its foreign state."""
    item = part_item(part, response_id, index)
    return [] if item is None else [*before_item(part, response_id, index), item]


def part_item(part: Part, response_id: str, index: int) -> JsonObject | None:
    """The item of a part that is no content; ``None`` where this dialect has no words for it."""
    match part:
        case ReasoningPart():
            item = reasoning_item(part)
            if part.text and part.state is None and not is_native(part.form):
                item = {**item, "encrypted_content": stateless()}
            return _identified("rs", item, part, response_id, index)
        case ToolCallPart(executed_by="client"):
            if is_native(part.form):
                return call_item(part, part.id)
            item = call_item(part, part.id or minted_id("call", response_id, index))
            kind = "ctc" if part.kind == "custom" else "fc"
            return _identified(kind, {**item, "status": "completed"}, part, response_id, index)
        case OpaquePart(dialect=dialect, value=value):
            return value if dialect == NAME and isinstance(value, dict) else None
        case _:
            return None


def _identified(kind: str, item: JsonObject, part: Part, response_id: str, index: int) -> JsonObject:
    """The item with an id, where it came from another dialect."""
    return item if is_native(part.form) else {"id": minted_id(kind, response_id, index), **item}
