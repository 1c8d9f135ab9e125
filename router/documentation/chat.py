"""Schemas of a chat request and of its answer, whole and streamed."""

from collections.abc import Mapping
from typing import Final

from router.documentation.chat_messages import MESSAGES, TOOLS
from router.documentation.words import (
    Schema,
    any_of,
    array,
    closed,
    free,
    integer,
    number,
    or_null,
    record,
    ref,
    switch,
    text,
    typed,
    word,
    words,
)

INPUT: Final[dict[str, Schema]] = {
    "messages": array(ref("Message"), "The conversation, oldest message first.", minItems=1),
    "tools": or_null(array(ref("Tool"), "Not sent where absent.")),
    "tool_choice": or_null(ref("ToolChoice")),
    "parallel_tool_calls": or_null(switch("`false`: one call at a time, or a report where that cannot be had.")),
    "max_completion_tokens": or_null(integer("Most tokens of the answer; `max_tokens` means the same.")),
    "max_tokens": or_null(integer("As `max_completion_tokens`.")),
    "temperature": or_null(number()),
    "top_p": or_null(number()),
    "top_k": or_null(integer()),
    "stop": any_of("Ends the answer where the model writes one of these.", text(), array(text()), {"type": "null"}),
    "seed": or_null(integer()),
    "presence_penalty": or_null(number()),
    "frequency_penalty": or_null(number()),
    "n": or_null(integer("How many answers.")),
    "reasoning_effort": or_null(text("How much to think: `none`, `minimal`, `low`, `medium`, `high`, …")),
    "response_format": or_null(
        any_of(
            "",
            record("", "type", type=words("text json_object")),
            typed(
                "json_schema",
                "The answer is JSON of this schema.",
                record(
                    "",
                    name=or_null(text()),
                    description=or_null(text()),
                    schema=free("JSON Schema."),
                    strict=or_null(switch()),
                ),
            ),
        )
    ),
    "router": or_null(
        closed(
            record(
                "What is asked of the router itself. Unknown options are refused.",
                fallbacks=or_null(array(text(), "Models to try in order where the one before fails.")),
                on_loss=or_null(words("report refuse", "What is done where a candidate cannot take something.")),
                orphans=or_null(words("refuse repair", "What is done about calls without result and the reverse.")),
                forced_choice=or_null(
                    words(
                        "refuse drop_thinking downgrade_choice", "What gives way where a model that thinks is forced."
                    )
                ),
                state_in_ids=or_null(words("off on", "Whether ids of calls hold what a thinking model needs back.")),
                tool_validation=or_null(words("report repair reject", "What is done about a call that does not fit.")),
                wire=or_null(words("auto chat responses", "Which of OpenAI's two dialects is spoken.")),
            )
        )
    ),
}
"""Fields of a chat request besides model and stream."""

_MODEL: Final = text("`provider/model`, or an alias from the configuration.", minLength=1)

_MESSAGE: Final = record(
    "Goes back into `messages` as it is.",
    "role content",
    role=word("assistant"),
    content=or_null(any_of("", text(), array(ref("ContentPart")))),
    refusal=or_null(text()),
    tool_calls=array(ref("ToolCall")),
    reasoning_content=or_null(text("Readable reasoning, where the model gives any.")),
    extra_content=free("Opaque state that the model needs back unchanged."),
)

_DELTA: Final = record(
    "What comes to the message.",
    role=word("assistant"),
    content=or_null(text()),
    refusal=or_null(text()),
    reasoning_content=or_null(text()),
    tool_calls=array(
        record(
            "`id` and `name` come once, with the first piece of the call; `arguments` in pieces.",
            "index",
            index=integer("Which call.", minimum=0),
            id=text(),
            type=words("function custom"),
            function=record("", name=text(), arguments=text()),
            custom=record("", name=text(), input=text()),
            extra_content=free(),
        )
    ),
    extra_content=free(),
)

_FINISH: Final = "Why it ended: `stop`, `length`, `tool_calls`, `content_filter`, or the provider's own word."

CHAT: Final[Mapping[str, Schema]] = {
    **MESSAGES,
    **TOOLS,
    "ChatRequest": record(
        "A chat request as OpenAI defines it. Fields that are not listed go to providers of this dialect as they are, "
        "and are reported where they cannot go.",
        "model messages",
        model=_MODEL,
        **INPUT,
        stream=or_null(switch("Answer with server-sent events.")),
        stream_options=or_null(record("", include_usage=or_null(switch("Send usage before the end.")))),
    ),
    "ChatCompletion": record(
        "The whole answer.",
        "id object created model choices",
        id=text(),
        object=word("chat.completion"),
        created=integer("Unix time in seconds."),
        model=text("The model as the provider names it."),
        choices=array(
            record(
                "One answer; more than one where `n` asks for it.",
                "index message finish_reason",
                index=integer(),
                message=_MESSAGE,
                finish_reason=or_null(text(_FINISH)),
                logprobs={},
            )
        ),
        usage=or_null(ref("Usage")),
        router=ref("RouterReport"),
    ),
    "ChatCompletionChunk": record(
        "One event of a stream. `router` comes with the last one before `[DONE]`.",
        "id object created model choices",
        id=text(),
        object=word("chat.completion.chunk"),
        created=integer("Unix time in seconds."),
        model=text(),
        choices=array(record("", "index delta", index=integer(), delta=_DELTA, finish_reason=or_null(text(_FINISH)))),
        usage=or_null(ref("Usage")),
        router=ref("RouterReport"),
    ),
    "Usage": record(
        "Tokens. The prompt includes cached tokens, the completion includes reasoning.",
        prompt_tokens=integer(),
        completion_tokens=integer(),
        total_tokens=integer(),
        prompt_tokens_details=or_null(free()),
        completion_tokens_details=or_null(free()),
    ),
    "RouterReport": record(
        "What the router says of this answer. Not there where a provider's own answer was relayed: then the header "
        "`x-router` has it.",
        "provider model wire",
        provider=text("The provider that answered."),
        model=text("The model it was asked for."),
        wire=text("The dialect that was spoken to it."),
        calls=array(ref("CallVerdict"), "A verdict on each call of a tool; absent where there is none."),
        attempts=array(free(), "The candidates that failed before; absent where there was none."),
        adjustments=array(
            ref("Adjustment"), "What could not be sent as it was written; absent where there is nothing."
        ),
    ),
    "CallVerdict": record(
        "What is to be thought of one call.",
        "index id name status",
        index=integer(),
        id=text(),
        name=text(),
        status=words("complete incomplete invalid_json schema_mismatch unknown_tool repaired"),
        errors=array(record("", "path message", path=text(), message=text())),
        repairs=array(record("", "path what", path=text(), what=text())),
    ),
    "Adjustment": record(
        "One thing that is not as the caller wrote it.",
        "path action reason",
        path=text("JSON path in the request; in the answer where it begins with `response`."),
        action=words("mapped downgraded dropped repaired"),
        reason=text(),
        **{"from": {}, "to": {}},
    ),
}
