"""Decides which of the model's calls may run: only complete, declared, schema-valid ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from loop_client.arguments import InvalidArguments
from loop_client.call_stream import ToolCall
from loop_client.events import CallErrorCode, FinishReason
from loop_client.jsontext import JsonObject
from loop_client.tools import Tool, ToolRegistry

_GOOD_VERDICTS: Final = frozenset({"complete", "repaired"})
_REFUSALS: Final[dict[str, tuple[CallErrorCode, str]]] = {
    "incomplete": (
        "incomplete",
        "the call was cut off before it was whole and was not run; write it again, shorter",
    ),
    "invalid_json": ("invalid_json", "the arguments are not valid JSON, so the call was not run"),
    "schema_mismatch": ("schema_mismatch", "the arguments do not fit the tool's schema, so the call was not run"),
    "unknown_tool": ("unknown_tool", "there is no such tool, so nothing was run"),
}


@dataclass(frozen=True, slots=True)
class Runnable:
    """A call that may run."""

    call: ToolCall
    tool: Tool
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that is answered with an error and not run."""

    call: ToolCall
    code: CallErrorCode
    message: str
    """For the model; names no argument value."""


def judge_calls(
    calls: Sequence[ToolCall], finish_reason: FinishReason, router: JsonObject | None, registry: ToolRegistry
) -> list[Runnable | Refused]:
    """One verdict per call, in call order."""
    if finish_reason == "content_filter":
        text = "the answer was stopped by a content filter, so the call was not run"
        return [Refused(call, "not_run", text) for call in calls]
    last = len(calls) - 1 if finish_reason == "length" else None
    return [
        _judge(call, _reported(place, call, router), registry, may_be_cut=place == last)
        for place, call in enumerate(calls)
    ]


def judge_alone(call: ToolCall, registry: ToolRegistry) -> Runnable | Refused:
    """The verdict on a call of which nobody else has said anything, by our own check."""
    return _judge(call, None, registry, may_be_cut=False)


def _judge(
    call: ToolCall, reported: JsonObject | None, registry: ToolRegistry, *, may_be_cut: bool
) -> Runnable | Refused:
    if reported is not None and reported.get("status") not in _GOOD_VERDICTS:
        return _refused_by_router(call, reported, registry)
    # A call cut by the output limit may still parse, so its text proves nothing (FINISH-03). Only the last can be cut.
    if reported is None and may_be_cut:
        return Refused(call, *_REFUSALS["incomplete"])
    tool = registry.get(call.name)
    if tool is None:
        return Refused(call, "unknown_tool", _no_such_tool(registry))
    try:
        return Runnable(call, tool, tool.read_arguments(call.arguments_text))
    except InvalidArguments as error:
        return Refused(call, "schema_mismatch" if error.is_json else "invalid_json", str(error))


def _reported(place: int, call: ToolCall, router: JsonObject | None) -> JsonObject | None:
    """The router's verdict on this call, found by id, else by position; None where there is none."""
    verdicts = (router or {}).get("calls")
    if not isinstance(verdicts, list):
        return None
    objects = [verdict for verdict in verdicts if isinstance(verdict, dict) and "status" in verdict]
    for verdict in objects:
        if verdict.get("id") == call.id:
            return verdict
    unnamed = (verdict for verdict in objects if not verdict.get("id") and verdict.get("index") == place)
    return next(unnamed, None)


def _refused_by_router(call: ToolCall, reported: JsonObject, registry: ToolRegistry) -> Refused:
    status = str(reported.get("status"))
    if status == "unknown_tool":
        return Refused(call, "unknown_tool", _no_such_tool(registry))
    if status in {"schema_mismatch", "invalid_json"} and (tool := registry.get(call.name)) is not None:
        # Our own check names the path; where it finds nothing, the router's verdict still stands.
        try:
            tool.read_arguments(call.arguments_text)
        except InvalidArguments as error:
            return Refused(call, "schema_mismatch" if error.is_json else "invalid_json", str(error))
    return Refused(call, *_REFUSALS.get(status, ("refused", "the router did not pass this call, so it was not run")))


def _no_such_tool(registry: ToolRegistry) -> str:
    names = registry.names()
    return "there is no tool of that name; " + (f"there are: {', '.join(names)}" if names else "there are no tools")
