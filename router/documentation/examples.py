"""Examples of every request and answer. Each works as it stands: the scripted provider needs no key."""

from typing import Any, Final, TypeAlias

Examples: TypeAlias = dict[str, dict[str, Any]]
"""OpenAPI's example objects by name. An answer has the name of the request that it belongs to."""


def _shown(summary: str, value: Any) -> dict[str, Any]:
    return {"summary": summary, "value": value}


_SOURCES: Final = {
    "type": "function",
    "function": {
        "name": "filetree_list_sources",
        "description": "Which folders may be looked at.",
        "parameters": {"type": "object", "properties": {}},
    },
}
_LIST: Final = {
    "type": "function",
    "function": {
        "name": "filetree_list",
        "description": "What a folder holds.",
        "parameters": {
            "type": "object",
            "properties": {
                "source_id": {"type": "string"},
                "max_depth": {"type": "integer", "minimum": 1},
                "max_entries": {"type": "integer", "minimum": 1},
            },
            "required": ["source_id"],
        },
    },
}
_FIRST_CALL: Final = {
    "id": "call_7djdn6V5LzdqtDNkhg6X",
    "type": "function",
    "function": {"name": "filetree_list_sources", "arguments": "{}"},
}
_SECOND_CALL: Final = {
    "id": "call_bG4VZnhsvSFYkBORoQWc",
    "type": "function",
    "function": {"name": "filetree_list", "arguments": '{"source_id":"here","max_depth":1,"max_entries":200}'},
}
_QUESTION: Final = {"role": "user", "content": "What is in this folder?"}
_FIRST_ANSWER: Final = {
    "role": "assistant",
    "content": None,
    "refusal": None,
    "reasoning_content": "I need to know which folders I may look at.",
    "tool_calls": [_FIRST_CALL],
}
_SECOND_ANSWER: Final = {
    "role": "assistant",
    "content": "Let me look.",
    "refusal": None,
    "tool_calls": [_SECOND_CALL],
}
_RESULT: Final = {
    "role": "tool",
    "tool_call_id": _FIRST_CALL["id"],
    "content": '{"sources":[{"source_id":"here"}]}',
}

_QUESTION_INPUT: Final = {"messages": [_QUESTION], "tools": [_SOURCES, _LIST], "tool_choice": "auto"}
_RESULT_INPUT: Final = {"messages": [_QUESTION, _FIRST_ANSWER, _RESULT], "tools": [_SOURCES, _LIST]}
_STREAM_INPUT: Final = {**_RESULT_INPUT, "stream": True, "stream_options": {"include_usage": True}}

CHAT_REQUESTS: Final[Examples] = {
    "question": _shown("A question, with tools", {"model": "scripted/demo", **_QUESTION_INPUT}),
    "result": _shown("The tool's result goes back", {"model": "scripted/demo", **_RESULT_INPUT}),
    "streamed": _shown("The same, streamed", {"model": "scripted/demo", **_STREAM_INPUT}),
    "forced": _shown(
        "A call of one tool is forced, one call at a time, with an image",
        {
            "model": "scripted/demo",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Where is this?"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                    ],
                },
            ],
            "tools": [_SOURCES, _LIST],
            "tool_choice": {"type": "function", "function": {"name": "filetree_list_sources"}},
            "parallel_tool_calls": False,
            "max_completion_tokens": 1000,
        },
    ),
    "allowed": _shown(
        "Only some of the tools are allowed",
        {
            "model": "scripted/demo",
            "messages": [_QUESTION],
            "tools": [_SOURCES, _LIST],
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "function", "function": {"name": "filetree_list_sources"}}],
                },
            },
        },
    ),
}


def _usage(read: int, written: int) -> dict[str, int]:
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _completion(number: int, message: dict[str, Any], usage: dict[str, int]) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-scripted-{number}",
        "object": "chat.completion",
        "created": 0,
        "model": "demo",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls", "logprobs": None}],
        "usage": usage,
    }


_ROUTER: Final = {"provider": "scripted", "model": "demo", "wire": "openai-chat"}


def _router(message: dict[str, Any]) -> dict[str, Any]:
    calls = [
        {"index": index, "id": call["id"], "name": call["function"]["name"], "status": "complete"}
        for index, call in enumerate(message["tool_calls"])
    ]
    return {**_ROUTER, "calls": calls}


_FIRST_COMPLETION: Final = _completion(1, _FIRST_ANSWER, _usage(6, 17))
_SECOND_COMPLETION: Final = _completion(2, _SECOND_ANSWER, _usage(32, 20))

