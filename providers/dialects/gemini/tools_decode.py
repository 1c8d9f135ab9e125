"""Tools and tool choice of a request to the canonical form."""

from typing import Final

from providers.dialects.gemini.grammar import NAME
from providers.dialects.gemini.reader import GeminiReader, merged
from providers.spec.errors import InvalidRequestError
from providers.spec.request import ChoiceMode, FunctionTool, ProviderTool, Tool, ToolChoice
from providers.spec.values import Form, Json, JsonObject
from providers.wire.json import dumps_text, type_name

MODES: Final[dict[str, ChoiceMode | None]] = {
    "AUTO": "auto",
    "ANY": "required",
    "NONE": "none",
    "VALIDATED": "auto",
    "MODE_UNSPECIFIED": None,
}

PLACE: Final = "tool"
"""In the form of a tool: the index of the object in ``tools`` that it stood in."""


def decode_tools(request: GeminiReader) -> tuple[Tool, ...] | None:
    """Every declaration and every server tool in order; the request's form remembers which object held which.

    A server tool's value is its member of that object: ``{"googleSearch": {}}``.
    """
    objects = request.array("tools")
    if objects is None:
        return None
    tools: list[Tool] = []
    layout: list[Json] = []
    for index, value in enumerate(objects):
        reader = GeminiReader(value, f"tools[{index}]", NAME)
        form = reader.form()
        for key in form.keys:
            tools += _member(reader, key, str(index))
        layout.append({"keys": list(form.keys), "nulls": list(reader.form().nulls)})
    request.variants["tools"] = dumps_text(layout)
    return tuple(tools)


def _member(reader: GeminiReader, key: str, place: str) -> list[Tool]:
    if key == reader.spelling("functionDeclarations"):
        values = reader.array("functionDeclarations") or []
        return [_function(value, f"{reader.at(key)}[{index}]", place) for index, value in enumerate(values)]
    value = reader.take(key)
    if value is None:
        return []
    form = Form(dialect=NAME, variants={PLACE: place})
    return [ProviderTool(dialect=NAME, type=_camel_case(key), value={key: value}, form=form)]


def _camel_case(key: str) -> str:
    first, *others = key.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def _function(value: Json, path: str, place: str) -> FunctionTool:
    reader = GeminiReader(value, path, NAME)
    name = reader.required_text("name")
    description = reader.text("description")
    in_gemini = reader.has("parameters")
    key = "parameters" if in_gemini else "parametersJsonSchema"
    schema = reader.take(key)
    if schema is not None and not isinstance(schema, dict | bool):
        raise InvalidRequestError(f"{reader.at(key)}: expected an object, got {type_name(schema)}", path=reader.at(key))
    reader.variants[PLACE] = place
    return FunctionTool(
        name=name,
        description=description,
        schema=schema,
        schema_grammar="gemini_schema" if in_gemini else "json_schema",
        ext=reader.rest(),
        form=reader.form(),
    )


def decode_choice(request: GeminiReader) -> tuple[ToolChoice | None, JsonObject]:
    """The choice, and what is carried of ``toolConfig`` beside it.

    ``VALIDATED`` is ``auto`` with calls held to their schemas; the word is carried, so that its loss is reported.
    """
    config = request.nested("toolConfig")
    if config is None:
        return None, {}
    calling = config.nested("functionCallingConfig")
    choice = None if calling is None else _choice(calling)
    return choice, request.keep("toolConfig", config)


def _choice(calling: GeminiReader) -> ToolChoice:
    word = calling.text("mode")
    mode = None if word is None else _mode(word, calling)
    names = texts(calling, "allowedFunctionNames") or ()
    ext = calling.rest()
    if word is not None and word.upper() not in {"AUTO", "ANY", "NONE"}:
        ext = merged(ext, {"mode": word})
    return ToolChoice(mode=mode, names=names, ext=ext, form=calling.form())


def _mode(word: str, calling: GeminiReader) -> ChoiceMode | None:
    if word.upper() not in MODES:
        raise InvalidRequestError(f"{calling.at('mode')}: unknown mode {word!r}", path=calling.at("mode"))
    calling.variants["mode"] = word
    return MODES[word.upper()]


def texts(reader: GeminiReader, key: str) -> tuple[str, ...] | None:
    """An array of strings, or ``None``. Raises InvalidRequestError for an item of another type."""
    values = reader.array(key)
    if values is None:
        return None
    for index, value in enumerate(values):
        if not isinstance(value, str):
            path = f"{reader.at(key)}[{index}]"
            raise InvalidRequestError(f"{path}: expected a string, got {type_name(value)}", path=path)
    return tuple(value for value in values if isinstance(value, str))
