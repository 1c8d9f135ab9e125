"""The paths of the other dialects: their bodies are their own vendors' to describe, and are shown short here."""

from collections.abc import Mapping
from typing import Any, Final

from providers.dialects import DIALECTS
from router.documentation.error_examples import ERRORS, errors_in
from router.documentation.examples import Examples
from router.documentation.face_examples import EXPLANATION, answer_in, stream_in
from router.documentation.operations import CHAT, Operation, Responses, error_responses
from router.documentation.words import Schema, array, integer, record, ref, switch, text

_MESSAGES: Final = DIALECTS["anthropic-messages"].encode_error
_GEMINI: Final = DIALECTS["google-generate-content"].encode_error
_RESPONSES: Final = DIALECTS["openai-responses"].encode_error

_TOOL_SCHEMA: Final = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_QUESTION: Final = "What is in this folder?"

_HEADERS: Final = (
    "The router's own options are headers here (`x-router-on-loss`, `x-router-tool-validation`, `x-router-fallbacks`), "
    "or a `router` object in the body; what it has to say of the answer is in the header `x-router`, and the number of "
    "adjustments in `x-router-adjustments`."
)


_ANY: Final[Schema] = {}
"""Whatever the vendor's own reference says."""


def _shown(value: Any) -> Examples:
    return {"question": {"summary": "Answered by the scripted provider", "value": value}}


def _json(schema: Schema, value: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema, "examples": _shown(value)}}


def _stream(description: str, value: str) -> dict[str, Any]:
    schema = {"type": "string", "description": description}
    return {"text/event-stream": {"schema": schema, "examples": {"streamed": {"summary": "Streamed", "value": value}}}}


FACES: Final[dict[str, Schema]] = {
    "MessagesRequest": record(
        "A request as Anthropic's API reference describes it.",
        "model messages max_tokens",
        model=text("`provider/model`, or an alias."),
        max_tokens=integer(),
        system=_ANY,
        messages=array(_ANY),
        tools=array(_ANY),
        tool_choice=_ANY,
        stream=switch(),
    ),
    "MessageTokensRequest": record(
        "The same without what is about the answer.",
        "model messages",
        model=text("`provider/model`, or an alias."),
        system=_ANY,
        messages=array(_ANY),
        tools=array(_ANY),
        tool_choice=_ANY,
        thinking=_ANY,
    ),
    "MessageTokens": record("The count.", "input_tokens", input_tokens=integer()),
    "MessagesAnswer": record(
        "A message.",
        "id type role content model usage",
        id=text(),
        type=text(),
        role=text(),
        model=text(),
        content=array(_ANY),
        stop_reason=_ANY,
        usage=_ANY,
    ),
    "MessagesError": record("An error, in Anthropic's shape.", "type error", type=text(), error=_ANY),
    "ResponsesRequest": record(
        "A request as OpenAI's reference of Responses describes it. Nothing is stored: `previous_response_id`, "
        "`conversation`, `prompt`, `background` and item references are refused by name.",
        "model input",
        model=text("`provider/model`, or an alias."),
        input=_ANY,
        instructions=text(),
        tools=array(_ANY),
        tool_choice=_ANY,
        stream=switch(),
    ),
    "ResponsesAnswer": record("A response.", "id object output", id=text(), object=text(), output=array(_ANY)),
    "GeminiRequest": record(
        "A request as Google's reference of generateContent describes it, in either spelling of its fields.",
        "contents",
        contents=array(_ANY),
        tools=array(_ANY),
        toolConfig=_ANY,
        systemInstruction=_ANY,
        generationConfig=_ANY,
    ),
    "GeminiAnswer": record("An answer.", "candidates", candidates=array(_ANY), usageMetadata=_ANY),
    "GeminiError": record("An error, in Google's shape.", "error", error=_ANY),
    "Explanation": record(
        "What would be sent, candidate by candidate.",
        "candidates",
        candidates=array(
            record(
                "One candidate.",
                "model",
                model=text(),
                provider=text(),
                wire=text("The dialect that would be spoken."),
                relayed=switch("Whether the answer's bytes would be handed on as they are."),
                request=_ANY,
                adjustments=array(_ANY),
                error=_ANY,
            )
        ),
    ),
}


def _answered(schema: str, dialect: str, stream: str) -> Responses:
    content = {**_json(ref(schema), answer_in(dialect)), **_stream(stream, stream_in(dialect))}
    return {200: {"description": "The answer.", "content": content}}


def _body(schema: str, value: Any) -> dict[str, Any]:
    return {"required": True, "content": _json(ref(schema), value)}