CHAT_ANSWERS: Final[Examples] = {
    "question": _shown("A call of a tool", {**_FIRST_COMPLETION, "router": _router(_FIRST_ANSWER)}),
    "result": _shown("Text and a call", {**_SECOND_COMPLETION, "router": _router(_SECOND_ANSWER)}),
}

_CHUNK: Final = '{"id":"chatcmpl-scripted-2","object":"chat.completion.chunk","created":0,"model":"demo",'


def _event(rest: str) -> str:
    return f"data: {_CHUNK}{rest}}}\n\n"


def _delta(delta: str, finish: str = "null") -> str:
    return _event(f'"choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]')


def _piece(text: str) -> str:
    return _delta(f'{{"tool_calls":[{{"index":0,"function":{{"arguments":"{text}"}}}}]}}')


STREAMS: Final[Examples] = {
    "streamed": _shown(
        "The answer to the streamed request",
        _delta('{"role":"assistant","content":"Let me look."}')
        + _delta(
            '{"tool_calls":[{"index":0,"id":"call_bG4VZnhsvSFYkBORoQWc","type":"function",'
            '"function":{"name":"filetree_list","arguments":""}}]}'
        )
        + _piece(r"{\"source_id\":\"he")
        + _piece(r"re\",\"max_depth\":")
        + _piece(r"1,\"max_entries\":")
        + _piece("200}")
        + _delta("{}", '"tool_calls"')
        + _event(
            '"choices":[],"usage":{"prompt_tokens":32,"completion_tokens":20,"total_tokens":52},'
            '"router":{"provider":"scripted","model":"demo","wire":"openai-chat","calls":[{"index":0,'
            '"id":"call_bG4VZnhsvSFYkBORoQWc","name":"filetree_list","status":"complete"}]}'
        )
        + "data: [DONE]\n\n",
    )
}

ENVELOPE_REQUESTS: Final[Examples] = {
    "question": _shown("A question", {"provider": "scripted", "model": "demo", "input": _QUESTION_INPUT}),
    "result": _shown("The tool's result goes back", {"model": "scripted/demo", "input": _RESULT_INPUT}),
}


def _envelope(message: dict[str, Any], completion: dict[str, Any]) -> dict[str, Any]:
    return {
        "ok": True,
        "providerId": "scripted",
        "modelId": "demo",
        "output": {"messages": [message], "finish_reason": "tool_calls", "raw": completion},
        "usage": completion["usage"],
        "router": _router(message),
    }


ENVELOPE_ANSWERS: Final[Examples] = {
    "question": _shown("A call of a tool", _envelope(_FIRST_ANSWER, _FIRST_COMPLETION)),
    "result": _shown("Text and a call", _envelope(_SECOND_ANSWER, _SECOND_COMPLETION)),
}

MODELS: Final[Examples] = {
    "models": _shown(
        "With one alias",
        {
            "object": "list",
            "data": [
                {
                    "id": "fast",
                    "object": "model",
                    "created": 0,
                    "owned_by": "scripted",
                    "router": {"alias_of": "scripted/demo"},
                },
                {"id": "scripted/demo", "object": "model", "created": 0, "owned_by": "scripted"},
            ],
        },
    )
}

PROVIDERS: Final[Examples] = {
    "scripted": _shown(
        "The scripted provider alone",
        {
            "object": "list",
            "data": [
                {
                    "id": "scripted",
                    "object": "provider",
                    "wires": ["openai-chat"],
                    "models": ["scripted/demo"],
                    "tools": {
                        "functions": "as_written",
                        "free_text_tools": "as_written",
                        "strict_schemas": "as_written",
                        "choice_none": "as_written",
                        "choice_required": "as_written",
                        "choice_named": "as_written",
                        "choice_allowed": "mapped",
                        "one_call_at_a_time": "as_written",
                        "pictures_in_results": "as_written",
                    },
                }
            ],
        },
    )
}

HEALTH: Final[Examples] = {"alive": _shown("Alive", {"status": "ok"})}
READY: Final[Examples] = {"ready": _shown("Ready", {"status": "ready"})}
NOT_READY: Final[Examples] = {"starting": _shown("A moment after the start", {"status": "starting"})}
METRICS: Final[Examples] = {
    "two": _shown(
        "Two of many series, after one request",
        'ai_router_tokens_total{direction="output",provider="scripted"} 16.0\n'
        'ai_router_tool_calls_total{provider="scripted",status="complete"} 1.0\n',
    )
}
