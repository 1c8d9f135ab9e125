"""Where a Messages caller wrote what stands at a place of the canonical form: ``system`` apart, the rest in blocks."""

from typing import Final

from providers.dialects.anthropic_messages.blocks_decode import decode_content
from providers.dialects.anthropic_messages.grammar import NAME
from providers.dialects.anthropic_messages.request_decode import decode_request
from providers.spec.parts import Origin
from providers.spec.request import Message
from providers.spec.values import Json, JsonObject
from providers.wire.beside import is_carried
from providers.wire.places import PlacedMessage, PlacedPart, Spelling, listed_tools, placed_content

_ORIGIN: Final = Origin(dialect=NAME)


def _messages(body: JsonObject) -> list[PlacedMessage]:
    decoded = iter(decode_request(body).messages)
    placed: list[PlacedMessage] = []
    if (system := body.get("system")) is not None:
        parts = [PlacedPart(at) for at in placed_content(system, "system")]
        placed.append(PlacedMessage("system", next(decoded), parts))
    values = body["messages"]
    assert isinstance(values, list)  # noqa: S101  # it was decoded
    for index, message in enumerate(decoded):
        placed.append(_message(values[index], f"messages[{index}]", message))
    return placed


def _message(value: Json, path: str, message: Message) -> PlacedMessage:
    content = value.get("content") if isinstance(value, dict) else None
    at = f"{path}.content"
    if not isinstance(content, list):
        return PlacedMessage(path, message, [PlacedPart(at)])
    # Blocks that hold the state of their neighbour are no parts.
    parts = [
        PlacedPart(f"{at}[{index}]", _result_content(content[index], f"{at}[{index}]"))
        for index, part in enumerate(decode_content(content, at, _ORIGIN))
        if not is_carried(part)
    ]
    return PlacedMessage(path, message, parts)


def _result_content(block: Json, path: str) -> list[str]:
    return placed_content(block.get("content"), f"{path}.content") if isinstance(block, dict) else []


SPELLING: Final = Spelling(
    fields={
        "messages": ("messages",),
        "tools": ("tools",),
        "max_output_tokens": ("max_tokens",),
        "stop": ("stop_sequences",),
        "parallel_tool_calls": ("tool_choice.disable_parallel_tool_use",),
        "candidates": ("n",),
        "reasoning": ("thinking", "output_config.effort"),
        "reasoning.effort": ("output_config.effort", "thinking"),
        "reasoning.budget_tokens": ("thinking.budget_tokens", "thinking", "output_config.effort"),
        "reasoning.show": ("thinking.display", "thinking"),
        "output": ("output_config.format", "output_format"),
        "output.schema": ("output_config.format.schema", "output_format.schema"),
        "output.strict": ("output_config.format", "output_format"),
    },
    parts={
        "id": ("id", "tool_use_id"),
        "arguments": ("input",),
        "annotations": ("citations",),
        "outcome": ("is_error",),
        "state": ("signature", "data"),
    },
    tools={"parameters": ("input_schema",)},
    messages=_messages,
    tool_places=listed_tools,
)
