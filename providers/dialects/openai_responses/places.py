"""Where a Responses caller wrote what stands at a place of the canonical form: in items, several of them a message."""

from typing import Final

from providers.dialects.openai_responses.caller import CallerReader
from providers.dialects.openai_responses.grammar import NAME
from providers.dialects.openai_responses.history_decode import History, decode_input, decode_instructions
from providers.dialects.openai_responses.namespaces import tool_places
from providers.spec.parts import OpaquePart, Part, ToolResultPart
from providers.spec.values import Json, JsonObject
from providers.wire.beside import is_carried
from providers.wire.places import PlacedMessage, PlacedPart, Spelling, placed_content


class _PlacedHistory(History):
    """Notes of each part, while items are read, where it stood."""

    def __init__(self) -> None:
        super().__init__()
        self.placed: list[PlacedMessage] = []
        self._items: list[str] = []
        self._open: list[PlacedPart] = []

    def given(self, item: Json, path: str) -> None:
        super().given(item, path)
        content = item.get("content") if isinstance(item, dict) else None
        parts = [PlacedPart(at) for at in placed_content(content, f"{path}.content")]
        self.placed.append(PlacedMessage(path, self.messages[-1], parts))

    def said(self, item: Json, path: str) -> None:
        before = len(self.parts)
        super().said(item, path)
        parts = [part for part in self.parts[before:] if not is_carried(part)]
        self._items += [path] if parts else []
        self._open += _placed(parts, item, path)

    def flush(self) -> None:
        before = len(self.messages)
        super().flush()
        if len(self.messages) > before:
            path = self._items[0] if len(self._items) == 1 else "input"
            self.placed.append(PlacedMessage(path, self.messages[-1], self._open))
        self._items, self._open = [], []


def _placed(parts: list[Part], item: Json, path: str) -> list[PlacedPart]:
    """Where the parts of one item stand."""
    fields = item if isinstance(item, dict) else {}
    if fields.get("type") in {None, "message"}:
        content = placed_content(fields.get("content"), f"{path}.content")
        whole = any(isinstance(part, OpaquePart) and part.type == "message" for part in parts)
        return [PlacedPart(path) for _ in parts] if whole else [PlacedPart(at) for at in content]
    if len(parts) == 1 and isinstance(parts[0], ToolResultPart):
        return [PlacedPart(path, placed_content(fields.get("output"), f"{path}.output"))]
    return [PlacedPart(path) for _ in parts]


def _messages(body: JsonObject) -> list[PlacedMessage]:
    reader = CallerReader(body, "", NAME)
    history = _PlacedHistory()
    whole = [PlacedMessage("instructions", told, [PlacedPart("instructions")]) for told in decode_instructions(reader)]
    given = decode_input(reader, history)
    if isinstance(body.get("input"), str):
        whole += [PlacedMessage("input", told, [PlacedPart("input")]) for told in given]
    return [*whole, *history.placed]


SPELLING: Final = Spelling(
    fields={
        "messages": ("input",),
        "tools": ("tools",),
        "candidates": ("n",),
        "reasoning": ("reasoning",),
        "reasoning.effort": ("reasoning.effort", "reasoning"),
        "reasoning.budget_tokens": ("reasoning.effort", "reasoning"),
        "reasoning.show": ("reasoning.summary", "reasoning.generate_summary", "reasoning"),
        "output": ("text.format",),
        "output.name": ("text.format.name", "text.format"),
        "output.description": ("text.format.description", "text.format"),
        "output.schema": ("text.format.schema", "text.format"),
        "output.strict": ("text.format.strict", "text.format"),
    },
    parts={
        "id": ("call_id",),
        "arguments": ("arguments", "input"),
        "state": ("encrypted_content",),
    },
    tools={},
    messages=_messages,
    tool_places=tool_places,
)
