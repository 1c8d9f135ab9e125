"""The items of a request as messages: what the model said in a row is one message, and so are results in a row."""

from typing import Final

from providers.dialects.openai_responses.caller import CallerReader
from providers.dialects.openai_responses.content import decode_content
from providers.dialects.openai_responses.grammar import NAME
from providers.dialects.openai_responses.items_decode import decode_item
from providers.spec.errors import InvalidRequestError
from providers.spec.parts import Origin, Part, TextPart, ToolResultPart
from providers.spec.request import Message, Role
from providers.spec.values import Form, Json
from providers.wire.beside import attach_carried
from providers.wire.json import type_name
from providers.wire.reader import Reader

_ORIGIN: Final = Origin(dialect=NAME)

_ROLES: Final[dict[str, Role]] = {"user": "user", "system": "system", "developer": "developer"}

_BY_PROVIDER: Final = frozenset({"program_output"})
"""Outputs that the provider itself put into its answer; other outputs are the client's."""


def decode_instructions(reader: Reader) -> list[Message]:
    """The ``instructions`` field as a leading message; the form says that it stood apart."""
    text = reader.text("instructions")
    if text is None:
        return []
    form = Form(dialect=NAME, variants={"instructions": "text"})
    return [Message(role="system", parts=(TextPart(text=text),), form=form)]


def decode_input(reader: Reader, history: "History | None" = None) -> list[Message]:
    """The ``input`` field. Raises InvalidRequestError for wrong types, with the JSON path."""
    value = reader.take("input")
    if value is None:
        return []
    if isinstance(value, str):
        form = Form(dialect=NAME, variants={"input": "text"})
        return [Message(role="user", parts=(TextPart(text=value),), form=form)]
    if not isinstance(value, list):
        raise InvalidRequestError(f"input: expected a string or an array, got {type_name(value)}", path="input")
    reader.variants["input"] = "items"
    history = history or History()
    for index, item in enumerate(value):
        history.add(item, f"input[{index}]")
    return history.close()


class History:
    """Messages while items are read: at any time one message at most is open, the model's or one of results."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.parts: list[Part] = []
        """Of the message that is open."""
        self._of_model = True

    def add(self, item: Json, path: str) -> None:
        """One item."""
        reader = CallerReader(item, path, NAME)
        kind = reader.text("type")
        kind = "message" if kind is None else kind
        if kind == "message":
            role = reader.required_text("role")
            if role != "assistant":
                self.flush()
                self.given(item, path)
                return
        of_model = _is_of_model(kind, reader)
        if kind == "item_reference" and self.parts:
            of_model = self._of_model
        if of_model != self._of_model:
            self.flush()
        self._of_model = of_model
        self.said(item, path)

    def close(self) -> list[Message]:
        """All messages."""
        self.flush()
        return self.messages

    def given(self, item: Json, path: str) -> None:
        """A message that was given to the model."""
        self.messages.append(_given(item, path))

    def said(self, item: Json, path: str) -> None:
        """An item of the open message."""
        self.parts += decode_item(item, path, _ORIGIN, CallerReader)

    def flush(self) -> None:
        """End the open message."""
        parts = attach_carried(self.parts)
        self.parts = []
        if not parts:
            return
        role: Role = "assistant"
        if not self._of_model:
            role = "tool" if all(isinstance(part, ToolResultPart) for part in parts) else "user"
        self.messages.append(Message(role=role, parts=parts, form=Form(dialect=NAME)))


def _is_of_model(kind: str, reader: Reader) -> bool:
    if kind == "tool_search_output":
        return reader.peek("execution") != "client"
    return not (kind.endswith("_output") or kind == "mcp_approval_response") or kind in _BY_PROVIDER


def _given(item: Json, path: str) -> Message:
    """A message that was given to the model."""
    reader = CallerReader(item, path, NAME)
    reader.take("type")
    role = reader.required_text("role")
    if role not in _ROLES:
        at = reader.at("role")
        raise InvalidRequestError(f"{at}: unknown role {role!r}", path=at)
    content, at = reader.take("content"), reader.at("content")
    if isinstance(content, str):
        reader.variants["content"] = "text"
        parts: list[Part] = [TextPart(text=content)]
    elif isinstance(content, list):
        parts = decode_content(content, at, CallerReader)
    else:
        raise InvalidRequestError(f"{at}: expected a string or an array, got {type_name(content)}", path=at)
    for key in ("id", "status"):
        if isinstance(value := reader.peek(key), str):
            reader.take(key)
            reader.variants[key] = value
    return Message(role=_ROLES[role], parts=tuple(parts), ext=reader.rest(), form=reader.form())
