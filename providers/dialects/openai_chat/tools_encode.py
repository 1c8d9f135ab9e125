"""Tools and tool choice in the words of a chat host."""

import re

import msgspec

from providers.dialects.openai_chat.grammar import (
    NAME,
    NOT_STRICT,
    carried,
    inner_form,
    is_known,
    report_foreign,
    variant_of,
)
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError, UnsupportedError
from providers.spec.profile import Target
from providers.spec.request import FunctionTool, ProviderTool, Request, Tool, ToolChoice
from providers.spec.values import Ext, Form, Json, JsonObject
from providers.wire.json import dumps_text
from providers.wire.reader import arranged
from providers.wire.schema import closed_objects, fits_strict, gemini_to_json_schema, itemised_arrays, object_root
from providers.wire.strict_shape import WIDENED, strict_shape
from providers.wire.tool_rules import report_without_tools


class EncodedTools(msgspec.Struct, frozen=True):
    """The fields of the body; ``None`` where nothing is sent."""

    tools: list[Json] | None
    choice: Json
    parallel: bool | None


def encode_tools(request: Request, target: Target, report: Report) -> EncodedTools:
    """Tools and choice together: where a host has no allowed subset, the other tools are left out.

    Raises InvalidRequestError for a tool that cannot be named or described and for a call forced without tools;
    UnsupportedError for a tool that only another provider runs.
    """
    choice = request.tool_choice
    offered = request.tools or ()
    if choice is not None:
        _check_names(offered, choice)
        offered = _allowed(offered, choice, target, report)
    kept = set(map(id, offered))
    encoded: list[Json] = [
        _tool(tool, f"tools[{index}]", target, report)
        for index, tool in enumerate(request.tools or ())
        if id(tool) in kept
    ]
    tools = encoded if encoded or (request.tools is not None and carried(request.form)) else None
    if choice is None:
        return EncodedTools(tools, None, None)
    if not encoded:
        report_without_tools(choice, report)
        return EncodedTools(tools, None, None)
    # A host of the time before tools gives one call anyway, and has no word for it.
    parallel = None if variant_of(request.form, "parallel") == "implied" else choice.parallel
    return EncodedTools(tools, _choice(choice, request, target, report), parallel)


# ---- tools


def _tool(tool: Tool, path: str, target: Target, report: Report) -> JsonObject:
    match tool:
        case ProviderTool(dialect=dialect) if dialect == NAME:
            return tool.value
        case ProviderTool():
            # Leaving it out would make the model answer without what the caller counts on (SERVER-04).
            raise UnsupportedError(f"{path}: {NAME} has no tool {tool.type!r} of {tool.dialect}", path=path)
        case FunctionTool():
            if not re.fullmatch(target.profile.tool_name, tool.name):
                message = f"{path}.name: tool name {tool.name!r} must match {target.profile.tool_name}"
                raise InvalidRequestError(message, path=f"{path}.name")
            return _function_tool(tool, path, target, report)


def _function_tool(tool: FunctionTool, path: str, target: Target, report: Report) -> JsonObject:
    report_foreign(tool.ext, path, report)
    own = carried(tool.form)
    if tool.kind == "custom" and (own or target.profile.custom_tools):
        fields: JsonObject = {"name": tool.name, "description": tool.description, "format": tool.grammar}
        return _nested(tool, "custom", fields, target)
    fields = {"name": tool.name, "description": tool.description, "parameters": tool.schema, "strict": tool.strict}
    if not own:
        fields = _foreign(tool, fields, path, report)
    if variant_of(tool.form, "shape") == "flat" or _is_legacy(tool):
        return (
            arranged(fields, tool.ext, tool.form, NAME)
            if _is_legacy(tool)
            else _nested(_unflattened(tool), "function", fields, target)
        )
    return _nested(tool, "function", fields, target)


def _is_legacy(tool: FunctionTool) -> bool:
    """One of ``functions``: it has no ``type`` and nothing around it."""
    if not carried(tool.form) or "name" not in tool.form.keys:
        return False
    return variant_of(tool.form, "shape") is None and variant_of(tool.form, "function") is None


def _unflattened(tool: FunctionTool) -> FunctionTool:
    return msgspec.structs.replace(tool, form=None)


def _foreign(tool: FunctionTool, fields: JsonObject, path: str, report: Report) -> JsonObject:
    """A tool of another dialect's making: its schema in the shape that hosts insist on (SCHEMA-09 to SCHEMA-12)."""
    if tool.kind == "custom":
        return _as_function(tool, path, report)
    schema: Json = tool.schema
    if tool.schema_grammar == "gemini_schema" and isinstance(schema, dict):
        schema = gemini_to_json_schema(schema)
    root = object_root(schema if isinstance(schema, dict | bool) else None)
    if root is None:
        message = f"{path}: the parameters of tool {tool.name!r} must be an object at their root"
        raise InvalidRequestError(message, path=path)
    if root.loosened is not None:
        report.add(f"{path}.parameters", "downgraded", root.loosened)
    written: Json = itemised_arrays(root.schema)
    if tool.strict is not True:
        return {**fields, "parameters": written}
    if fits_strict(written):
        return {**fields, "parameters": written}
    shaped = strict_shape(written)
    if shaped is None:
        report.add(f"{path}.strict", "downgraded", NOT_STRICT, from_=True, to=False)
        return {**fields, "parameters": written, "strict": False}
    # Other providers let properties be left out in strict mode (SCHEMA-14).
    reason = "strict wants every object closed" if shaped == closed_objects(written) else WIDENED
    report.add(f"{path}.parameters", "mapped", reason)
    return {**fields, "parameters": shaped}


