"""ARGS: the arguments of calls, whole, streamed and missing."""

from __future__ import annotations

from typing import Any

import pytest

from providers.dialects import DIALECTS
from providers.spec.events import CandidateEnd
from providers.spec.fold import fold
from providers.spec.parts import Origin
from tests.catalogue.support import CHAT, GEMINI, MESSAGES, chunk, events_of, folded, read, sse, typed_sse


def test_a_gemini_call_without_args_has_empty_ones() -> None:
    """ARGS-03: plain and streamed."""
    call = {"functionCall": {"name": "look"}}
    body = {"candidates": [{"content": {"role": "model", "parts": [call]}, "finishReason": "STOP"}]}
    assert read(body, GEMINI).candidates[0].tool_calls[0].arguments == "{}"
    assert folded(sse(body, done=False), GEMINI).candidates[0].tool_calls[0].arguments == "{}"


def test_a_call_without_arguments_does_not_take_those_of_the_next() -> None:
    """ARGS-04: it is finished at the end of the stream, and the call behind it keeps what is its own."""
    first = {"index": 0, "id": "a", "type": "function", "function": {"name": "clock"}}
    second = {"index": 1, "id": "b", "type": "function", "function": {"name": "look", "arguments": '{"city":"Rome"}'}}
    answer = folded(sse(chunk({"tool_calls": [first]}), chunk({"tool_calls": [second]}), chunk({}, "tool_calls")))
    calls = answer.candidates[0].tool_calls
    assert [(one.name, one.arguments) for one in calls] == [("clock", "{}"), ("look", '{"city":"Rome"}')]


def test_a_stream_that_says_calls_and_has_none_is_flagged() -> None:
    """ARGS-04, FINISH-07."""
    events = events_of(sse(chunk({"content": "Hm."}), chunk({}, "tool_calls")))
    (end,) = (event for event in events if isinstance(event, CandidateEnd))
    assert (end.finish.reason, end.finish.raw) == ("malformed_tool_call", "tool_calls")


ARGUMENTS = '{"path": "a/b.py", "line": 12345678901234567890}'


def _chat() -> tuple[Any, bytes]:
    function = {"name": "open", "arguments": ARGUMENTS}
    call = {"id": "t1", "type": "function", "function": function}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    body = {"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    opener = {**call, "index": 0, "function": {"name": "open", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": ARGUMENTS[at : at + 5]}} for at in range(0, len(ARGUMENTS), 5)]
    return body, sse(*(chunk({"tool_calls": [one]}) for one in [opener, *pieces]), chunk({}, "tool_calls"))


def _messages() -> tuple[Any, bytes]:
    block = {"type": "tool_use", "id": "t1", "name": "open", "input": {}}
    head = {"id": "m", "type": "message", "role": "assistant", "model": "m", "usage": {"input_tokens": 1}}
    pieces = [ARGUMENTS[at : at + 5] for at in range(0, len(ARGUMENTS), 5)]
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces]]
    stream = typed_sse(
        {"type": "message_start", "message": {**head, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    )
    whole = {**block, "input": {"path": "a/b.py", "line": 12345678901234567890}}
    return {**head, "content": [whole], "stop_reason": "tool_use"}, stream


@pytest.mark.parametrize("dialect", [CHAT, MESSAGES])
def test_streamed_arguments_are_those_of_the_plain_answer(dialect: str) -> None:
    """ARGS-15: what was accumulated is in the call; also where it began with an empty placeholder."""
    body, stream = _chat() if dialect == CHAT else _messages()
    (plain,) = read(body, dialect).candidates[0].tool_calls
    (streamed,) = folded(stream, dialect).candidates[0].tool_calls
    assert streamed.arguments.replace(" ", "") == plain.arguments.replace(" ", "")
    assert "12345678901234567890" in streamed.arguments


@pytest.mark.parametrize("placeholder", ["{}", " {} ", {}])
@pytest.mark.parametrize("spelling", [True, False])
def test_a_placeholder_in_front_of_streamed_arguments_is_none_of_them(placeholder: Any, spelling: bool) -> None:
    """ARGS-02: gateways pass on what blocks of Anthropic's begin with; told twice it is still one."""
    opener = {"index": 0, "id": "a", "type": "function", "function": {"name": "look", "arguments": placeholder}}
    pieces = [{"index": 0, "function": {"arguments": text}} for text in ('{"city"', ':"Rome"}')]
    filled = sse(*(chunk({"tool_calls": [one]}) for one in [opener, *pieces]), chunk({}, "tool_calls"))
    empty = sse(chunk({"tool_calls": [opener]}), chunk({"tool_calls": [opener]}, "tool_calls"))
    for stream, arguments in ((filled, '{"city":"Rome"}'), (empty, "{}")):
        decoder = DIALECTS[CHAT].stream_decoder(Origin(dialect=CHAT), spelling=spelling)
        (call,) = fold([*decoder.feed(stream), *decoder.close()]).candidates[0].tool_calls
        assert (call.id, call.name, call.arguments.strip()) == ("a", "look", arguments)
