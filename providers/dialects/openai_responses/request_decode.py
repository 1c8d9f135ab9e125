"""A Responses request to the canonical form."""

from providers.dialects.openai_responses.caller import CallerReader, take_defaults
from providers.dialects.openai_responses.grammar import NAME
from providers.dialects.openai_responses.history_decode import decode_input, decode_instructions
from providers.dialects.openai_responses.tools_decode import decode_choice, decode_tools
from providers.spec.errors import InvalidRequestError
from providers.spec.request import OutputFormat, Reasoning, Request
from providers.spec.values import Ext, JsonObject
from providers.wire.json import dumps_text
from providers.wire.reader import Reader


def decode_request(body: JsonObject) -> Request:
    """One request. Raises InvalidRequestError with the JSON path for wrong types; unknown fields are carried.

    References to what the provider stores are carried too: whether a caller may make them is for ``check_stateless``.
    """
    reader = CallerReader(body, "", NAME)
    take_defaults(reader)
    messages = [*decode_instructions(reader), *decode_input(reader)]
    text = _Text(reader)
    return Request(
        messages=tuple(messages),
        model=reader.text("model") or "",
        tools=decode_tools(reader),
        tool_choice=decode_choice(reader),
        stream=reader.boolean("stream"),
        max_output_tokens=reader.integer("max_output_tokens"),
        temperature=reader.number("temperature"),
        top_p=reader.number("top_p"),
        reasoning=_reasoning(reader),
        output=text.format,
        ext=_with_text_rest(reader.rest(), text.rest),
        form=reader.form(),
    )


def _with_text_rest(ext: Ext, rest: JsonObject) -> Ext:
    return {NAME: {**ext.get(NAME, {}), "text": rest}} if rest else ext


class _Text:
    """What ``text`` holds; the order of its keys is remembered in the request's form."""

    def __init__(self, request: Reader) -> None:
        self.format: OutputFormat | None = None
        self.rest: JsonObject = {}
        reader = request.nested("text")
        if reader is None:
            return
        nested = reader.nested("format")
        if nested is not None:
            self.format = _format(nested)
        rest = reader.rest().get(NAME, {})
        form = reader.form()
        self.rest = {**rest, **dict.fromkeys(form.nulls)}
        request.variants["text"] = dumps_text(list(form.keys))


def _format(reader: Reader) -> OutputFormat:
    kind = reader.required_text("type")
    match kind:
        case "text":
            return OutputFormat(kind="text", ext=reader.rest(), form=reader.form())
        case "json_object":
            return OutputFormat(kind="json", ext=reader.rest(), form=reader.form())
        case "json_schema":
            return OutputFormat(
                kind="json_schema",
                name=reader.text("name"),
                description=reader.text("description"),
                schema=reader.take("schema"),
                strict=reader.boolean("strict"),
                ext=reader.rest(),
                form=reader.form(),
            )
        case _:
            at = reader.at("type")
            raise InvalidRequestError(f"{at}: unknown format {kind!r}", path=at)


def _reasoning(reader: Reader) -> Reasoning | None:
    nested = reader.nested("reasoning")
    if nested is None:
        return None
    effort = nested.text("effort")
    show = nested.text("summary")
    if show is None and "summary" not in nested.form().nulls:
        # The field's name before it was `summary`.
        show = nested.text("generate_summary")
        nested.variants["summary"] = "generate_summary"
    return Reasoning(effort=effort, show=show, ext=nested.rest(), form=nested.form())