def _as_function(tool: FunctionTool, path: str, report: Report) -> JsonObject:
    """A free-text tool where the host has none: a function with one string (SCHEMA-20)."""
    report.add(path, "mapped", "a free-text tool is a function with one string here", from_="custom", to="function")
    description = tool.description
    if tool.grammar is not None:
        told = f"The input must follow this grammar: {dumps_text(tool.grammar)}"
        report.add(f"{path}.format", "downgraded", "the grammar is described to the model and not enforced")
        description = told if description is None else f"{description}\n\n{told}"
    schema: JsonObject = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    return {"name": tool.name, "description": description, "parameters": schema}


def _nested(tool: FunctionTool, field: str, fields: JsonObject, target: Target) -> JsonObject:
    own = dict(tool.ext.get(NAME, {}))
    below = own.pop(field, None)
    inner = arranged(fields, {NAME: below} if isinstance(below, dict) else {}, inner_form(tool.form, field), NAME)
    return arranged({"type": _type(field, tool.form, target), field: inner}, {NAME: own}, tool.form, NAME)


def _type(word: str, form: Form | None, target: Target) -> str | None:
    """Some hosts take tools and choices that do not say their type: it is left out where the caller left it out."""
    return None if carried(form) and "type" not in form.keys and not is_known(target.profile) else word


# ---- choice


def _check_names(tools: tuple[Tool, ...], choice: ToolChoice) -> None:
    offered = {tool.name for tool in tools}
    for name in choice.names:
        if name not in offered and not carried(choice.form):
            raise InvalidRequestError(f"tool_choice: there is no tool {name!r} in tools", path="tool_choice")


def _allowed(tools: tuple[Tool, ...], choice: ToolChoice, target: Target, report: Report) -> tuple[Tool, ...]:
    """The tools that may be called, where the host has no words for a subset of them."""
    if not _is_subset(choice) or target.profile.allowed_tools:
        return tools
    allowed = set(choice.names)
    kept = tuple(tool for tool in tools if tool.name in allowed)
    if len(kept) < len(tools):
        names: list[Json] = list(choice.names)
        report.add("tool_choice", "mapped", "an allowed subset is made by leaving the other tools out", to=names)
    return kept


def _is_subset(choice: ToolChoice) -> bool:
    if choice.mode == "none" or not choice.names:
        return False
    return (
        len(choice.names) > 1
        or choice.mode == "auto"
        or variant_of(choice.form, "allowed_tools") is not None
        or _is_allowed_form(choice)
    )


def _is_allowed_form(choice: ToolChoice) -> bool:
    return carried(choice.form) and "tools" in choice.form.keys


def _choice(choice: ToolChoice, request: Request, target: Target, report: Report) -> Json:
    report_foreign(choice.ext, "tool_choice", report)
    if choice.mode is None:
        return None
    if _is_subset(choice):
        return _subset(choice, request, target)
    if choice.names:
        return _named(choice, request, target)
    if choice.mode == "required" and variant_of(request.form, "any") and target.profile.takes_any:
        return "any"
    if carried(choice.form) and variant_of(choice.form, "shape") == "typed" and not is_known(target.profile):
        # {"type": "any"} is Messages' way and no known chat host's.
        kind = "any" if choice.mode == "required" else choice.mode
        return arranged({"type": kind}, choice.ext, choice.form, NAME)
    return choice.mode


def _named(choice: ToolChoice, request: Request, target: Target) -> JsonObject:
    name = choice.names[0]
    if variant_of(request.form, "choice") == "function_call":
        return arranged({"name": name}, choice.ext, choice.form, NAME)
    field = "custom" if name in _custom(request) else "function"
    form = choice.form if carried(choice.form) and field in choice.form.keys else None
    own = dict(choice.ext.get(NAME, {}))
    below = own.pop(field, None)
    inner = arranged({"name": name}, {NAME: below} if isinstance(below, dict) else {}, inner_form(form, field), NAME)
    return arranged({"type": _type(field, form, target), field: inner}, {NAME: own}, form, NAME)


def _subset(choice: ToolChoice, request: Request, target: Target) -> Json:
    if not target.profile.allowed_tools:
        return choice.mode
    tools: list[Json] = []
    custom = _custom(request)
    for name in choice.names:
        field = "custom" if name in custom else "function"
        tools.append({"type": field, field: {"name": name}})
    inner = arranged({"mode": choice.mode, "tools": tools}, {}, inner_form(choice.form, "allowed_tools"), NAME)
    form: Form | None = choice.form if variant_of(choice.form, "allowed_tools") is not None else None
    return arranged(
        {"type": "allowed_tools", "allowed_tools": inner}, _without(choice.ext, "allowed_tools"), form, NAME
    )


def _without(ext: Ext, field: str) -> Ext:
    return {NAME: {key: value for key, value in ext.get(NAME, {}).items() if key != field}}


def _custom(request: Request) -> set[str]:
    """Names of the tools that take free text."""
    return {tool.name for tool in request.tools or () if isinstance(tool, FunctionTool) and tool.kind == "custom"}
