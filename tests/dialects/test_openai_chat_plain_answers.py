"""The compiled reader of whole answers says what the codec says, spelling and unmodelled fields aside."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects.openai_chat import DIALECT
from providers.dialects.openai_chat.plain_answer import read_answer
from providers.spec.parts import Origin
from providers.wire.json import dumps, loads_object
from tests.dialects.test_openai_chat_plain import _with, among, call, maybe, mostly

ORIGIN = Origin(dialect="openai-chat", provider="p", model="m")

CALLS = mostly(
    st.lists(
        st.builds(
            lambda index, *said: _with({}, {"index": index}, call(*said)),
            maybe(among(0, 1, odd=[None, "0", 1.0])),
            among("c1", "c2", odd=["", None]), among("look", odd=["", 1]), among("{}", '{"x":', odd=["", " "])
        ),
        max_size=2,
    ),
    st.sampled_from([[{"type": "custom", "id": "c", "custom": {"name": "n", "input": "x"}}], "x", [None]]),
)  # fmt: skip
MESSAGES = st.builds(
    _with,
    st.fixed_dictionaries({"role": among("assistant", odd=["user", None])}),
    st.fixed_dictionaries(
        {
            "content": maybe(among("a", "é", "", None, odd=[[], [{"type": "text", "text": "t"}], 1])),
            "tool_calls": maybe(CALLS | st.none()),
            "refusal": maybe(among(None, odd=["", "no"])),
            "annotations": maybe(among([], odd=[None, [{"type": "url_citation"}]])),
        }
    ),
    among({}, odd=[{"reasoning_content": "r"}, {"extra_content": {}}, {"function_call": None}, {"audio": None}]),
)  # fmt: skip
CHOICES = st.builds(
    _with,
    st.fixed_dictionaries({"message": MESSAGES}),
    st.fixed_dictionaries(
        {
            "index": maybe(among(0, 1, odd=["0", None])),
            "finish_reason": among("stop", "tool_calls", "length", "content_filter", "eos", odd=["", None, ...]),
            "logprobs": maybe(among(None, odd=[{"content": []}])),
        }
    ),
    among({}, odd=[{"error": {"message": "m"}}, {"stop_reason": 7}]),
)
ANSWERS = st.builds(
    _with,
    st.fixed_dictionaries({"choices": mostly(st.lists(CHOICES, min_size=1, max_size=2), st.sampled_from([[], None]))}),
    st.fixed_dictionaries(
        {
            "id": maybe(among("r", odd=[1, None])),
            "object": maybe(among("chat.completion", odd=["error", None])),
            "created": maybe(among(1, odd=[1.5, None])),
            "model": maybe(among("m", odd=[None])),
            "usage": maybe(
                among({"prompt_tokens": 3, "completion_tokens": 2}, {}, None, {"prompt_tokens": 1, "cost": 0.10},
                      odd=[{"prompt_tokens": "3"}, {"prompt_tokens_details": {"cached_tokens": 1}}, 5])
            ),
            "service_tier": maybe(among("default", None, odd=[1])),
        }
    ),
    among({}, odd=[{"error": None}, {"error": "e"}, {"more": 1}]),
)  # fmt: skip


def said(value: Any) -> Any:
    """The value without any form and carried field, and numbers as they were written."""
    if isinstance(value, msgspec.Struct):
        fields = {field: getattr(value, field) for field in value.__struct_fields__ if field not in {"form", "ext"}}
        return (type(value).__name__, {key: said(item) for key, item in fields.items()})
    if isinstance(value, list | tuple):
        return [said(item) for item in value]
    if isinstance(value, dict):
        return {key: said(item) for key, item in value.items()}
    return dumps(value) if isinstance(value, float) else value


@given(ANSWERS, st.booleans())
def test_what_is_read_plainly_is_what_the_codec_reads(answer: Any, ascii: bool) -> None:
    raw = json.dumps(answer, ensure_ascii=ascii).encode()
    plain = read_answer(raw)
    if plain is not None:
        assert said(plain) == said(DIALECT.decode_response(loads_object(raw), ORIGIN))


def test_what_hosts_write_is_read_plainly() -> None:
    """A law that nothing reaches would hold as well."""
    message = {
        "role": "assistant",
        "content": "x",
        "refusal": None,
        "annotations": [],
        "tool_calls": [call(), {**call(), "index": 0}],
    }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls"}
    answer = {"id": "r", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    answer |= {"usage": {"prompt_tokens": 1}, "service_tier": "default", "system_fingerprint": None}
    assert read_answer(json.dumps(answer, indent=1).encode()) is not None


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"choices":[]}', b"\xff", b'{"choices":[{"message":{}}]}'])
def test_what_is_no_answer_is_left_to_the_codec(raw: bytes) -> None:
    assert read_answer(raw) is None


def test_a_negative_zero_is_left_to_the_codec() -> None:
    body = b'{"choices":[{"message":{"content":"2026-01-02"},"finish_reason":"stop"}],"usage":{"prompt_tokens":%b}}'
    assert read_answer(body % b"1") is not None
    assert read_answer(body % b"-0") is None
