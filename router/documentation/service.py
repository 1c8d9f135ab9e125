"""Schemas of everything that is not a chat body: the envelope, models, errors, health."""

from collections.abc import Mapping
from typing import Final

from router.documentation.chat import INPUT
from router.documentation.words import (
    Schema,
    array,
    closed,
    free,
    integer,
    or_null,
    record,
    ref,
    switch,
    text,
    word,
    words,
)

_ERROR: Final = record(
    "",
    "message type param code retryable",
    message=text("What is wrong and, where the router knows, what to do. Holds no secret."),
    type=text(
        "`invalid_request_error`, `authentication_error`, `permission_error`, `not_found_error`, `request_too_large`, "
        "`unsupported_error`, `rate_limit_error`, `overloaded_error`, `billing_error`, `api_error`, `timeout_error`, "
        "`connection_error`, `provider_protocol_error`, `internal_error`"
    ),
    param=or_null(text("JSON path of what is wrong in the body.")),
    code=or_null(text("The provider's own code.")),
    retryable=switch("Whether the same request may succeed later."),
    provider=text("The provider whose error it is; absent where it is the router's."),
)

_NOT_IN_INPUT: Final[dict[str, Schema]] = {
    "model": {"not": {}, "description": "Stands beside `input`."},
    "stream": {"enum": [False, None], "description": "The envelope has no streamed form."},
}

_OUTCOME: Final = words(
    "as_written mapped repaired downgraded dropped refused",
    "`as_written`: it is sent as it is. `mapped`, `repaired`, `downgraded`, `dropped`: what is done instead, and "
    "reported as an adjustment. `refused`: an error.",
)
_ABILITIES: Final[dict[str, Schema]] = dict.fromkeys(
    (
        "functions",
        "free_text_tools",
        "strict_schemas",
        "choice_none",
        "choice_required",
        "choice_named",
        "choice_allowed",
        "one_call_at_a_time",
        "pictures_in_results",
    ),
    _OUTCOME,
)

SERVICE: Final[Mapping[str, Schema]] = {
    "Error": record("An error, in OpenAI's shape.", "error", error=_ERROR),
    "EnvelopeRequest": closed(
        record(
            "Names the model by `provider` and `model`, by `model` alone (`provider/model`, or an alias), by an alias "
            "with the name of `intent`, or not at all where an alias `default` is configured. "
            "Other fields than these are refused.",
            "input",
            intent=or_null(text()),
            provider=or_null(text()),
            model=or_null(text()),
            input=record("A chat request without `model` and `stream`.", "messages", **INPUT, **_NOT_IN_INPUT),
        )
    ),
    "EnvelopeAnswer": record(
        "The answer.",
        "ok providerId modelId output usage router",
        ok={"type": "boolean", "const": True},
        providerId=text(),
        modelId=text(),
        output=record(
            "",
            "messages finish_reason raw",
            messages=array(ref("AssistantMessage")),
            finish_reason=or_null(text()),
            raw=free("The provider's answer as it came."),
        ),
        usage=or_null(ref("Usage")),
        router=ref("RouterReport"),
    ),
    "EnvelopeError": record("An error.", "ok error", ok={"type": "boolean", "const": False}, error=_ERROR),
    "Models": record(
        "What can be asked for by name. Other models of a provider can be asked for as well.",
        "object data",
        object=word("list"),
        data=array(
            record(
                "",
                "id object created owned_by",
                id=text("What to write as `model`."),
                object=word("model"),
                created=integer("Always 0: nobody here knows it."),
                owned_by=text("The provider."),
                router=record("", "alias_of", alias_of=text("What the alias stands for.")),
            )
        ),
    ),
    "Providers": record(
        "The configured providers.",
        "object data",
        object=word("list"),
        data=array(
            record(
                "",
                "id object wires models tools",
                id=text("What stands before the slash in `model`."),
                object=word("provider"),
                wires=array(text(), "The dialects that are spoken to it."),
                models=array(text(), "Those that the configuration names; others can be asked for as well."),
                tools=record("What becomes of each of these.", " ".join(_ABILITIES), **_ABILITIES),
            )
        ),
    ),
    "Health": record("The process answers.", "status", status=word("ok")),
    "Readiness": record(
        "Whether requests can be answered.",
        "status",
        status=words(
            "ready starting failed",
            "`starting`: providers are being opened. `failed`: one of them could not be; the log says which and why.",
        ),
    ),
}
