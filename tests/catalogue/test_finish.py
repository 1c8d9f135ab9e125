"""FINISH and USAGE: why it ended and what it cost, in one meaning for all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.dialects import DIALECTS
from tests.catalogue.support import CHAT, MESSAGES, context, data_of, events_of, read, typed_sse, written

REASONS = {
    "end_turn": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "refusal": "content_filter",
    "model_context_window_exceeded": "length",
}


def _answer(reason: str) -> dict[str, Any]:
    call = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
    return {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "Hi."}, *([call] if reason == "tool_use" else [])],
        "stop_reason": reason,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def _stream(reason: str) -> bytes:
    answer = _answer(reason)
    blocks = []
    for index, block in enumerate(answer["content"]):
        start = {"type": "content_block_start", "index": index, "content_block": block}
        blocks += [start, {"type": "content_block_stop", "index": index}]
    return typed_sse(
        {"type": "message_start", "message": {**answer, "content": [], "stop_reason": None}},
        *blocks,
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    )


@pytest.mark.parametrize(("raw", "word"), REASONS.items())
def test_every_reason_of_anthropics_has_a_word_on_chat(raw: str, word: str) -> None:
    """FINISH-04: plain and streamed; none of them is unknown there, and none but an end is ``stop``."""
    plain = json.loads(json.dumps(DIALECTS[CHAT].encode_response(read(_answer(raw), MESSAGES), context())))
    assert plain["choices"][0]["finish_reason"] == word
    shown = data_of(written(events_of(_stream(raw), MESSAGES), CHAT))
    reasons = [choice["finish_reason"] for one in shown for choice in one["choices"] if choice["finish_reason"]]
    assert reasons == [word]


def test_a_pause_is_told_apart_from_an_end() -> None:
    """FINISH-05: the caller is to resend; its own dialect gets its own word back."""
    answer = read(_answer("pause_turn"), MESSAGES)
    finish = answer.candidates[0].finish
    assert finish is not None
    assert (finish.reason, finish.raw) == ("pause", "pause_turn")
    assert DIALECTS[MESSAGES].encode_response(answer, context())["stop_reason"] == "pause_turn"
