"""Tools and tool choice in Anthropic's words."""

import msgspec

from providers.dialects.anthropic_messages.grammar import (
    NAME,
    check_tool_name,
    is_native,
    report_foreign_ext,
    was_written,
)
from providers.dialects.anthropic_messages.strict_schemas import is_strict
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError, UnsupportedError
from providers.spec.profile import Target
from providers.spec.request import FunctionTool, ProviderTool, Tool, ToolChoice
from providers.spec.values import Json, JsonObject
from providers.wire.json import written_once
from providers.wire.known_tools import KnownTools
from providers.wire.reader import arranged
from providers.wire.schema import closed_objects, gemini_to_json_schema, object_root
from providers.wire.tool_rules import check_is_there, described_grammar, report_without_tools


class EncodedTools(msgspec.Struct, frozen=True):
    """The two fields of the body; ``None`` where nothing is sent."""

    tools: Json
    choice: JsonObject | None

    @property
    def forced(self) -> bool:
        """Whether a call is forced."""
        return self.choice is not None and self.choice.get("type") in {"any", "tool"}


def encode_tools(
    tools: tuple[Tool, ...] | None, choice: ToolChoice | None, target: Target, report: Report
) -> EncodedTools:
    """Tools and choice together: an allowed subset is made by leaving the other tools out.

    Raises InvalidRequestError for a tool that cannot be named or described to Anthropic and for a call forced without
    tools; UnsupportedError for a tool of another provider.
    """
    offered = tools or ()
    if choice is not None:
        report_foreign_ext(choice.ext, "tool_choice", report)
        offered = _allowed(offered, choice, report) if choice.names else offered
    if tools is None:
        encoded: Json = None
    elif isinstance(tools, KnownTools) and offered is tools:
        encoded = _written(tools, target, report)
    else:
        encoded = _tools(tools, offered, target, report)
    return EncodedTools(encoded, _choice(choice, bool(offered), report) if choice else None)


# ---- tools


def _written(tools: KnownTools, target: Target, report: Report) -> Json:
    key = (NAME, target.profile.tool_name)

    def write(tool: Tool, path: str, told: Report) -> Json:
        return _tool(tool, path, target, told)

    return tools.once(key, lambda told: written_once(tools.written(key, write, told)), report)


def _tools(tools: tuple[Tool, ...], kept: tuple[Tool, ...], target: Target, report: Report) -> list[Json]:
    offered = set(map(id, kept))
    return [_tool(tool, f"tools[{index}]", target, report) for index, tool in enumerate(tools) if id(tool) in offered]


def _tool(tool: Tool, path: str, target: Target, report: Report) -> JsonObject:
    match tool:
        case ProviderTool():
            return _provider_tool(tool, path, target)
        case FunctionTool():
            report_foreign_ext(tool.ext, path, report)
            return _function_tool(tool, path, target, report)


def _provider_tool(tool: ProviderTool, path: str, target: Target) -> JsonObject:
    if tool.dialect == NAME:
        check_is_there(tool, path, target)
        return tool.value
    # Leaving it out would make the model answer without what the caller counts on (SERVER-04).
    raise UnsupportedError(f"{path}: {NAME} has no tool {tool.type!r} of {tool.dialect}", path=path)


def _function_tool(tool: FunctionTool, path: str, target: Target, report: Report) -> JsonObject:
    fields: JsonObject = {
        "type": "custom" if was_written(tool.form, "type") else None,
        "name": tool.name,
        "description": tool.description,
        "input_schema": tool.schema,
        "strict": tool.strict,
    }
    if not is_native(tool.form):
        check_tool_name(tool.name, target.profile.tool_name, f"{path}.name")
        schema = _input_schema(tool, path, report)
        fields["input_schema"] = schema
        if tool.strict:
            fields.update(_strict(schema, path, report))
    if tool.kind == "custom":
        fields["description"] = described_grammar(tool, path, report)
    return arranged(fields, tool.ext, tool.form, NAME)


def _strict(schema: JsonObject, path: str, report: Report) -> JsonObject:
    """Schema and switch of a strict tool; the switch is given up where the schema is not compiled (SCHEMA-14)."""
    closed = closed_objects(schema)
    if not is_strict(closed):
        reason = "strict takes no bounds, open objects or recursion here"
        report.add(f"{path}.strict", "downgraded", reason, from_=True, to=False)
        return {"strict": None}
    if closed != schema:
        report.add(f"{path}.parameters", "mapped", "every object of a strict tool must be closed")
    return {"input_schema": closed}


def _input_schema(tool: FunctionTool, path: str, report: Report) -> JsonObject:
    if tool.kind == "custom":
        report.add(path, "mapped", "a free-text tool is a function with one string here", from_="custom", to="function")
        return {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
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
    return root.schema


# ---- choice


def _allowed(tools: tuple[Tool, ...], choice: ToolChoice, report: Report) -> tuple[Tool, ...]:
    """The tools that may be called. One forced tool is named in the choice instead, which keeps the prompt cache."""
    if not choice.names or choice.mode == "none" or _is_single(choice):
        _check_names(tools, choice)
        return tools
    _check_names(tools, choice)
    allowed = set(choice.names)
    kept = tuple(tool for tool in tools if tool.name in allowed)
    if len(kept) < len(tools):
        names: list[Json] = list(choice.names)
        report.add("tool_choice", "mapped", "an allowed subset is made by leaving the other tools out", to=names)
    return kept


def _check_names(tools: tuple[Tool, ...], choice: ToolChoice) -> None:
    if not choice.names or is_native(choice.form):
        return
    offered = {tool.name for tool in tools}
    for name in choice.names:
        if name not in offered:
            raise InvalidRequestError(f"tool_choice: there is no tool {name!r} in tools", path="tool_choice")


def _is_single(choice: ToolChoice) -> bool:
    return choice.mode == "required" and len(choice.names) == 1


def _choice(choice: ToolChoice, any_tools: bool, report: Report) -> JsonObject | None:
    if not any_tools and not is_native(choice.form):
        report_without_tools(choice, report)
        return None
    fields: JsonObject = {"type": _choice_type(choice)}
    if fields["type"] is None:
        return None
    if fields["type"] == "tool":
        fields["name"] = choice.names[0]
    # Parallel calls are the default; `none` has no such switch.
    if choice.parallel is False and (choice.mode != "none" or is_native(choice.form)):
        fields["disable_parallel_tool_use"] = True
    elif choice.parallel is True and was_written(choice.form, "disable_parallel_tool_use"):
        fields["disable_parallel_tool_use"] = False
    return arranged(fields, choice.ext, choice.form, NAME)


def _choice_type(choice: ToolChoice) -> str | None:
    match choice.mode:
        case "none":
            return "none"
        case "auto":
            return "auto"
        case "required":
            return "tool" if len(choice.names) == 1 else "any"
        case None:
            # Only the switch was said, and it has to stand in some choice (CHOICE-09).
            return "auto" if choice.parallel is False else None
