"""Tools and tool choice of a Responses request."""

from typing import Final

from providers.dialects.openai_responses.caller import CallerReader
from providers.dialects.openai_responses.grammar import NAME
from providers.spec.errors import InvalidRequestError
from providers.spec.request import ChoiceMode, FunctionTool, ProviderTool, Tool, ToolChoice
from providers.spec.values import Form, Json, JsonObject
from providers.wire.json import dumps_text, type_name
from providers.wire.reader import Reader

_MODES: Final[dict[str, ChoiceMode]] = {"auto": "auto", "none": "none", "required": "required", "any": "required"}

_CLIENT_TOOLS: Final = frozenset({"function", "custom"})


def decode_tools(reader: Reader) -> tuple[Tool, ...] | None:
    """The ``tools`` field. What is neither a function nor a free-text tool is the provider's."""
    values = reader.array("tools")
    if values is None:
        return None
    return tuple(decode_tool(value, f"tools[{index}]") for index, value in enumerate(values))


def decode_tool(value: Json, path: str) -> Tool:
    """One tool. Raises InvalidRequestError for wrong types, with the JSON path."""
    reader = CallerReader(value, path, NAME)
    kind = reader.required_text("type")
    match kind:
        case "function":
            return _function(reader)
        case "custom":
            return FunctionTool(
                name=reader.required_text("name"),
                description=reader.text("description"),
                kind="custom",
                grammar=reader.take("format"),
                ext=reader.rest(),
                form=reader.form(),
            )
        case _:
            whole: JsonObject = value if isinstance(value, dict) else {}
            return ProviderTool(dialect=NAME, type=kind, name=reader.text("name"), value=whole)


def _function(reader: Reader) -> FunctionTool:
    schema = reader.take("parameters")
    if schema is not None and not isinstance(schema, dict | bool):
        at = reader.at("parameters")
        raise InvalidRequestError(f"{at}: expected an object, got {type_name(schema)}", path=at)
    return FunctionTool(
        name=reader.required_text("name"),
        description=reader.text("description"),
        schema=schema,
        strict=reader.boolean("strict"),
        ext=reader.rest(),
        form=reader.form(),
    )


def decode_choice(reader: Reader) -> ToolChoice | None:
    """``tool_choice`` and ``parallel_tool_calls`` together."""
    parallel = reader.boolean("parallel_tool_calls")
    value = reader.take("tool_choice")
    if value is None:
        return None if parallel is None else ToolChoice(parallel=parallel, form=Form(dialect=NAME))
    if isinstance(value, str):
        mode = _MODES.get(value)
        if mode is None:
            raise InvalidRequestError(f"tool_choice: unknown choice {value!r}", path="tool_choice")
        return ToolChoice(mode=mode, parallel=parallel, form=Form(dialect=NAME, variants={"choice": value}))
    return _object_choice(CallerReader(value, "tool_choice", NAME), parallel)


def _object_choice(reader: Reader, parallel: bool | None) -> ToolChoice:
    kind = reader.required_text("type")
    reader.variants["choice"] = kind
    names: tuple[str, ...] = ()
    mode: ChoiceMode = "required"
    match kind:
        # The type of Anthropic's spelling is taken for the same (CHOICE-02).
        case "function" | "custom" | "tool":
            names = (reader.required_text("name"),)
        case "allowed_tools":
            mode, names = _allowed(reader)
        case "auto" | "none" | "required" | "any":
            mode = _MODES[kind]
        case _:
            # A tool of the provider's: named by its type, and perhaps by a server or a name.
            pass
    return ToolChoice(mode=mode, names=names, parallel=parallel, ext=reader.rest(), form=reader.form())


def _allowed(reader: Reader) -> tuple[ChoiceMode, tuple[str, ...]]:
    mode = _MODES.get(reader.required_text("mode"))
    if mode is None:
        raise InvalidRequestError("tool_choice.mode: expected auto or required", path="tool_choice.mode")
    values = reader.required_array("tools")
    reader.variants["tools"] = dumps_text(values)
    names: list[str] = []
    for index, value in enumerate(values):
        tool = CallerReader(value, f"tool_choice.tools[{index}]", NAME)
        if tool.required_text("type") in _CLIENT_TOOLS:
            names.append(tool.required_text("name"))
    return mode, tuple(names)
