"""Tools and tool choice of a chat request, every spelling that clients use."""

from typing import Final

from providers.dialects.openai_chat.caller import CallerReader, rest_with
from providers.dialects.openai_chat.grammar import NAME
from providers.spec.errors import InvalidRequestError
from providers.spec.request import ChoiceMode, FunctionTool, ProviderTool, Tool, ToolChoice
from providers.spec.values import Json, JsonObject
from providers.wire.json import type_name
from providers.wire.reader import Reader

_MODES: Final[dict[str, ChoiceMode]] = {"auto": "auto", "none": "none", "required": "required", "any": "required"}
"""The words for a choice. ``any`` is Mistral's and Anthropic's for ``required`` (CHOICE-02)."""


def decode_tools(reader: Reader) -> tuple[Tool, ...] | None:
    """``tools``, or the ``functions`` of the time before them. Raises InvalidRequestError with the JSON path."""
    if not reader.has("tools") and reader.has("functions"):
        reader.variants["tools"] = "functions"
        legacy = reader.array("functions") or []
        return tuple(_legacy(value, f"functions[{index}]") for index, value in enumerate(legacy))
    values = reader.array("tools")
    return None if values is None else tuple(_tool(value, f"tools[{index}]") for index, value in enumerate(values))


def _legacy(value: Json, path: str) -> FunctionTool:
    reader = CallerReader(value, path, NAME)
    name, description, schema = reader.required_text("name"), reader.text("description"), _schema(reader)
    return FunctionTool(name=name, description=description, schema=schema, ext=reader.rest(), form=reader.form())


def _tool(value: Json, path: str) -> Tool:
    reader = CallerReader(value, path, NAME)
    kind = reader.text("type")
    if kind == "custom":
        return _custom(reader)
    if kind not in {None, "function"} and isinstance(value, dict):
        return ProviderTool(dialect=NAME, type=kind or "", name=reader.text("name"), value=value)
    inner = reader.nested("function")
    if inner is None:
        if not reader.has("name"):
            raise InvalidRequestError(f"{path}.function: required", path=f"{path}.function")
        # The flat form of Responses, which clients mix up with this one.
        reader.variants["shape"] = "flat"
        inner = reader
    name = inner.required_text("name")
    description, schema, strict = inner.text("description"), _schema(inner), inner.boolean("strict")
    ext = reader.rest() if inner is reader else rest_with(reader, "function", inner)
    return FunctionTool(name=name, description=description, schema=schema, strict=strict, ext=ext, form=reader.form())


def _custom(reader: Reader) -> FunctionTool:
    inner = reader.nested("custom")
    if inner is None:
        raise InvalidRequestError(f"{reader.at('custom')}: required", path=reader.at("custom"))
    name, description, grammar = inner.required_text("name"), inner.text("description"), inner.take("format")
    ext = rest_with(reader, "custom", inner)
    return FunctionTool(name=name, description=description, kind="custom", grammar=grammar, ext=ext, form=reader.form())


def _schema(reader: Reader) -> JsonObject | bool | None:
    schema = reader.take("parameters")
    if schema is not None and not isinstance(schema, dict | bool):
        at = reader.at("parameters")
        raise InvalidRequestError(f"{at}: expected an object, got {type_name(schema)}", path=at)
    return schema


# ---- choice


def decode_choice(reader: Reader) -> ToolChoice | None:
    """``tool_choice`` (or ``function_call``) and ``parallel_tool_calls``. Raises InvalidRequestError."""
    parallel = reader.boolean("parallel_tool_calls")
    field = "tool_choice"
    if not reader.has(field) and reader.variants.get("tools") == "functions" and reader.has("function_call"):
        reader.variants["choice"] = field = "function_call"
    value = reader.take(field)
    match value:
        case None:
            return None if parallel is None else ToolChoice(parallel=parallel)
        case str() if value in _MODES:
            if value == "any":
                reader.variants["any"] = "any"
            return ToolChoice(mode=_MODES[value], parallel=parallel)
        case dict():
            return _object_choice(CallerReader(value, reader.at(field), NAME), parallel)
        case _:
            at = reader.at(field)
            told = f"unknown choice {value!r}" if isinstance(value, str) else f"got {type_name(value)}"
            raise InvalidRequestError(f"{at}: expected auto, none, required or an object, {told}", path=at)


def _object_choice(reader: Reader, parallel: bool | None) -> ToolChoice:
    kind = reader.text("type")
    if kind == "allowed_tools":
        return _allowed(reader, parallel)
    if kind in _MODES and not reader.has("name"):
        # Anthropic's spelling: {"type": "any"} (CHOICE-02).
        reader.variants["shape"] = "typed"
        return ToolChoice(mode=_MODES[kind], parallel=parallel, ext=reader.rest(), form=reader.form())
    name, ext = _named(reader)
    return ToolChoice(mode="required", names=(name,), parallel=parallel, ext=ext, form=reader.form())


def _named(reader: Reader) -> tuple[str, dict[str, JsonObject]]:
    """The forced tool: nested in ``function`` or ``custom``, or flat as in Responses and Messages."""
    for field in ("function", "custom"):
        inner = reader.nested(field)
        if inner is not None:
            name = inner.required_text("name")
            return name, rest_with(reader, field, inner)
    reader.variants["shape"] = "flat"
    return reader.required_text("name"), reader.rest()


def _allowed(reader: Reader, parallel: bool | None) -> ToolChoice:
    inner = reader.nested("allowed_tools")
    if inner is None:
        reader.variants["shape"] = "flat"
        inner = reader
    word = inner.required_text("mode")
    if word not in _MODES or word == "none":
        raise InvalidRequestError(f"{inner.at('mode')}: expected auto or required", path=inner.at("mode"))
    tools = inner.required_array("tools")
    names = tuple(_allowed_name(value, f"{inner.at('tools')}[{index}]") for index, value in enumerate(tools))
    if not names:
        raise InvalidRequestError(f"{inner.at('tools')}: at least one tool is needed", path=inner.at("tools"))
    ext = reader.rest() if inner is reader else rest_with(reader, "allowed_tools", inner)
    return ToolChoice(mode=_MODES[word], names=names, parallel=parallel, ext=ext, form=reader.form())


def _allowed_name(value: Json, path: str) -> str:
    reader = CallerReader(value, path, NAME)
    kind = reader.text("type")
    if kind not in {None, "function", "custom"}:
        raise InvalidRequestError(
            f"{path}.type: only function and custom tools can be allowed here", path=f"{path}.type"
        )
    inner = reader.nested("custom" if kind == "custom" else "function")
    return (inner or reader).required_text("name")
