"""What requests of every face are made of: turns, tools and fields that other dialects do not take as they are."""

from __future__ import annotations

from typing import Any

PNG = "iVBORw0KGgo="
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string", "minLength": 2}}}
ODD = "files.read/all"
"""A name that no provider takes."""

CHAT_CALL = {"id": "c 1", "type": "function", "function": {"name": ODD, "arguments": "[1]"}}
CHAT: list[list[Any]] = [
    [{"role": "system", "content": "Be brief.", "name": "op"}],
    [{"role": "user", "content": "hi", "name": "Ann", "cache_control": {"type": "ephemeral"}}],
    [{"role": "user", "content": [{"type": "text", "text": "hi", "x": 1}, {"type": "odd", "y": 1}]}],
    [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}]}],
    [
        {"role": "assistant", "content": "I look.", "tool_calls": [CHAT_CALL], "reasoning_content": "Hm."},
        {"role": "tool", "tool_call_id": "c 1", "content": [{"type": "text", "text": "18"}, {"type": "odd"}]},
    ],
    [
        {"role": "assistant", "content": None, "tool_calls": [{**CHAT_CALL, "extra": 1}, {**CHAT_CALL, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c2", "content": "18"},
    ],
    [{"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}}],
    [{"role": "tool", "tool_call_id": "nobody", "content": "18"}],
    [{"role": "assistant", "content": [{"type": "text", "text": "x"}, {"type": "odd"}], "refusal": "No."}],
    [
        {
            "role": "assistant",
            "content": "Hm.",
            "thinking_blocks": [{"type": "thinking", "thinking": "a", "signature": "s"}],
        }
    ],
]
CHAT_TOOLS: list[Any] = [
    {"type": "function", "function": {"name": ODD, "parameters": SCHEMA, "strict": True}},
    {"type": "function", "name": "flat.name", "parameters": {"anyOf": [SCHEMA]}},
    {"type": "custom", "custom": {"name": "free", "format": {"type": "grammar", "definition": "x"}}},
    {"type": "function", "function": {"name": "a", "cache_control": {"type": "ephemeral"}}, "more": 1},
]
CHAT_FIELDS: dict[str, Any] = {
    "max_tokens": 5, "max_completion_tokens": 6, "temperature": 1.5, "top_k": 3, "seed": 1, "n": 2,
    "presence_penalty": 0.5, "stop": "x", "reasoning_effort": "high", "reasoning": {"max_tokens": 2000},
    "tool_choice": "required", "parallel_tool_calls": False, "logit_bias": {"1": 2}, "thinking": {"type": "enabled"},
    "response_format": {"type": "json_schema", "json_schema": {"name": "r", "schema": SCHEMA, "strict": True}},
}  # fmt: skip

USE = {"type": "tool_use", "id": "t 1", "name": ODD, "input": {}, "x": 1}
CLAUDE: list[list[Any]] = [
    [{"role": "user", "content": "hi"}],
    [{"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]}],
    [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "odd"}]}],
    [{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}],
    [
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "a", "signature": "s"}, {"type": "text", "text": " "}, USE],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t 1",
                    "is_error": True,
                    "content": [{"type": "text", "text": "x"}, {"type": "odd"}],
                },
                {"type": "text", "text": "and?", "y": 2},
            ],
        },
    ],
    [{"role": "assistant", "content": [{"type": "redacted_thinking", "data": "d"}, {"type": "text", "text": "x"}]}],
    [{"role": "assistant", "content": [USE, {**USE, "id": "t2"}]}],
    [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "nobody"}]}],
    [{"role": "assistant", "content": [{"type": "server_tool_use", "id": "s", "name": "web", "input": {}}]}],
]
CLAUDE_TOOLS: list[Any] = [
    {"name": ODD, "input_schema": SCHEMA, "strict": True},
    {"name": "any", "input_schema": {"anyOf": [SCHEMA]}, "cache_control": {"type": "ephemeral"}},
    {"type": "web_search_20250305", "name": "web_search"},
]
CLAUDE_FIELDS: dict[str, Any] = {
    "max_tokens": 5, "temperature": 0.5, "top_k": 3, "stop_sequences": ["x"], "system": "Be brief.",
    "thinking": {"type": "enabled", "budget_tokens": 2000, "display": "omitted"}, "metadata": {"user_id": "u"},
    "tool_choice": {"type": "any", "disable_parallel_tool_use": True}, "stop": "unknown", "reasoning": 1,
    "output_config": {"effort": "max", "format": {"type": "json_schema", "schema": SCHEMA}},
}  # fmt: skip

