"""Schemas of the messages and tools of a chat request."""

from collections.abc import Mapping
from typing import Final

from router.documentation.words import (
    Schema,
    any_of,
    array,
    free,
    or_null,
    other,
    record,
    ref,
    switch,
    text,
    typed,
    word,
    words,
)

_STATE: Final = "Opaque state that a model needs back unchanged (signatures, sealed reasoning)."

_CONTENT: Final = any_of("", text(), array(ref("ContentPart")))
_NAME: Final = or_null(text("Who says it."))
_NAMED: Final = record("", "name", name=text())

_PARTS: Final = (
    record("Text.", "type text", type=word("text"), text=text()),
    typed(
        "image_url",
        "An image.",
        record("", "url", url=text("An address, or `data:image/png;base64,…`."), detail=or_null(text())),
    ),
    typed("input_audio", "Sound.", record("", "data", data=text("Base64."), format=or_null(text("`wav`, `mp3`, …")))),
    typed(
        "file",
        "A document.",
        record(
            "",
            file_data=or_null(text("`data:application/pdf;base64,…`.")),
            file_id=or_null(text("A file that the provider has already.")),
            filename=or_null(text()),
        ),
    ),
    record("What the model refused to say.", "type refusal", type=word("refusal"), refusal=text()),
    other(
        "text image_url input_audio file refusal video_url",
        "Another type of part. It goes as it is to providers of this dialect, and is reported where it cannot go.",
    ),
)

_FUNCTION_CALL: Final = record("", "name arguments", name=text(), arguments=text("JSON, as the model wrote it."))

MESSAGES: Final[Mapping[str, Schema]] = {
    "Message": any_of(
        "One message of the conversation.",
        *map(ref, ("SystemMessage", "UserMessage", "AssistantMessage", "ToolMessage")),
    ),
    "SystemMessage": record(
        "Instructions.", "role content", role=words("system developer"), content=_CONTENT, name=_NAME
    ),
    "UserMessage": record("What the user says.", "role content", role=word("user"), content=_CONTENT, name=_NAME),
    "AssistantMessage": record(
        "An earlier answer: `choices[].message` as it came, with all its fields.",
        "role",
        role=word("assistant"),
        content=or_null(_CONTENT),
        refusal=or_null(text()),
        tool_calls=or_null(array(ref("ToolCall"))),
        reasoning_content=or_null(text("Readable reasoning.")),
        extra_content=or_null(free(_STATE)),
        name=_NAME,
    ),
    "ToolMessage": record(
        "The result of one tool call.",
        "role tool_call_id content",
        role=word("tool"),
        tool_call_id=text("`id` of the call."),
        content=_CONTENT,
    ),
    "ContentPart": any_of("One part of a message.", *_PARTS),
    "ToolCall": any_of(
        "One tool call of the model.",
        record(
            "A call of a function.",
            "id type function",
            id=text("Joins the call and its result."),
            type=word("function"),
            function=_FUNCTION_CALL,
            extra_content=free(_STATE),
        ),
        record(
            "A call of a free-text tool.",
            "id type custom",
            id=text("Joins the call and its result."),
            type=word("custom"),
            custom=record("", "name input", name=text(), input=text()),
            extra_content=free(_STATE),
        ),
    ),
}

TOOLS: Final[Mapping[str, Schema]] = {
    "Tool": any_of(
        "One tool that the model may call.",
        typed(
            "function",
            "A function of the caller's. The router never runs it.",
            record(
                "",
                "name",
                name=text(),
                description=or_null(text()),
                parameters={
                    "type": ["object", "boolean", "null"],
                    "description": "JSON Schema of the arguments. Its order and its number literals are kept.",
                },
                strict=or_null(switch("Whether arguments must fit the schema.")),
            ),
        ),
        typed(
            "custom",
            "A tool that takes free text.",
            record("", "name", name=text(), description=or_null(text()), format={}),
        ),
        other("function custom", "A tool that the provider runs itself, under its own name for it."),
    ),
    "ToolChoice": any_of(
        "Which tools the model may or must call. Where a provider has no such choice, the nearest that it has is sent "
        "and reported in `router.adjustments`.",
        words("auto none required"),
        typed("function", "This function must be called.", _NAMED),
        typed("custom", "This free-text tool must be called.", _NAMED),
        typed(
            "allowed_tools",
            "Only these tools may (`auto`) or must (`required`) be called.",
            record(
                "",
                "mode tools",
                mode=words("auto required"),
                tools=array(any_of("", typed("function", "", _NAMED), typed("custom", "", _NAMED)), minItems=1),
            ),
        ),
    ),
}