MESSAGES: Final = Operation(
    "createMessage",
    "The same in Anthropic's Messages",
    f"Anthropic's SDKs work unmodified, against any provider. {_HEADERS}",
    {
        **_answered(
            "MessagesAnswer",
            "anthropic-messages",
            "With `stream: true`: Anthropic's events, to `message_stop` or to an `error`.",
        ),
        **error_responses("MessagesError", errors_in(_MESSAGES)),
    },
    _body(
        "MessagesRequest",
        {
            "model": "scripted/demo",
            "max_tokens": 1000,
            "messages": [{"role": "user", "content": _QUESTION}],
            "tools": [{"name": "filetree_list_sources", "input_schema": {"type": "object", "properties": {}}}],
        },
    ),
    keyed=True,
)

COUNT_TOKENS: Final = Operation(
    "countMessageTokens",
    "How many tokens a message is",
    "The body of `/v1/messages` without `max_tokens`. The provider's own count of what it would be sent, relayed; "
    "a 422 where the provider speaks another dialect and so has no such count (as the scripted one).",
    {
        200: {
            "description": "The count.",
            "content": {
                "application/json": {
                    "schema": ref("MessageTokens"),
                    "examples": {"count": {"summary": "Of an Anthropic model", "value": {"input_tokens": 403}}},
                }
            },
        },
        **error_responses("MessagesError", errors_in(_MESSAGES)),
    },
    _body(
        "MessageTokensRequest",
        {"model": "anthropic/claude-sonnet-5", "messages": [{"role": "user", "content": _QUESTION}]},
    ),
    keyed=True,
)

RESPONSES: Final = Operation(
    "createResponse",
    "The same in OpenAI's Responses",
    f"Stateless. OpenAI's SDKs work unmodified, against any provider. {_HEADERS}",
    {
        **_answered(
            "ResponsesAnswer",
            "openai-responses",
            "With `stream: true`: the events of Responses, to `response.completed`.",
        ),
        **error_responses("Error", errors_in(_RESPONSES)),
    },
    _body(
        "ResponsesRequest",
        {
            "model": "scripted/demo",
            "input": _QUESTION,
            "tools": [{"type": "function", "name": "get_weather", "parameters": _TOOL_SCHEMA, "strict": False}],
        },
    ),
    keyed=True,
)

GEMINI: Final = Operation(
    "generateContent",
    "The same in Gemini's generateContent",
    "`call` is `{model}:generateContent` or `{model}:streamGenerateContent`, the model `provider/model` or an alias; a "
    f"stream is server-sent events with `alt=sse`, else one JSON array. Google's SDKs work unmodified. {_HEADERS}",
    {
        **_answered(
            "GeminiAnswer",
            "google-generate-content",
            "`streamGenerateContent` with `alt=sse`: one answer's piece an event.",
        ),
        **error_responses("GeminiError", errors_in(_GEMINI)),
    },
    _body("GeminiRequest", {"contents": [{"role": "user", "parts": [{"text": _QUESTION}]}]}),
    keyed=True,
)
GEMINI_BETA: Final = GEMINI._replace(id="generateContentBeta")


def _explains(shown: Operation, shape: str, errors: dict[int, Examples]) -> Operation:
    explained: dict[str, Any] = {
        "description": "The requests.",
        "content": _json(ref("Explanation"), EXPLANATION),
    }
    return Operation(
        f"explain{shown.id[0].upper()}{shown.id[1:]}",
        "What would be sent",
        "The exact upstream request of each candidate (method, URL, headers without their secrets, body) and its "
        "adjustments, through the code of the live call. Nothing is sent.",
        {200: explained, **error_responses(shape, errors)},
        shown.request,
        keyed=True,
    )


EXPLAIN_CHAT: Final = _explains(CHAT, "Error", ERRORS)
EXPLAIN_MESSAGES: Final = _explains(MESSAGES, "MessagesError", errors_in(_MESSAGES))
EXPLAIN_RESPONSES: Final = _explains(RESPONSES, "Error", errors_in(_RESPONSES))
EXPLAIN_GEMINI: Final = _explains(GEMINI, "GeminiError", errors_in(_GEMINI))
EXPLAIN_GEMINI_BETA: Final = _explains(GEMINI_BETA, "GeminiError", errors_in(_GEMINI))

FACE_OPERATIONS: Final[Mapping[str, Operation]] = {
    each.id: each
    for each in (
        MESSAGES,
        COUNT_TOKENS,
        RESPONSES,
        GEMINI,
        GEMINI_BETA,
        EXPLAIN_CHAT,
        EXPLAIN_MESSAGES,
        EXPLAIN_RESPONSES,
        EXPLAIN_GEMINI,
        EXPLAIN_GEMINI_BETA,
    )
}
"""Every operation of this module by its id."""
