"""What each path takes and gives, as FastAPI's route decorators want it."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from fastapi.responses import Response

from router.documentation import error_examples, examples
from router.documentation.examples import Examples
from router.documentation.words import Schema, ref

Responses: TypeAlias = dict[int, dict[str, Any]]
"""By status."""

_REQUEST_ID: Final[dict[str, Any]] = {
    "x-request-id": {
        "description": "The caller's own, where it is up to 128 letters, digits and `._:/+=-`; else a fresh one.",
        "schema": {"type": "string"},
    }
}
_RETRY_AFTER: Final[dict[str, Any]] = {
    "retry-after": {"description": "Seconds, where the provider said so.", "schema": {"type": "integer"}}
}

_ERRORS: Final[Mapping[int, str]] = {
    400: "The request is wrong: not JSON, a wrong type (`param` has its JSON path), or refused by the provider.",
    401: "The router key is missing or unknown; or the provider refused its own key, and then names it in `provider`.",
    404: "No such provider, or the provider knows no such model.",
    413: "The body is larger or nested deeper than `[limits]` allows.",
    415: "The body says that it is not JSON, or is compressed.",
    422: "The target has no way to say what the request asks for.",
    429: "The provider is asked too often, or the quota is used up.",
    500: "A fault of the router; the log has it under the request id.",
    502: "The provider could not be reached, broke off, or answered with what its own grammar does not allow.",
    503: "The provider is not available.",
    504: "The provider took too long: `first_byte`, `between_events` or `total` of its `timeout`.",
}
_MORE_ERRORS: Final = "A provider's status that is not listed (402, 403, 529, …) is kept as well."


def _content(schema: Schema, shown: Examples) -> dict[str, Any]:
    return {"application/json": {"schema": schema, "examples": shown}}


def _errors(schema: str, statuses: Mapping[int, str], shown: Mapping[int, Examples]) -> Responses:
    return {
        status: {
            "description": description,
            "headers": _REQUEST_ID | (_RETRY_AFTER if status in (429, 503) else {}),
            "content": _content(ref(schema), shown[status]),
        }
        for status, description in statuses.items()
    }


class Operation(NamedTuple):
    """One path and method."""

    id: str
    summary: str
    description: str
    responses: Responses
    request: dict[str, Any] | None = None
    keyed: bool = False

    @property
    def route(self) -> dict[str, Any]:
        """What the route's decorator is given."""
        return {
            "operation_id": self.id,
            "summary": self.summary,
            "description": self.description,
            "response_class": Response,
            "response_model": None,
            "openapi_extra": {"security": _KEYED} if self.keyed else None,
        }

    @property
    def bodies(self) -> dict[str, Any]:
        """What the document says of requests and answers. FastAPI would leave every ``null`` out of the examples."""
        answers = {str(status): answer for status, answer in self.responses.items()}
        return {**({"requestBody": self.request} if self.request else {}), "responses": answers}


def _body(schema: str, shown: Examples) -> dict[str, Any]:
    return {"required": True, "content": _content(ref(schema), shown)}


def _answer(description: str, content: dict[str, Any]) -> Responses:
    return {200: {"description": description, "headers": _REQUEST_ID, "content": content}}


_KEYED: Final[list[dict[str, list[str]]]] = [{"bearer": []}, {"x-api-key": []}, {"x-goog-api-key": []}]
"""One of them; none where the router has no keys."""

_STREAM: Final[dict[str, Any]] = {
    "text/event-stream": {
        "schema": {
            "type": "string",
            "description": "With `stream: true`. Each `data:` line holds one ChatCompletionChunk, the last `[DONE]`. "
            "After a fault comes one `data:` line with an Error instead, and no `[DONE]`.",
            "contentMediaType": "text/event-stream",
            "contentSchema": ref("ChatCompletionChunk"),
        },
        "examples": examples.STREAMS,
    }
}

CHAT: Final = Operation(
    "createChatCompletion",
    "One chat request to any provider",
    "OpenAI's chat completions, plain and streamed, to whichever provider `model` names. Any OpenAI client works "
    f"unmodified. {_MORE_ERRORS}",
    {
        **_answer("The answer.", {**_content(ref("ChatCompletion"), examples.CHAT_ANSWERS), **_STREAM}),
        **_errors("Error", _ERRORS, error_examples.ERRORS),
    },
    _body("ChatRequest", examples.CHAT_REQUESTS),
    keyed=True,
)

ENVELOPE: Final = Operation(
    "runEnvelope",
    "The same in an envelope",
    f"For backends that are already written against a router of this shape. {_MORE_ERRORS}",
    {
        **_answer("The answer.", _content(ref("EnvelopeAnswer"), examples.ENVELOPE_ANSWERS)),
        **_errors("EnvelopeError", _ERRORS, error_examples.ENVELOPE_ERRORS),
    },
    _body("EnvelopeRequest", examples.ENVELOPE_REQUESTS),
    keyed=True,
)

MODELS: Final = Operation(
    "listModels",
    "Aliases and models",
    "Aliases first, then the models that the configuration names.",
    {
        **_answer("The list.", _content(ref("Models"), examples.MODELS)),
        **_errors("Error", {401: _ERRORS[401], 500: _ERRORS[500]}, error_examples.ERRORS),
    },
    keyed=True,
)

PROVIDERS: Final = Operation(
    "listProviders",
    "Providers, and what each can do with tools",
    "In the order of the configuration. `tools` says for each thing that a request with tools may ask what becomes of "
    "it on the way to this provider's first model: found by the code that translates requests, not from a list. "
    "Reasoning and what single models refuse is not in it; `/explain` has the truth about one request.",
    {
        **_answer("The list.", _content(ref("Providers"), examples.PROVIDERS)),
        **_errors("Error", {401: _ERRORS[401], 500: _ERRORS[500]}, error_examples.ERRORS),
    },
    keyed=True,
)

HEALTH: Final = Operation(
    "health",
    "Whether the process is alive",
    "Asks nobody else. Needs no key.",
    _answer("It is.", _content(ref("Health"), examples.HEALTH)),
)

READINESS: Final = Operation(
    "readiness",
    "Whether requests can be answered",
    "The providers are opened, which takes a few seconds after the start. Needs no key.",
    {
        **_answer("They can.", _content(ref("Readiness"), examples.READY)),
        503: {
            "description": "Not yet, or not all of them.",
            "headers": _REQUEST_ID,
            "content": _content(ref("Readiness"), examples.NOT_READY),
        },
    },
)

METRICS: Final = Operation(
    "metrics",
    "What the service counts of itself",
    'Prometheus\' text format, or OpenMetrics where `accept` asks for it. With `[metrics] access = "key"` it wants a '
    'router key; with `"off"` there is no such path. Several workers are counted together.',
    {
        200: {
            "description": "Everything counted since the start.",
            "headers": _REQUEST_ID,
            "content": {"text/plain": {"schema": {"type": "string"}, "examples": examples.METRICS}},
        },
        **_errors("Error", {401: "A router key is wanted.", 404: "Nobody may read them."}, error_examples.ERRORS),
    },
)


def error_responses(schema: str, shown: Mapping[int, Examples]) -> Responses:
    """Every error of a path that asks a provider."""
    return _errors(schema, _ERRORS, shown)


OPERATIONS: Final[Mapping[str, Operation]] = {
    each.id: each for each in (CHAT, ENVELOPE, MODELS, PROVIDERS, HEALTH, READINESS, METRICS)
}
