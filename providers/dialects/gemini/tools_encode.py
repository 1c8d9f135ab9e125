"""Tools and tool choice in Gemini's words."""

from typing import Final

import msgspec

from providers.dialects.gemini.grammar import NAME, check_tool_name, report_foreign_ext
from providers.dialects.gemini.reader import form_of, inner_ext, is_native, kept_form, was_written, written
from providers.dialects.gemini.tools_decode import MODES, PLACE
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError, UnsupportedError
from providers.spec.profile import Target
from providers.spec.request import ChoiceMode, FunctionTool, ProviderTool, Request, Tool, ToolChoice
from providers.spec.values import Form, Json, JsonObject, extended
from providers.wire.json import JsonError, dumps_text, loads, written_once
from providers.wire.known_tools import KnownTools
from providers.wire.reader import variant
from providers.wire.schema import itemised_arrays, object_root, typed_enums
from providers.wire.tool_rules import check_is_there, described_grammar, report_without_tools


class EncodedTools(msgspec.Struct, frozen=True):
    """The two fields of the body; ``None`` where nothing is sent."""

    tools: Json
    config: JsonObject | None


_FIELD: Final = "tools"
_FLAG: Final = "includeServerSideToolInvocations"


def encode_tools(request: Request, target: Target, report: Report) -> EncodedTools:
    """Tools and choice together.

    Raises InvalidRequestError for a tool that cannot be named or described to Gemini, for a choice of tools that are
    not there and for a call forced without tools; UnsupportedError for a tool of another provider.
    """
    choice = request.tool_choice
    calling = None if choice is None else _calling_config(choice, request.tools or (), report)
    tools = None if request.tools is None else _written(request.tools, request.form, target, report)
    config = _config(calling, request)
    if _needs_flag(request, config, target):
        # SERVER-02: without it the two together are refused, and there is nothing else it could mean.
        report.add(f"toolConfig.{_FLAG}", "mapped", "functions beside tools that Gemini runs want it said", to=True)
        config = {**(config or {}), _FLAG: True}
    return EncodedTools(tools=tools, config=config)


def _needs_flag(request: Request, config: JsonObject | None, target: Target) -> bool:
    tools, profile = request.tools or (), target.profile
    if len(tools) < 2 or f"toolConfig.{_FLAG}" in profile.absent_fields:
        return False
    if not target.is_one_of(profile.mixed_tools_models):
        return False
    kinds = {isinstance(tool, FunctionTool) for tool in tools}
    return len(kinds) == 2 and not (config or {}).keys() & {_FLAG, "include_server_side_tool_invocations"}


# ---- tools


def _written(tools: tuple[Tool, ...], form: Form | None, target: Target, report: Report) -> Json:
    absent = target.profile.absent_fields
    looked_into = bool(absent) and any(path.startswith(_FIELD) for path in absent)
    if not isinstance(tools, KnownTools) or is_native(form) or looked_into:
        return _objects(tools, form, target, report)
    key = (NAME, target.profile.tool_name)

    def write(tool: Tool, path: str, told: Report) -> Json:
        return _tool(tool, path, target, told)

    def declared(told: Report) -> Json:
        return written_once([{"functionDeclarations": tools.written(key, write, told)}])

    return tools.once(key, declared, report)


def _objects(tools: tuple[Tool, ...], form: Form | None, target: Target, report: Report) -> list[Json]:
    """The objects of ``tools``: those that the caller wrote, then one with the declarations of other dialects."""
    layout = _layout(form)
    members: list[JsonObject] = [{} for _ in layout]
    added: list[Json] = []
    for index, tool in enumerate(tools):
        place = variant(tool.form, NAME, PLACE)
        own = members[int(place)] if place is not None and int(place) < len(members) else None
        body = _tool(tool, f"tools[{index}]", target, report)
        if isinstance(tool, FunctionTool):
            declared = added if own is None else own.setdefault("functionDeclarations", [])
            if isinstance(declared, list):
                declared.append(body)
        elif own is None:
            members.append(body)
        else:
            own.update(body)
    objects: list[Json] = [_laid_out(fields, shape) for fields, shape in zip(members, layout, strict=False)]
    declared_here: list[Json] = [{"functionDeclarations": added}] if added else []
    return [*objects, *declared_here, *members[len(layout) :]]


def _layout(form: Form | None) -> list[Form]:
    text = variant(form, NAME, "tools")
    try:
        shapes = loads(text) if text is not None else []
    except JsonError:
        return []
    forms = [form_of(dumps_text(shape)) for shape in shapes] if isinstance(shapes, list) else []
    return [shape for shape in forms if shape is not None]


def _laid_out(fields: JsonObject, shape: Form) -> JsonObject:
    if was_written(shape, "functionDeclarations"):
        fields.setdefault("functionDeclarations", [])
    return written(fields, {}, shape)


def _tool(tool: Tool, path: str, target: Target, report: Report) -> JsonObject:
    match tool:
        case ProviderTool(dialect=dialect):
            if dialect == NAME:
                check_is_there(tool, path, target)
                return tool.value
            # Leaving it out would make the model answer without what the caller counts on (SERVER-04).
            raise UnsupportedError(f"{path}: {NAME} has no tool {tool.type!r} of {tool.dialect}", path=path)
        case FunctionTool():
            report_foreign_ext(tool.ext, path, report)
            return _declaration(tool, path, target, report)


