"""What is asked in a run, and what may be said of that run alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from loop_client.client_tools import AnyTool
from loop_client.limits import Limits
from loop_client.model_request import ToolChoice
from loop_client.run_events import Message

Question: TypeAlias = str | Sequence[Message]
"""A user's words, or a whole history of chat messages to go on from."""


class RunSettings(TypedDict, total=False):
    """Of one run; what is absent or None is as the client has it."""

    model: str | None
    system: str | None
    """Put before the question; a history is taken as it is."""
    tools: Iterable[AnyTool]
    """Of this run alone, beside the client's; none may have the name of another, none may be a source."""
    tool_choice: ToolChoice | None
    """Of the first round."""
    limits: Limits | None
    options: Mapping[str, Any] | None
    """Further members of this run's request bodies, over the client's."""
    values: Mapping[str, Any] | None
    """The caller's own, for the tools' contexts: never shown to the model, never logged."""
    run_id: str | None
    """Instead of a new one; must be unique."""