CALL = {"type": "function_call", "call_id": "c 1", "name": ODD, "arguments": "[1]"}
ITEMS: list[list[Any]] = [
    [{"role": "user", "content": "hi"}],
    [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}, {"type": "odd"}], "z": 1}],
    [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}],
    [{"role": "developer", "content": "Be brief."}],
    [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "b"}]},
        CALL,
        {"type": "function_call_output", "call_id": "c 1", "output": [{"type": "input_text", "text": "x"}]},
    ],
    [CALL, {**CALL, "call_id": "c2"}, {"type": "function_call_output", "call_id": "c2", "output": "18"}],
    [{"type": "custom_tool_call", "call_id": "c3", "name": "free", "input": "x"}],
    [{"type": "function_call_output", "call_id": "nobody", "output": "18"}],
    [{"type": "web_search_call", "id": "ws_1"}],
    [{"role": "assistant", "content": "Well.", "phase": "x"}],
]
ITEM_TOOLS: list[Any] = [
    {"type": "function", "name": ODD, "parameters": SCHEMA, "strict": True},
    {"type": "function", "name": "any", "parameters": {"anyOf": [SCHEMA]}},
    {"type": "custom", "name": "free", "format": {"type": "grammar", "definition": "x"}},
    {"type": "web_search"},
]
ITEM_FIELDS: dict[str, Any] = {
    "instructions": "Be brief.", "max_output_tokens": 5, "temperature": 1.5, "tool_choice": "required",
    "parallel_tool_calls": False, "reasoning": {"effort": "high", "summary": "detailed"}, "truncation": "auto",
    "text": {"format": {"type": "json_schema", "name": "r", "schema": SCHEMA, "strict": True}, "verbosity": "low"},
    "stop": "unknown", "metadata": {"a": "b"},
}  # fmt: skip

CONTENTS: list[list[Any]] = [
    [{"role": "user", "parts": [{"text": "hi"}, {"text": "so", "x": 1}]}],
    [{"role": "user", "parts": [{"inlineData": {"mimeType": "audio/wav", "data": PNG}}]}],
    [{"role": "user", "parts": [{"file_data": {"file_uri": "gs://x", "mime_type": "image/png"}}]}],
    [
        {
            "role": "model",
            "parts": [
                {"text": "Hm.", "thought": True, "thoughtSignature": "c2ln"},
                {"functionCall": {"name": ODD, "args": {"a": 1}, "id": "g 1"}, "thought_signature": "c2ln"},
            ],
        },
        {
            "role": "user",
            "parts": [
                {
                    "functionResponse": {
                        "name": ODD,
                        "id": "g 1",
                        "response": {"error": "x"},
                        "parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}],
                    }
                },
                {"text": "and?"},
            ],
        },
    ],
    [{"role": "model", "parts": [{"function_call": {"name": ODD, "id": "g2"}}, {"function_call": {"name": "b"}}]}],
    [{"role": "user", "parts": [{"function_response": {"name": "nobody", "response": {"result": 1}}}]}],
    [{"role": "model", "parts": [{"executableCode": {"code": "1", "language": "PYTHON"}}, {"text": "x"}]}],
]
DECLARED: list[Any] = [
    {"functionDeclarations": [{"name": "b"}, {"name": ODD, "parameters": {"type": "OBJECT"}}]},
    {"function_declarations": [{"name": "any", "parameters_json_schema": {"anyOf": [SCHEMA]}, "behavior": "x"}]},
    {"googleSearch": {}, "functionDeclarations": [{"name": ODD, "parametersJsonSchema": SCHEMA}]},
]
CONFIGURED: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind.", "x": 1}], "y": 1},
    "generationConfig": {
        "temperature": 1.5, "topK": 3, "seed": 1, "stopSequences": ["x"], "candidateCount": 2, "maxOutputTokens": 5,
        "thinkingConfig": {"thinkingBudget": 2000, "includeThoughts": True}, "responseMimeType": "application/json",
        "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}, "x": 1,
    },
    "generation_config": {"top_k": 3, "seed": 1, "thinking_config": {"thinking_level": "LOW"}, "presence_penalty": 0.5},
    "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED", "allowedFunctionNames": [ODD]}},
    "safetySettings": [],
}  # fmt: skip

MADE: dict[str, tuple[str, list[list[Any]], list[Any], dict[str, Any]]] = {
    "chat": ("messages", CHAT, CHAT_TOOLS, CHAT_FIELDS),
    "messages": ("messages", CLAUDE, CLAUDE_TOOLS, CLAUDE_FIELDS),
    "responses": ("input", ITEMS, ITEM_TOOLS, ITEM_FIELDS),
    "gemini": ("contents", CONTENTS, DECLARED, CONFIGURED),
}
