"""What a chat front end asks: its conversation, its own tools, and whatever other fields it sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from loop_client.jsontext import JsonObject
from loop_client.server.problems import InvalidRequest
from loop_client.ui import Conversation, DataPart, InvalidUIMessages, read_ui_messages

_OWN_FIELDS: Final = frozenset({"id", "messages", "trigger", "messageId", "tools"})
_TRIGGERS: Final = frozenset({"submit-message", "regenerate-message"})


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat request, as the ``prepare`` hook sees it."""

    chat_id: str | None
    """The front end's name for the conversation."""
    trigger: Literal["submit-message", "regenerate-message"]
    message_id: str | None
    """The message that is sent again, regenerated or continued."""
    conversation: Conversation = field(repr=False)
    """The history as chat messages."""
    ui_messages: tuple[JsonObject, ...] = field(repr=False)
    """The history as it was sent."""
    fields: Mapping[str, Any] = field(repr=False)
    """Every other field of the body, such as ``workflowId``. They come from the browser: check before you trust."""
    values: Mapping[str, Any] = field(repr=False)
    """What the authentication hook said of the caller."""
    client_tools: object = field(default=None, repr=False)
    """The ``tools`` that the browser wants to answer, not yet looked at."""

    @classmethod
    def of_answer(cls, fields: Mapping[str, Any], values: Mapping[str, Any]) -> ChatRequest:
        """What the hook sees when an answer comes by itself: no conversation, only the other fields and the caller."""
        return cls(None, "submit-message", None, Conversation(()), (), fields, values)

    @property
    def continues(self) -> str | None:
        """The id of the assistant message that the answer goes on with; None where it begins a new one."""
        last: Mapping[str, Any] = self.ui_messages[-1] if self.ui_messages else {}
        identity = last.get("id")
        return identity if last.get("role") == "assistant" and isinstance(identity, str) and identity else None


def read_chat_request(
    body: JsonObject, values: Mapping[str, Any], *, allow_system: bool, data_part: DataPart | None
) -> ChatRequest:
    """Read the body that a stock ``useChat`` sends.

    Raises:
        InvalidRequest: something of it is not what the protocol allows; the message names the place.
    """
    trigger = body.get("trigger", "submit-message")
    if trigger not in _TRIGGERS:
        raise InvalidRequest("trigger: submit-message or regenerate-message is expected")
    try:
        conversation = read_ui_messages(body.get("messages"), allow_system=allow_system, data_part=data_part)
    except InvalidUIMessages as error:
        raise InvalidRequest(str(error), "INVALID_MESSAGES") from None
    return ChatRequest(
        chat_id=_optional_text(body, "id"),
        trigger=trigger,
        message_id=_optional_text(body, "messageId"),
        conversation=conversation,
        ui_messages=tuple(body["messages"]),
        fields={name: value for name, value in body.items() if name not in _OWN_FIELDS},
        values=values,
        client_tools=body.get("tools"),
    )


def _optional_text(body: JsonObject, name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidRequest(f"{name}: a string is expected")
    return value
