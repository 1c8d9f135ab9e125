"""Where a chat caller wrote what stands at a place of the canonical form: calls beside the content, not in it."""

from typing import Final

from providers.dialects.openai_chat.content import stands_in_content
from providers.dialects.openai_chat.grammar import variant_of
from providers.dialects.openai_chat.request_decode import decode_request
from providers.spec.parts import Part, ReasoningPart, RefusalPart, TextPart, is_client_call
from providers.spec.request import Message
from providers.spec.values import JsonObject
from providers.wire.places import PlacedMessage, PlacedPart, Spelling, listed_tools, placed_content


def _messages(body: JsonObject) -> list[PlacedMessage]:
    values = body["messages"]
    decoded = decode_request(body).messages
    assert isinstance(values, list)  # noqa: S101  # it was decoded
    return [_message(value, f"messages[{n}]", decoded[n]) for n, value in enumerate(values) if isinstance(value, dict)]


def _message(value: JsonObject, path: str, message: Message) -> PlacedMessage:
    content = placed_content(value.get("content"), f"{path}.content")
    if message.role == "tool":
        return PlacedMessage(path, message, [PlacedPart(path, content)])
    if message.role == "assistant":
        return PlacedMessage(path, message, _assistant(value, path, message.parts, content))
    return PlacedMessage(path, message, [PlacedPart(at) for at in content])


def _assistant(value: JsonObject, path: str, parts: tuple[Part, ...], content: list[str]) -> list[PlacedPart]:
    """An envelope of the router's may have put parts into the turn that stand nowhere in it."""
    calls = value.get("tool_calls")
    modern = [part for part in parts if is_client_call(part) and not _is_legacy(part)]
    called = [f"{path}.tool_calls[{n}]" for n, _ in enumerate(calls if isinstance(calls, list) else ())]
    called = called if len(called) == len(modern) else [path] * len(modern)
    listed = isinstance(value.get("content"), list)
    items = [part for part in parts if stands_in_content(part, own=True)]
    given = iter(content if len(items) == len(content) else [path] * len(items))
    next_call = iter(called)
    placed: list[PlacedPart] = []
    for part in parts:
        at = path
        if is_client_call(part):
            at = f"{path}.function_call" if _is_legacy(part) else next(next_call)
        elif stands_in_content(part, own=True):
            at = next(given)
            if not listed and isinstance(part, TextPart) and content:
                at = content[0]
        elif isinstance(part, ReasoningPart | RefusalPart) and (field := variant_of(part.form, "field")) in value:
            at = f"{path}.{field}"
        placed.append(PlacedPart(at))
    return placed


def _is_legacy(part: Part) -> bool:
    return variant_of(part.form, "field") == "function_call"


def _tools(body: JsonObject) -> list[str]:
    return listed_tools(body, "functions" if body.get("tools") is None else "tools")


_LIMIT: Final = ("max_completion_tokens", "max_tokens")
_SCHEMA: Final = "response_format.json_schema"

SPELLING: Final = Spelling(
    fields={
        "messages": ("messages",),
        "tools": ("tools", "functions"),
        "tool_choice": ("tool_choice", "function_call"),
        "max_output_tokens": _LIMIT,
        "candidates": ("n",),
        "reasoning": ("reasoning_effort", "reasoning", "thinking"),
        "reasoning.effort": ("reasoning_effort", "reasoning.effort", "thinking.effort"),
        "reasoning.budget_tokens": (
            "reasoning_effort",
            "reasoning.max_tokens",
            "reasoning",
            "thinking.budget_tokens",
            "thinking",
        ),
        "output": ("response_format",),
        "output.name": (f"{_SCHEMA}.name", "response_format"),
        "output.description": (f"{_SCHEMA}.description", "response_format"),
        "output.schema": (f"{_SCHEMA}.schema", "response_format"),
        "output.strict": (f"{_SCHEMA}.strict", "response_format"),
    },
    parts={
        "id": ("id", "tool_call_id"),
        "name": ("function.name", "custom.name", "name"),
        "arguments": ("function.arguments", "custom.input", "arguments"),
        "state": ("extra_content", "provider_specific_fields"),
        "detail": ("image_url.detail",),
    },
    tools={
        "name": ("function.name", "custom.name", "name"),
        "description": ("function.description", "custom.description", "description"),
        "parameters": ("function.parameters", "parameters"),
        "strict": ("function.strict", "strict"),
        "format": ("custom.format", "format"),
        "cache_control": ("cache_control", "function.cache_control"),
    },
    messages=_messages,
    tool_places=_tools,
)
