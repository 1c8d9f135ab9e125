"""Tools and tool choice in the words of OpenAI Responses."""

import msgspec

from providers.dialects.openai_responses.grammar import CHAT, NAME, check_tool_name, is_native, report_foreign_ext
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError, UnsupportedError
from providers.spec.profile import Target
from providers.spec.request import FunctionTool, ProviderTool, Tool, ToolChoice
from providers.spec.values import Json, JsonObject
from providers.wire.json import loads
from providers.wire.reader import arranged, variant
from providers.wire.schema import closed_objects, fits_strict, gemini_to_json_schema, itemised_arrays, object_root
from providers.wire.strict_shape import WIDENED, strict_shape
from providers.wire.tool_rules import report_without_tools


class EncodedTools(msgspec.Struct, frozen=True):
    """The three fields of the body; ``None`` where nothing is sent."""

    tools: list[Json] | None
    choice: Json
    parallel: bool | None


def encode_tools(
    tools: tuple[Tool, ...] | None, choice: ToolChoice | None, target: Target, report: Report
) -> EncodedTools:
    """Tools and choice together.

    Raises InvalidRequestError for a tool that cannot be named or described to OpenAI and for a choice of a tool that
    is not there; UnsupportedError for a tool of another provider.
    """
    encoded: list[Json] = [_tool(tool, f"tools[{index}]", target, report) for index, tool in enumerate(tools or ())]
    sent = encoded if encoded or _was_empty(tools, choice) else None
    if choice is None:
        return EncodedTools(sent, None, None)
    report_foreign_ext(choice.ext, "tool_choice", report)
    if not encoded and not is_native(choice.form):
        report_without_tools(choice, report)
        return EncodedTools(sent, None, None)
    if not is_native(choice.form):
        _check_names(tools or (), choice)
    return EncodedTools(sent, _choice(choice, tools or ()), choice.parallel)


def _was_empty(tools: tuple[Tool, ...] | None, choice: ToolChoice | None) -> bool:
    return tools is not None and not tools and (choice is None or is_native(choice.form))


# ---- tools


def _tool(tool: Tool, path: str, target: Target, report: Report) -> JsonObject:
    match tool:
        case ProviderTool():
            return _provider_tool(tool, path)
        case FunctionTool():
            report_foreign_ext(tool.ext, path, report)
            if not is_native(tool.form):
                check_tool_name(tool.name, target.profile.tool_name, f"{path}.name")
            return _custom_tool(tool) if tool.kind == "custom" else _function_tool(tool, path, report)


def _provider_tool(tool: ProviderTool, path: str) -> JsonObject:
    if tool.dialect == NAME:
        return tool.value
    # Leaving it out would make the model answer without what the caller counts on (SERVER-04).
    raise UnsupportedError(f"{path}: {NAME} has no tool {tool.type!r} of {tool.dialect}", path=path)


def _custom_tool(tool: FunctionTool) -> JsonObject:
    fields: JsonObject = {
        "type": "custom",
        "name": tool.name,
        "description": tool.description,
        "format": tool.grammar if is_native(tool.form) else _flat_grammar(tool.grammar),
    }
    return arranged(fields, tool.ext, tool.form, NAME)


def _flat_grammar(grammar: Json) -> Json:
    """Chat nests what is flat here: ``{"type": "grammar", "grammar": {"syntax", "definition"}}``."""
    nested = grammar.get("grammar") if isinstance(grammar, dict) else None
    return {"type": "grammar", **nested} if isinstance(nested, dict) else grammar


def _function_tool(tool: FunctionTool, path: str, report: Report) -> JsonObject:
    native = is_native(tool.form)
    fields: JsonObject = {"type": "function", "name": tool.name, "description": tool.description}
    fields["parameters"] = tool.schema if native else _parameters(tool, path, report)
    fields["strict"] = tool.strict
    if not native:
        # Left out, it would mean strict here, and in the caller's dialect it did not (SCHEMA-13).
        fields["strict"] = False
        if tool.strict:
            fields |= _strict(tool, fields["parameters"], path, report)
    return arranged(fields, tool.ext, tool.form, NAME)


def _strict(tool: FunctionTool, schema: Json, path: str, report: Report) -> JsonObject:
    """Parameters and switch of a strict tool: OpenAI wants every property required, other providers do not (SCHEMA-14).

    What the caller wrote for OpenAI is OpenAI's to judge.
    """
    if (tool.form is not None and tool.form.dialect == CHAT) or fits_strict(schema):
        return {"strict": True}
    shaped = strict_shape(schema)
    if shaped is None:
        reason = "strict wants closed objects with every property required here"
        report.add(f"{path}.strict", "downgraded", reason, from_=True, to=False)
        return {}
    reason = "strict wants every object closed" if shaped == closed_objects(schema) else WIDENED
    report.add(f"{path}.parameters", "mapped", reason)
    return {"strict": True, "parameters": shaped}


def _parameters(tool: FunctionTool, path: str, report: Report) -> JsonObject:
    schema = tool.schema
    if tool.schema_grammar == "gemini_schema" and isinstance(schema, dict):
        converted = gemini_to_json_schema(schema)
        schema = converted if isinstance(converted, dict) else None
    root = object_root(schema)
    if root is None:
        # One bad tool is refused by name rather than by an index of the provider's (SCHEMA-22).
        message = f"{path}: the parameters of tool {tool.name!r} must be an object at their root"
        raise InvalidRequestError(message, path=path)
    if root.loosened is not None:
        report.add(f"{path}.parameters", "downgraded", root.loosened)
    itemised = itemised_arrays(root.schema)
    if itemised == root.schema or not isinstance(itemised, dict):
        return root.schema
    report.add(f"{path}.parameters", "mapped", "an array has to say what its items are")
    return itemised


# ---- choice


def _check_names(tools: tuple[Tool, ...], choice: ToolChoice) -> None:
    offered = {tool.name for tool in tools}
    for name in choice.names:
        if name not in offered:
            raise InvalidRequestError(f"tool_choice: there is no tool {name!r} in tools", path="tool_choice")


def _choice(choice: ToolChoice, tools: tuple[Tool, ...]) -> Json:
    spelled = variant(choice.form, NAME, "choice")
    if choice.mode is None:
        return None
    if is_native(choice.form) and choice.form is not None and not choice.form.keys and not choice.names:
        return spelled
    if spelled is not None and spelled not in {"function", "custom", "tool", "allowed_tools"}:
        return arranged({"type": spelled}, choice.ext, choice.form, NAME)
    if not choice.names and spelled != "allowed_tools":
        return choice.mode
    if spelled != "allowed_tools" and choice.mode == "required" and len(choice.names) == 1:
        named: JsonObject = {"type": spelled or _kinds(tools).get(choice.names[0], "function"), "name": choice.names[0]}
        return arranged(named, choice.ext, choice.form, NAME)
    if choice.mode == "none":
        return "none"
    allowed: JsonObject = {"type": "allowed_tools", "mode": choice.mode, "tools": _allowed(choice, tools)}
    return arranged(allowed, choice.ext, choice.form, NAME)


def _allowed(choice: ToolChoice, tools: tuple[Tool, ...]) -> Json:
    spelled = variant(choice.form, NAME, "tools")
    if spelled is not None:
        return loads(spelled)
    kinds = _kinds(tools)
    return [{"type": kinds.get(name, "function"), "name": name} for name in choice.names]


def _kinds(tools: tuple[Tool, ...]) -> dict[str, str]:
    """What takes free text and what arguments, by name: of several of a name, the first counts."""
    return {tool.name: tool.kind for tool in reversed(tools) if isinstance(tool, FunctionTool)}
