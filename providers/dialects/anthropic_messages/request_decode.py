"""A Messages request to the canonical form."""

from providers.dialects.anthropic_messages.blocks_decode import decode_content
from providers.dialects.anthropic_messages.grammar import NAME
from providers.spec.errors import InvalidRequestError
from providers.spec.parts import Origin, Part, TextPart, ToolResultPart
from providers.spec.request import (
    ChoiceMode,
    FunctionTool,
    Message,
    OutputFormat,
    ProviderTool,
    Reasoning,
    Request,
    Role,
    Tool,
    ToolChoice,
)
from providers.spec.values import Ext, Form, Json, JsonObject
from providers.wire.beside import attach_carried
from providers.wire.json import dumps_text, type_name
from providers.wire.reader import Reader

_ORIGIN = Origin(dialect=NAME)


def decode_request(body: JsonObject) -> Request:
    """One request. Raises InvalidRequestError with the JSON path for wrong types; unknown fields are carried."""
    reader = Reader(body, "", NAME)
    messages = [*_system(reader), *_messages(reader)]
    output_config = _OutputConfig(reader)
    return Request(
        messages=tuple(messages),
        model=reader.text("model") or "",
        tools=_tools(reader),
        tool_choice=_tool_choice(reader),
        stream=reader.boolean("stream"),
        max_output_tokens=reader.integer("max_tokens"),
        temperature=reader.number("temperature"),
        top_p=reader.number("top_p"),
        top_k=reader.integer("top_k"),
        stop=_stop(reader),
        reasoning=_reasoning(reader, output_config.effort),
        output=output_config.format or _legacy_format(reader),
        ext=_with_config_rest(reader.rest(), output_config.rest),
        form=reader.form(),
    )


def _with_config_rest(ext: Ext, rest: JsonObject) -> Ext:
    return {NAME: {**ext.get(NAME, {}), "output_config": rest}} if rest else ext


# ---- messages


def _system(reader: Reader) -> list[Message]:
    """The ``system`` field as a leading message; the form says that it stood apart."""
    value = reader.take("system")
    if value is None:
        return []
    if isinstance(value, str):
        return [_system_message((TextPart(text=value),), "text")]
    if not isinstance(value, list):
        raise InvalidRequestError(f"system: expected a string or an array, got {type_name(value)}", path="system")
    return [_system_message(tuple(decode_content(value, "system", _ORIGIN)), "blocks")]


def _system_message(parts: tuple[Part, ...], spelling: str) -> Message:
    return Message(role="system", parts=parts, form=Form(dialect=NAME, variants={"system": spelling}))


def _messages(reader: Reader) -> list[Message]:
    values = reader.required_array("messages")
    return [_message(value, f"messages[{index}]") for index, value in enumerate(values)]


def _message(value: Json, path: str) -> Message:
    reader = Reader(value, path, NAME)
    role = reader.required_text("role")
    parts = _message_content(reader)
    return Message(role=_role(role, parts, reader.at("role")), parts=parts, ext=reader.rest(), form=reader.form())


def _message_content(reader: Reader) -> tuple[Part, ...]:
    value = reader.take("content")
    path = reader.at("content")
    if isinstance(value, str):
        reader.variants["content"] = "text"
        return (TextPart(text=value),)
    if not isinstance(value, list):
        raise InvalidRequestError(f"{path}: expected a string or an array, got {type_name(value)}", path=path)
    return attach_carried(decode_content(value, path, _ORIGIN))


def _role(role: str, parts: tuple[Part, ...], path: str) -> Role:
    match role:
        case "user":
            results = bool(parts) and all(isinstance(part, ToolResultPart) for part in parts)
            return "tool" if results else "user"
        case "assistant":
            return "assistant"
        case "system":
            return "system"
        case _:
            raise InvalidRequestError(f"{path}: unknown role {role!r}", path=path)


# ---- tools


def _tools(reader: Reader) -> tuple[Tool, ...] | None:
    values = reader.array("tools")
    if values is None:
        return None
    return tuple(_tool(value, f"tools[{index}]") for index, value in enumerate(values))


