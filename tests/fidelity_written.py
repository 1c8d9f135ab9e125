"""Features that stand in the spelling of a request, and those of an answer, as each dialect writes them."""

from __future__ import annotations

from collections.abc import Mapping

from providers.spec.values import JsonObject

SCHEMA: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_MARK: JsonObject = {"cache_control": {"type": "ephemeral"}}
_FUNCTION: JsonObject = {"name": "get_weather", "description": "How warm it is.", "parameters": SCHEMA}
WRITTEN: Mapping[str, Mapping[str, JsonObject]] = {
    "marks of what may be cached": {
        "openai-chat": {
            "max_completion_tokens": 1000,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "How warm is it?", **_MARK}]}],
            "tools": [{"type": "function", "function": _FUNCTION, **_MARK}],
        },
        "anthropic-messages": {
            "max_tokens": 1000,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "How warm is it?", **_MARK}]}],
            "tools": [{"name": "get_weather", "input_schema": SCHEMA, **_MARK}],
        },
    },
    "functions and function_call": {
        "openai-chat": {
            "max_completion_tokens": 1000,
            "messages": [
                {"role": "user", "content": "How warm is it?"},
                {
                    "role": "assistant",
                    "content": None,
                    "function_call": {"name": "get_weather", "arguments": '{"city":"Rome"}'},
                },
                {"role": "function", "name": "get_weather", "content": "18"},
            ],
            "functions": [_FUNCTION],
            "function_call": "auto",
        },
    },
}
"""Features that a request has by its spelling, as callers of the dialects that know them write it."""

CITED = "https://a.example/1"
_SAID = "Rome is old."
_PLACE: JsonObject = {"start_index": 0, "end_index": 12, "url": CITED, "title": "A"}
ANSWERS: Mapping[str, Mapping[str, JsonObject]] = {
    "citations of an answer": {
        "openai-chat": {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {
                        "role": "assistant",
                        "content": _SAID,
                        "refusal": None,
                        "annotations": [{"type": "url_citation", "url_citation": _PLACE}],
                    },
                }
            ],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        },
        "openai-responses": {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "status": "completed",
            "model": "m",
            "output": [
                {
                    "id": "msg_1",
                    "type": "message",
                    "role": "assistant",
                    "status": "completed",
                    "content": [
                        {"type": "output_text", "text": _SAID, "annotations": [{"type": "url_citation", **_PLACE}]}
                    ],
                }
            ],
            "tools": [],
            "tool_choice": "auto",
            "parallel_tool_calls": True,
            "usage": {
                "input_tokens": 1,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": 1,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 2,
            },
        },
        "anthropic-messages": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [
                {
                    "type": "text",
                    "text": _SAID,
                    "citations": [
                        {
                            "type": "web_search_result_location",
                            "url": CITED,
                            "title": "A",
                            "encrypted_index": "e",
                            "cited_text": _SAID,
                        }
                    ],
                }
            ],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        },
        "google-generate-content": {
            "candidates": [
                {
                    "index": 0,
                    "finishReason": "STOP",
                    "content": {"role": "model", "parts": [{"text": _SAID}]},
                    "groundingMetadata": {
                        "groundingChunks": [{"web": {"uri": CITED, "title": "A"}}],
                        "groundingSupports": [{"segment": {"endIndex": 12}, "groundingChunkIndices": [0]}],
                    },
                }
            ],
            "modelVersion": "m",
            "responseId": "r",
        },
    },
}
"""Features of an answer, as the provider of each wire writes it."""
