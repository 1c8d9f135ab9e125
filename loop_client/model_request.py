"""What a model is asked in one round, and what a model is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from loop_client.chat_stream import ModelAnswer, StreamEvent
from loop_client.errors import ConfigurationError
from loop_client.events import Message
from loop_client.jsontext import JsonObject

ToolChoice: TypeAlias = str | Mapping[str, Any]
"""``auto``, ``none``, ``required``, or an object as the chat wire has it."""

OWN_MEMBERS: Final = frozenset({"model", "messages", "tools", "tool_choice", "stream"})
"""Members of the request body that the loop sets."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What the model is asked in one round."""

    round: int
    """Counts from 1."""
    messages: tuple[Message, ...]
    tools: tuple[JsonObject, ...]
    """The same in every round, unless tools come or go, or a hook of the caller says otherwise."""
    tool_choice: ToolChoice | None
    """None where nothing is to be sent."""
    model: str | None = None
    """Instead of the run's model."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further members of the body, over those of the transport."""


class Model(Protocol):
    """Something that answers a request, as ``ChatTransport`` does over HTTP."""

    def call(self, request: ModelRequest) -> AsyncGenerator[StreamEvent | ModelAnswer, None]:
        """Ask once. Gives events while the model answers and, last and exactly once, the whole answer.

        Raises:
            RunError: there is no whole answer.
        """
        ...


def checked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, none of which the loop sets itself.

    Raises:
        ConfigurationError: one of them is.
    """
    taken = sorted(OWN_MEMBERS & options.keys())
    if taken:
        raise ConfigurationError(f"options may not set {', '.join(taken)}: the loop does")
    return dict(options)