def _declaration(tool: FunctionTool, path: str, target: Target, report: Report) -> JsonObject:
    if is_native(tool.form):
        key = "parameters" if tool.schema_grammar == "gemini_schema" else "parametersJsonSchema"
        fields: JsonObject = {"name": tool.name, "description": tool.description, key: tool.schema}
        return written(fields, tool.ext, tool.form)
    check_tool_name(tool.name, target.profile.tool_name, f"{path}.name")
    if tool.strict is True:
        reason = "Gemini has no strict declarations; mode VALIDATED holds calls to their schemas"
        report.add(f"{path}.strict", "dropped", reason, from_=True)
    description = described_grammar(tool, path, report) if tool.kind == "custom" else tool.description
    fields = {"name": tool.name, "description": description, "parametersJsonSchema": _parameters(tool, path, report)}
    return written(fields, tool.ext, None)


def _parameters(tool: FunctionTool, path: str, report: Report) -> JsonObject | None:
    """The schema in the field that takes JSON Schema whole (SCHEMA-01 to SCHEMA-08); none for no parameters."""
    if tool.kind == "custom":
        report.add(path, "mapped", "a free-text tool is a function with one string here", from_="custom", to="function")
        return {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    root = object_root(tool.schema)
    if root is None:
        # One bad tool is refused by name rather than by an index of the provider's (SCHEMA-22).
        message = f"{path}: the parameters of tool {tool.name!r} must be an object at their root"
        raise InvalidRequestError(message, path=path)
    if root.loosened is not None:
        report.add(f"{path}.parameters", "downgraded", root.loosened)
    if _is_empty(root.schema):
        # Google refuses an object without properties; leaving it out says the same (SCHEMA-09).
        return None
    schema = typed_enums(itemised_arrays(root.schema))
    return schema if isinstance(schema, dict) else None


def _is_empty(schema: JsonObject) -> bool:
    """Whether nothing can be given: no properties by name, by pattern or of any name that was said to be allowed."""
    allowed = schema.get("additionalProperties")
    open_map = allowed is True or (isinstance(allowed, dict) and bool(allowed))
    return (
        not schema.get("properties") and not schema.get("patternProperties") and not open_map and "$ref" not in schema
    )


# ---- choice


def _config(calling: JsonObject | None, request: Request) -> JsonObject | None:
    form = kept_form(request.form, "toolConfig")
    if form is not None:
        return written({"functionCallingConfig": calling}, inner_ext(request.ext, "toolConfig"), form)
    return None if calling is None else {"functionCallingConfig": calling}


def _calling_config(choice: ToolChoice, tools: tuple[Tool, ...], report: Report) -> JsonObject | None:
    if is_native(choice.form):
        return _native_config(choice)
    if choice.ext:
        report_foreign_ext(choice.ext, "tool_choice", report)
    if not tools:
        report_without_tools(choice, report)
        return None
    if choice.parallel is False:
        # Never pretend (CHOICE-10).
        report.add("parallel_tool_calls", "dropped", "Gemini has no such switch: several calls may come", from_=False)
    if choice.names:
        _check_names(tools, choice)
    return _mode(choice, report)


def _native_config(choice: ToolChoice) -> JsonObject:
    said = extended(choice.ext, NAME).get("mode")
    word = said if isinstance(said, str) else variant(choice.form, NAME, "mode")
    names: list[Json] = list(choice.names)
    fields: JsonObject = {
        "mode": word if word is not None and MODES.get(word.upper()) == choice.mode else _WORDS.get(choice.mode),
        "allowedFunctionNames": names if names or was_written(choice.form, "allowedFunctionNames") else None,
    }
    return written(fields, choice.ext, choice.form)


_WORDS: Final[dict[ChoiceMode | None, str]] = {"auto": "AUTO", "none": "NONE", "required": "ANY"}


def _mode(choice: ToolChoice, report: Report) -> JsonObject | None:
    """Modes by Google's words (https://ai.google.dev/gemini-api/docs/function-calling#function_calling_modes)."""
    names: list[Json] = list(choice.names)
    allowed: JsonObject = {"allowedFunctionNames": names} if names else {}
    match choice.mode:
        case "none":
            return {"mode": "NONE"}
        case "required":
            return {"mode": "ANY", **allowed}
        case "auto" if names:
            # AUTO takes no names.
            report.add("tool_choice", "mapped", "an allowed subset that may be used is VALIDATED here", to="VALIDATED")
            return {"mode": "VALIDATED", **allowed}
        case "auto":
            return {"mode": "AUTO"}
        case None:
            return None


def _check_names(tools: tuple[Tool, ...], choice: ToolChoice) -> None:
    offered = {tool.name for tool in tools if isinstance(tool, FunctionTool)}
    for name in choice.names:
        if name not in offered:
            raise InvalidRequestError(f"tool_choice: there is no tool {name!r} in tools", path="tool_choice")
