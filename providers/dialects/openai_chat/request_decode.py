"""A chat request to the canonical form."""

from typing import Final, Literal

import msgspec

from providers.dialects.openai_chat.caller import CallerReader, rest_with, take_defaults
from providers.dialects.openai_chat.grammar import NAME, note_inner
from providers.dialects.openai_chat.messages_decode import decode_messages
from providers.dialects.openai_chat.tools_decode import decode_choice, decode_tools
from providers.spec.errors import InvalidRequestError
from providers.spec.request import OutputFormat, Reasoning, Request, ToolChoice
from providers.spec.values import Form, JsonObject
from providers.wire.json import type_name
from providers.wire.reader import Reader

_OUTPUT_KINDS: Final[dict[str, Literal["text", "json"]]] = {"text": "text", "json_object": "json"}


def decode_request(body: JsonObject) -> Request:
    """One request. Raises InvalidRequestError with the JSON path for wrong types; unknown fields are carried."""
    reader = CallerReader(body, "", NAME)
    take_defaults(reader)
    tools = decode_tools(reader)
    choice = decode_choice(reader)
    if tools and reader.variants.get("tools") == "functions" and (choice is None or choice.parallel is None):
        # ``function_call`` holds one call (HIST-10).
        reader.variants["parallel"] = "implied"
        choice = msgspec.structs.replace(choice or ToolChoice(), parallel=False)
    return Request(
        messages=decode_messages(reader.required_array("messages")),
        model=reader.text("model") or "",
        tools=tools,
        tool_choice=choice,
        stream=reader.boolean("stream"),
        stream_usage=_stream_usage(reader),
        max_output_tokens=_limit(reader),
        temperature=reader.number("temperature"),
        top_p=reader.number("top_p"),
        top_k=reader.integer("top_k"),
        stop=_stop(reader),
        seed=reader.integer("seed"),
        presence_penalty=reader.number("presence_penalty"),
        frequency_penalty=reader.number("frequency_penalty"),
        candidates=reader.integer("n"),
        reasoning=_reasoning(reader),
        output=_output(reader),
        ext=reader.rest(),
        form=reader.form(),
    )


def _stream_usage(reader: Reader) -> bool | None:
    options = reader.nested("stream_options")
    if options is None:
        return None
    wanted = options.boolean("include_usage")
    rest = options.rest().get(NAME)
    form = options.form()
    note_inner(reader.variants, "stream_options", dict.fromkeys(form.keys), form.nulls)
    if rest:
        reader.give_back("stream_options", rest)
    return wanted


def _limit(reader: Reader) -> int | None:
    """The limit under either name (PARAM-02); where both stand, the older one is carried."""
    for field in ("max_completion_tokens", "max_tokens"):
        if reader.has(field):
            reader.variants["limit"] = field
            return reader.integer(field)
    return None


def _stop(reader: Reader) -> tuple[str, ...] | None:
    value = reader.take("stop")
    match value:
        case None:
            return None
        case str():
            reader.variants["stop"] = "text"
            return (value,)
        case list():
            for index, item in enumerate(value):
                if not isinstance(item, str):
                    path = f"stop[{index}]"
                    raise InvalidRequestError(f"{path}: expected a string, got {type_name(item)}", path=path)
            return tuple(item for item in value if isinstance(item, str))
        case _:
            raise InvalidRequestError(f"stop: expected a string or an array, got {type_name(value)}", path="stop")


def _reasoning(reader: Reader) -> Reasoning | None:
    """How much to think, under the name that the host gives it: OpenAI's, OpenRouter's, or DeepSeek's."""
    effort = reader.text("reasoning_effort")
    if effort is not None:
        return Reasoning(enabled=effort != "none", effort=effort, form=_spelled("reasoning_effort"))
    if isinstance(reader.peek("reasoning"), dict):
        return _from_object(reader, "reasoning")
    if isinstance(reader.peek("thinking"), dict):
        return _from_object(reader, "thinking")
    return None


def _from_object(reader: Reader, field: str) -> Reasoning:
    inner = reader.nested(field)
    assert inner is not None  # noqa: S101  # the caller has seen that it is an object
    enabled, kind = inner.boolean("enabled"), inner.text("type")
    budget_field = "max_tokens" if field == "reasoning" else "budget_tokens"
    budget, effort = inner.integer(budget_field), inner.text("effort")
    if kind is not None:
        enabled = kind != "disabled"
    ext, form = inner.rest(), inner.form()
    variants = {"field": field, **({"type": kind} if kind is not None else {})}
    return Reasoning(
        enabled=enabled if enabled is not None or effort is None else effort != "none",
        effort=effort,
        budget_tokens=budget,
        adaptive=kind == "adaptive",
        ext=ext,
        form=Form(dialect=NAME, keys=form.keys, nulls=form.nulls, variants=variants),
    )


def _spelled(field: str) -> Form:
    return Form(dialect=NAME, variants={"field": field})


def _output(reader: Reader) -> OutputFormat | None:
    outer = reader.nested("response_format")
    if outer is None:
        return None
    kind = outer.required_text("type")
    if kind in _OUTPUT_KINDS:
        return OutputFormat(kind=_OUTPUT_KINDS[kind], ext=outer.rest(), form=outer.form())
    if kind != "json_schema":
        at = outer.at("type")
        raise InvalidRequestError(f"{at}: unknown format {kind!r}", path=at)
    inner = outer.nested("json_schema")
    if inner is None:
        raise InvalidRequestError(f"{outer.at('json_schema')}: required", path=outer.at("json_schema"))
    name, description = inner.text("name"), inner.text("description")
    schema, strict = inner.take("schema"), inner.boolean("strict")
    ext = rest_with(outer, "json_schema", inner)
    return OutputFormat(
        kind="json_schema",
        name=name,
        description=description,
        schema=schema,
        strict=strict,
        ext=ext,
        form=outer.form(),
    )