def _tool(value: Json, path: str) -> Tool:
    reader = Reader(value, path, NAME)
    kind = reader.text("type")
    if kind is not None and kind != "custom" and isinstance(value, dict):
        return ProviderTool(dialect=NAME, type=kind, name=reader.text("name"), value=value)
    name = reader.required_text("name")
    description = reader.text("description")
    schema = reader.take("input_schema")
    if schema is not None and not isinstance(schema, dict | bool):
        at = reader.at("input_schema")
        raise InvalidRequestError(f"{at}: expected an object, got {type_name(schema)}", path=at)
    return FunctionTool(
        name=name,
        description=description,
        schema=schema,
        strict=reader.boolean("strict"),
        ext=reader.rest(),
        form=reader.form(),
    )


def _tool_choice(reader: Reader) -> ToolChoice | None:
    choice = reader.nested("tool_choice")
    if choice is None:
        return None
    kind = choice.required_text("type")
    single = choice.boolean("disable_parallel_tool_use")
    parallel = None if single is None else not single
    names: tuple[str, ...] = ()
    mode: ChoiceMode
    match kind:
        case "auto":
            mode = "auto"
        case "none":
            mode = "none"
        case "any":
            mode = "required"
        case "tool":
            mode = "required"
            names = (choice.required_text("name"),)
        case _:
            at = choice.at("type")
            raise InvalidRequestError(f"{at}: unknown choice {kind!r}", path=at)
    return ToolChoice(mode=mode, names=names, parallel=parallel, ext=choice.rest(), form=choice.form())


def _stop(reader: Reader) -> tuple[str, ...] | None:
    values = reader.array("stop_sequences")
    if values is None:
        return None
    for index, value in enumerate(values):
        if not isinstance(value, str):
            path = f"stop_sequences[{index}]"
            raise InvalidRequestError(f"{path}: expected a string, got {type_name(value)}", path=path)
    return tuple(value for value in values if isinstance(value, str))


# ---- reasoning and output


class _OutputConfig:
    """What ``output_config`` holds; the order of its keys is remembered in the request's form."""

    def __init__(self, request: Reader) -> None:
        self.effort: str | None = None
        self.format: OutputFormat | None = None
        self.rest: JsonObject = {}
        reader = request.nested("output_config")
        if reader is None:
            return
        self.effort = reader.text("effort")
        format_reader = reader.nested("format")
        if format_reader is not None:
            self.format = _format(format_reader)
        form = reader.form()
        self.rest = {**reader.rest().get(NAME, {}), **dict.fromkeys(form.nulls)}
        request.variants["output_config"] = dumps_text(list(form.keys))


def _legacy_format(reader: Reader) -> OutputFormat | None:
    """``output_format``, the field's name during its beta; carried where ``output_config.format`` is there too."""
    nested = reader.nested("output_format")
    if nested is None:
        return None
    reader.variants["output"] = "output_format"
    return _format(nested)


def _format(reader: Reader) -> OutputFormat:
    kind = reader.required_text("type")
    if kind != "json_schema":
        at = reader.at("type")
        raise InvalidRequestError(f"{at}: unknown format {kind!r}", path=at)
    return OutputFormat(kind="json_schema", schema=reader.take("schema"), ext=reader.rest(), form=reader.form())


def _reasoning(reader: Reader, effort: str | None) -> Reasoning | None:
    thinking = reader.nested("thinking")
    if thinking is None:
        return None if effort is None else Reasoning(effort=effort, form=Form(dialect=NAME))
    kind = thinking.required_text("type")
    # The kind is kept as spelled: there are more than the three that have a canonical word.
    thinking.variants["type"] = kind
    return Reasoning(
        enabled=kind != "disabled",
        adaptive=kind == "adaptive",
        budget_tokens=thinking.integer("budget_tokens"),
        show=thinking.text("display"),
        effort=effort,
        ext=thinking.rest(),
        form=thinking.form(),
    )
