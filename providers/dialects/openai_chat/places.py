"""Where a chat caller wrote what stands at a place of the canonical form: calls beside the content, not in it."""

import re
from typing import Final

from providers.dialects.openai_chat.grammar import NAME, variant_of
from providers.spec.parts import Part, ReasoningPart, RefusalPart, ToolCallPart, ToolResultPart
from providers.spec.request import Message, Request
from providers.wire.envelope_encode import is_client_call

_PART: Final = re.compile(r"messages\[(\d+)\]\.content\[(\d+)\](.*)", re.DOTALL)


def place_of(request: Request, path: str) -> str:
    """The path as the caller wrote it; one that leads to nothing the caller wrote comes back as it is."""
    found = _PART.fullmatch(path)
    if found is None:
        return path
    index, number, rest = int(found[1]), int(found[2]), found[3]
    if index >= len(request.messages) or number >= len(request.messages[index].parts):
        return path
    return f"messages[{index}]{_field(request.messages[index], number)}{rest}"


def _field(message: Message, number: int) -> str:
    part = message.parts[number]
    before = message.parts[:number]
    match part:
        case ToolResultPart():
            return ""
        case ToolCallPart() if is_client_call(part):
            if variant_of(part.form, "field") == "function_call":
                return ".function_call"
            return f".tool_calls[{sum(map(is_client_call, before))}]"
        case RefusalPart() if variant_of(part.form, "field") == "refusal":
            return ".refusal"
        case ReasoningPart():
            # Several fields hold it, and the router's own among them.
            return f".content[{number}]"
        case _:
            if message.form is not None and message.form.dialect == NAME and "content" in message.form.variants:
                return ".content"
            return f".content[{sum(map(_is_content, before))}]"


def _is_content(part: Part) -> bool:
    return not isinstance(part, ReasoningPart | ToolCallPart | ToolResultPart)
