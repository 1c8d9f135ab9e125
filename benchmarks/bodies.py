"""The bodies that both ends speak: what the load asks (3.8 KB, 5 tools) and what the fake provider answers.

An answer has a sentence and two tool calls (1.5 KB); a stream has it in 57 to 65 events.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

Body = dict[str, Any]

SENTENCE: Final = (
    "I will look for the parcel in both depots at the same time and check when the next van leaves, so that we know "
    "before noon whether it can still reach the customer in Bergen today or has to wait."
)
FIND: Final[Body] = {
    "tracking": "NO-4471-88-2063",
    "depot": "Oslo Alnabru",
    "since_days": 5,
    "states": ["lost", "held"],
}
VANS: Final[Body] = {
    "route": "Oslo to Bergen via Hønefoss",
    "seats_free": 2,
    "refrigerated": False,
    "order": "departure",
}
CALLS: Final = (("find_parcel", FIND), ("list_vans", VANS))
USAGE: Final = (1083, 97)
"""Tokens in and out, as each answer reports them."""


def pieces(text: str, number: int) -> list[str]:
    """The text in so many parts, or a few less."""
    step = -(-len(text) // number)
    return [text[start : start + step] for start in range(0, len(text), step)]


def _lean(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


# ---- OpenAI chat

_OPENAI: Final[Body] = {
    "id": "chatcmpl-DkQ2vXb8Lw4TzR7yNc1sMf6HaJ9Ge",
    "created": 1767693600,
    "model": "gpt-5.1-2025-11-13",
    "service_tier": "default",
    "system_fingerprint": "fp_4c19d7a05b",
}


def _openai_usage() -> Body:
    read, written = USAGE
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _openai_call(number: int, name: str, arguments: str) -> Body:
    function = {"name": name, "arguments": arguments}
    return {"id": f"call_{number}Zr8Kq3XvT6yWm1NbLc5PdHs", "type": "function", "function": function}


def openai_answer() -> Body:
    """A whole chat completion."""
    calls = [_openai_call(number, name, json.dumps(value)) for number, (name, value) in enumerate(CALLS)]
    message = {"role": "assistant", "content": SENTENCE, "refusal": None, "annotations": [], "tool_calls": calls}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls"}
    return {**_OPENAI, "object": "chat.completion", "choices": [choice], "usage": _openai_usage()}


def openai_events() -> Iterator[Body]:
    """The same as chunks."""

    def chunk(delta: Body, finish: str | None = None) -> Body:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {
            **_OPENAI,
            "object": "chat.completion.chunk",
            "choices": [choice],
            "usage": None,
            "obfuscation": "u3Vb8qTz",
        }

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    for piece in pieces(SENTENCE, 20):
        yield chunk({"content": piece})
    for number, (name, value) in enumerate(CALLS):
        yield chunk({"tool_calls": [{"index": number, **_openai_call(number, name, "")}]})
        for piece in pieces(json.dumps(value), 17):
            yield chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
    yield chunk({}, "tool_calls")
    yield {**chunk({}), "choices": [], "usage": _openai_usage()}


# ---- Anthropic Messages


def anthropic_answer() -> Body:
    """A whole message."""
    read, written = USAGE
    uses = [
        {"type": "tool_use", "id": f"toolu_01{number}Fq7kQw3ZxN5vBt9MdRcYs", "name": name, "input": value}
        for number, (name, value) in enumerate(CALLS)
    ]
    return {
        "id": "msg_01GhT4mVx8QeLz6WdKc2PnYb",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": SENTENCE}, *uses],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": read,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": written,
            "service_tier": "standard",
        },
    }


def anthropic_events() -> Iterator[Body]:
    """The same as events."""
    whole = anthropic_answer()
    usage = {**whole["usage"], "output_tokens": 1}
    yield {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None, "usage": usage}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "ping"}
    for piece in pieces(SENTENCE, 20):
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
    yield {"type": "content_block_stop", "index": 0}
    for index, use in enumerate(whole["content"][1:], start=1):
        yield {"type": "content_block_start", "index": index, "content_block": {**use, "input": {}}}
        for piece in pieces(json.dumps(use["input"]), 15):
            delta = {"type": "input_json_delta", "partial_json": piece}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ended = {"stop_reason": "tool_use", "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"input_tokens": USAGE[0], "output_tokens": USAGE[1]}}
    yield {"type": "message_stop"}


# ---- Gemini generateContent


def _gemini(parts: list[Body], tokens: int, **more: Any) -> Body:
    read = USAGE[0]
    return {
        "candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0, **more}],
        "usageMetadata": {
            "promptTokenCount": read,
            "candidatesTokenCount": tokens,
            "totalTokenCount": read + tokens,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": read}],
        },
        "modelVersion": "gemini-2.5-pro",
        "responseId": "qH7dZ4mXvT8yWn2RbLc6PsKf",
    }


def _gemini_calls() -> list[Body]:
    return [{"functionCall": {"name": name, "args": value}} for name, value in CALLS]


def gemini_answer() -> Body:
    """A whole answer."""
    return _gemini([{"text": SENTENCE}, *_gemini_calls()], USAGE[1], finishReason="STOP", avgLogprobs=-0.0187)


def gemini_events() -> Iterator[Body]:
    """The same as chunks, each with whole parts."""
    for piece in pieces(SENTENCE, 66):
        yield _gemini([{"text": piece}], 20)
    for call in _gemini_calls():
        yield _gemini([call], 60)
    yield _gemini([{"text": ""}], USAGE[1], finishReason="STOP")


# ---- files for the fake provider


def write_answers(folder: Path) -> None:
    """``NAME.json`` and ``NAME.sse`` of each dialect, as ``provider.c`` wants them."""
    folder.mkdir(parents=True, exist_ok=True)
    anthropic = "".join(f"event: {event['type']}\ndata: {_lean(event)}\n\n" for event in anthropic_events())
    streams = {
        "openai": "".join(f"data: {_lean(event)}\n\n" for event in openai_events()) + "data: [DONE]\n\n",
        "anthropic": anthropic,
        "gemini": "".join(f"data: {_lean(event)}\r\n\r\n" for event in gemini_events()),
    }
    wholes = {
        "openai": json.dumps(openai_answer(), indent=1),
        "anthropic": _lean(anthropic_answer()),
        "gemini": json.dumps(gemini_answer(), indent=1),
    }
    for name, text in streams.items():
        (folder / f"{name}.sse").write_bytes(text.encode())
        (folder / f"{name}.json").write_bytes(wholes[name].encode())


# ---- what is asked

_SYSTEM: Final = (
    "You are the dispatcher of a parcel service. Use the tools whenever they can answer better than you can. "
    "Never invent numbers or times."
)
_QUESTION: Final = (
    "Parcel NO-4471-88-2063 was promised for today. Where is it, and can it still be in Bergen this evening?"
)


def _tool(name: str, description: str, required: str, **fields: Body) -> Body:
    parameters = {
        "type": "object",
        "properties": fields,
        "required": required.split(),
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def _text(description: str, **more: Any) -> Body:
    return {"type": "string", "description": description, **more}


def _number(description: str, **more: Any) -> Body:
    return {"type": "integer", "description": description, **more}


def _list(description: str, of: Body) -> Body:
    return {"type": "array", "items": of, "description": description}


def tools() -> list[Body]:
    """Five tools."""
    return [
        _tool(
            "find_parcel",
            "Find a parcel and tell where it was last seen and in which state.",
            "tracking",
            tracking=_text("The number as it is printed on the label"),
            depot=_text("Only in this depot; all of them if not given"),
            since_days=_number("How many days to look back", minimum=1, maximum=30),
            states=_list("Only in these states", {"type": "string", "enum": ["moving", "held", "lost"]}),
        ),
        _tool(
            "list_vans",
            "List the vans that leave today on a route, with times and free space.",
            "route",
            route=_text("Where from and where to, and what lies on the way"),
            seats_free=_number("At least so many free seats", minimum=0, maximum=8),
            refrigerated={"type": "boolean"},
            order=_text("What they are sorted by", enum=["departure", "arrival", "space"]),
        ),
        _tool(
            "book_space",
            "Book space for one parcel in a van, and tell those who load it.",
            "van parcel",
            van=_text("The van's number"),
            parcel=_text("The parcel's tracking number"),
            tell=_list(
                "Who is told",
                {
                    "type": "object",
                    "properties": {"name": _text("Full name"), "phone": _text("With the code of the country")},
                    "required": ["phone"],
                },
            ),
        ),
        _tool(
            "read_label",
            "Read a parcel's label from its last photo, whole or some lines.",
            "tracking",
            tracking=_text("The parcel's tracking number"),
            first_line=_number("The first line, from 1"),
            last_line=_number("The last line"),
        ),
        _tool(
            "query_depot",
            "Run one reading query on a depot's database, for rows as JSON.",
            "query",
            query=_text("The query, one SELECT statement"),
            values=_list("Values for its parameters", {"type": "string"}),
            most=_number("At most so many rows", minimum=1, maximum=500),
        ),
    ]


def history() -> list[Body]:
    """A system text, a question, a call and its result."""
    asked = {"query": "select * from shelves where parcel = $1", "values": ["NO-4471-88-2063"], "most": 4}
    rows = [
        {
            "shelf": 2210 + number,
            "day": f"2026-01-0{2 + number}",
            "depot": "Alnabru",
            "row": "C",
            "weight_g": 840 + number,
        }
        for number in range(4)
    ]
    return [
        {"role": "system", "content": _SYSTEM},
        {"role": "user", "content": _QUESTION},
        {"role": "assistant", "content": None, "tool_calls": [_openai_call(9, "query_depot", json.dumps(asked))]},
        {"role": "tool", "tool_call_id": _openai_call(9, "", "")["id"], "content": json.dumps({"rows": rows})},
    ]


def request(model: str, *, stream: bool = False, **more: Any) -> Body:
    """A chat request of 3.8 KB; ``more`` replaces fields of it."""
    body: Body = {
        "model": model,
        "messages": history(),
        "tools": tools(),
        "tool_choice": "auto",
        "temperature": 0.2,
        "max_tokens": 1024,
    }
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body | more


def raw_request(path: str, body: Body, headers: dict[str, str]) -> bytes:
    """The request as it goes over the wire."""
    content = _lean(body).encode()
    fields = {
        "host": "127.0.0.1",
        "content-type": "application/json",
        "accept": "*/*",
        "user-agent": "benchmark/1",
        "content-length": str(len(content)),
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + content
