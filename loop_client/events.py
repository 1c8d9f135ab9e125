"""What happens in a run, as typed values with a JSON form.

Every view of a run (terminal, JSON lines, a chat front end) is built on these and nothing else.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from functools import cache
from typing import Any, Final, TypeAlias, cast, get_args

from pydantic import TypeAdapter, ValidationError

from loop_client.event_base import Event
from loop_client.jsontext import JsonObject
from loop_client.run_events import (
    FileOutput,
    FinishReason,
    Message,
    PendingCall,
    ReasoningDelta,
    ResponseMetadata,
    RoundFinish,
    RoundRestart,
    RoundStart,
    RunFinish,
    RunFinishReason,
    RunNotice,
    RunStart,
    RunSuspended,
    SourceFound,
    TextDelta,
)
from loop_client.tool_events import (
    CallErrorCode,
    ProviderToolActivity,
    ToolApprovalAnswered,
    ToolApprovalRequested,
    ToolDeferred,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
    ToolProgress,
)

__all__ = [
    "AnyEvent",
    "CallErrorCode",
    "Event",
    "FileOutput",
    "FinishReason",
    "Message",
    "PendingCall",
    "ProviderToolActivity",
    "ReasoningDelta",
    "ResponseMetadata",
    "RoundFinish",
    "RoundRestart",
    "RoundStart",
    "RunFinish",
    "RunFinishReason",
    "RunNotice",
    "RunStart",
    "RunSuspended",
    "SourceFound",
    "TextDelta",
    "ToolApprovalAnswered",
    "ToolApprovalRequested",
    "ToolDeferred",
    "ToolInputAvailable",
    "ToolInputDelta",
    "ToolInputStart",
    "ToolOutputAvailable",
    "ToolOutputDenied",
    "ToolOutputError",
    "ToolProgress",
    "event_from_json",
]

AnyEvent: TypeAlias = (
    RunStart
    | RoundStart
    | RoundRestart
    | ResponseMetadata
    | TextDelta
    | ReasoningDelta
    | SourceFound
    | FileOutput
    | ToolInputStart
    | ToolInputDelta
    | ToolInputAvailable
    | ToolProgress
    | ToolApprovalRequested
    | ToolApprovalAnswered
    | ToolDeferred
    | ToolOutputAvailable
    | ToolOutputError
    | ToolOutputDenied
    | ProviderToolActivity
    | RoundFinish
    | RunNotice
    | RunSuspended
    | RunFinish
)
"""Every event there is, for an exhaustive ``match``."""

_KINDS: Final[dict[str, type[Event]]] = {kind.type: kind for kind in get_args(AnyEvent)}


def event_from_json(body: JsonObject) -> AnyEvent:
    """The event that ``to_json`` wrote. Members of a later version are passed over.

    Raises:
        ValueError: no such kind of event, or a field is missing or of the wrong type; the text names it.
    """
    kind = _KINDS.get(str(body.get("type")))
    if kind is None:
        raise ValueError(f"there is no event of type {body.get('type')!r}")
    given: dict[str, Any] = {}
    for field in fields(kind):
        if field.name in body:
            given[field.name] = body[field.name]
        elif field.default is MISSING:
            given[field.name] = None  # left out because it was None, or really missing: the check below tells
    try:
        return cast("AnyEvent", _adapter(kind.type).validate_python(given))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in problem["loc"])
        raise ValueError(f"event {kind.type}: {where}: {problem['msg']}") from None


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(_KINDS[name])
