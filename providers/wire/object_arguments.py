"""The arguments of a call in dialects that write them as an object."""

from typing import Final

from providers.spec.adjustments import Report
from providers.spec.parts import ToolCallPart
from providers.spec.values import JsonObject
from providers.wire.json import JsonError, loads_object

_NONE: Final = frozenset({"", "null"})
"""The latter is what hosts write for no arguments (Groq)."""


def object_arguments(call: ToolCallPart) -> JsonObject:
    """The arguments as an object; text that is no JSON object is wrapped as ``{"_raw": text}`` (ARGS-09).

    The text of a custom tool goes under ``input``: that is how such a tool is declared there (SCHEMA-20).
    """
    if call.kind == "custom":
        return {"input": call.arguments}
    if call.arguments.strip() in _NONE:
        return {}
    try:
        return loads_object(call.arguments)
    except JsonError:
        return {"_raw": call.arguments}


def report_object_arguments(call: ToolCallPart, path: str, report: Report) -> None:
    """Report what ``object_arguments`` makes of arguments that are no JSON object."""
    at = f"{path}.arguments"
    text = call.arguments.strip()
    if call.kind == "custom":
        report.add(at, "mapped", "the text of a free-text tool goes under `input`")
    elif text == "null":
        report.add(at, "mapped", "null: sent as no arguments")
    elif text:
        try:
            loads_object(call.arguments)
        except JsonError:
            report.add(at, "mapped", "no JSON object: sent as the text under `_raw`")
