"""Free-text tools on wires that have none: their calls come as functions with one string, and are turned back."""

import msgspec

from providers.spec.parts import ToolCallPart
from providers.spec.request import FunctionTool, Request
from providers.wire.json import JsonError, loads_object

FIELD = "input"
"""The one member of such a function's arguments (SCHEMA-20)."""


def free_text_names(request: Request) -> frozenset[str]:
    """Names of the request's free-text tools."""
    tools = (tool for tool in request.tools or () if isinstance(tool, FunctionTool))
    return frozenset(tool.name for tool in tools if tool.kind == "custom")


def unwrapped(call: ToolCallPart, names: frozenset[str]) -> ToolCallPart:
    """The call with its raw text, where it is one of a free-text tool; any other as it is, also one that was cut."""
    if call.kind == "custom" or call.name not in names:
        return call
    try:
        text = loads_object(call.arguments).get(FIELD)
    except JsonError:
        return call
    if not isinstance(text, str):
        return call
    return msgspec.structs.replace(call, arguments=text, kind="custom", form=None, ext={})
