"""Answers of Gemini read: why they ended, what went wrong, what they cost; the same from a stream and a body."""

from __future__ import annotations

from typing import Any

import pytest

from providers.dialects.gemini import DIALECT
from providers.spec.errors import ProviderError, ProviderProtocolError, RouterError
from providers.spec.events import CandidateEnd, PartEnd, StreamEnd
from providers.spec.fold import fold
from providers.spec.parts import TextPart
from providers.spec.response import Candidate, Response, Usage
from providers.wire.json import dumps, loads_object
from tests.dialects.gemini_support import CONTEXT, answer, decoded, encoded, error_of, events_of, read

# ---- why it ended


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "malformed_tool_call"),
        ("UNEXPECTED_TOOL_CALL", "malformed_tool_call"),
        ("TOO_MANY_TOOL_CALLS", "error"),
        ("OTHER", "other"),
        ("SOMETHING_NEW", "other"),
    ],
)
def test_every_reason_has_its_word_in_both_modes(raw: str, reason: str) -> None:
    """FINISH-01, FINISH-02: never a stop that was none."""
    body = {"candidates": [{"finishReason": raw, "finishMessage": "because", "index": 0}]}
    for response in (read(body), fold(events_of(body))):
        finish = response.candidates[0].finish
        assert finish is not None
        assert (finish.reason, finish.raw, finish.message, finish.inferred) == (reason, raw, "because", False)


@pytest.mark.parametrize(("raw", "reason"), [("STOP", "tool_calls"), ("MAX_TOKENS", "length")])
def test_a_stop_with_calls_is_for_the_calls(raw: str, reason: str) -> None:
    """STREAM-13, CHOICE-12."""
    body = answer({"functionCall": {"name": "f"}}, reason=raw)
    for response in (read(body), fold(events_of(body))):
        assert response.candidates[0].finish is not None
        assert response.candidates[0].finish.reason == reason


def test_a_blocked_prompt_is_filtered_and_not_empty() -> None:
    """FINISH-02."""
    body: Any = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 3}}
    for response in (read(body), fold(events_of(body))):
        finish = response.candidates[0].finish
        assert finish is not None
        assert (finish.reason, finish.raw, response.candidates[0].parts) == ("content_filter", "PROHIBITED_CONTENT", ())
    assert DIALECT.encode_response(read(body), CONTEXT) == body
    written = loads_object(encoded(events_of(body)).removeprefix(b"data: "))
    assert "candidates" not in written
    assert written["promptFeedback"] == body["promptFeedback"]


@pytest.mark.parametrize(
    "body", [{}, {"candidates": []}, {"candidates": [{"index": 0}]}, {"candidates": [{"content": {}}]}]
)
def test_an_answer_of_nothing_is_an_error_in_both_modes(body: Any) -> None:
    """STREAM-15."""
    with pytest.raises(ProviderProtocolError):
        read(body)
    assert isinstance(error_of(body), ProviderProtocolError)


def test_a_stream_without_a_reason_is_cut() -> None:
    """STREAM-15: the protocol has no other end."""
    error = error_of(answer({"text": "so far"}, reason=None))
    assert (error.type, error.retryable) == ("provider_protocol_error", True)


def test_what_comes_after_a_reason_still_counts() -> None:
    """STREAM-11: one reason, after everything."""
    events = events_of(
        answer({"text": "a"}),
        answer({"text": "b"}, reason=None),
        {"usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 1}},
    )
    assert fold(events).candidates[0].parts == (TextPart(text="ab", form=fold(events).candidates[0].parts[0].form),)
    assert [type(event) for event in events[-3:]] == [PartEnd, CandidateEnd, StreamEnd]


# ---- errors


def test_an_error_in_a_200_is_that_error() -> None:
    """STREAM-14, STREAM-16, ERROR-05."""
    inner: Any = {
        "code": 429,
        "message": "quota",
        "status": "RESOURCE_EXHAUSTED",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7.5s"}],
    }
    with pytest.raises(ProviderError) as caught:
        read({"error": inner})
    chunk_errors = [
        error_of(answer({"text": "a"}, reason=None), {"error": inner}),
        error_of([{"error": inner}]),
        decoded([dumps({"error": inner})])[-1].error,  # type: ignore[union-attr]  # a body instead of a stream
        DIALECT.decode_error(429, dumps([{"error": inner}])),
    ]
    for error in (caught.value, *chunk_errors):
        assert isinstance(error, ProviderError)
        assert (error.status, error.type, error.message) == (429, "rate_limit_error", "quota")
        assert (error.code, error.retry_after, error.retryable) == ("RESOURCE_EXHAUSTED", 7.5, True)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "message"),
    [
        (503, {"error": {"status": "UNAVAILABLE", "message": "busy"}}, "overloaded_error", "UNAVAILABLE", "busy"),
        (
            400,
            {"error": {"message": "x", "details": [{"@type": "t/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]}},
            "authentication_error",
            "API_KEY_INVALID",
            "x",
        ),
        (403, {"error": "plain"}, "permission_error", None, "plain"),
        (500, [], "api_error", None, "the provider answered with HTTP 500 and no message"),
    ],
)
def test_errors_are_sorted_by_what_they_say(status: int, body: Any, kind: str, code: str | None, message: str) -> None:
    """ERROR-02, ERROR-03, ERROR-04."""
    error = DIALECT.decode_error(status, dumps(body))
    assert (error.status, error.type, error.code, error.message) == (status, kind, code, message)


def test_a_page_instead_of_an_error_shows_its_title() -> None:
    error = DIALECT.decode_error(502, b"<html><title>Bad &amp; gone</title><p>x</p></html>")
    assert (error.status, error.message, error.retryable) == (502, "Bad & gone", True)


def test_our_errors_read_back_as_they_were() -> None:
    """ERROR-05, ERROR-08."""
    error = RouterError("slow down", status=429, type="rate_limit_error", code="X", path="contents[0]", retry_after=2.5)
    body = DIALECT.encode_error(error)
    again = DIALECT.decode_error(429, dumps(body))
    assert (again.message, again.code, again.retry_after, again.type) == ("slow down", "X", 2.5, "rate_limit_error")
    assert body["error"]["details"][0]["metadata"]["path"] == "contents[0]"  # type: ignore[index,call-overload]


# ---- usage


def test_usage_counts_thoughts_and_tool_prompts_in_the_totals() -> None:
    """USAGE-01, USAGE-02, USAGE-05."""
    raw: Any = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 40,
        "toolUsePromptTokenCount": 10,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 5,
        "totalTokenCount": 135,
    }
    early = answer({"text": "a"}, reason=None, usageMetadata={"promptTokenCount": 100, "candidatesTokenCount": 7})
    for response in (read(answer({"text": "a"}, usageMetadata=raw)), fold(events_of(early, answer(usageMetadata=raw)))):
        usage = response.usage
        assert usage is not None
        assert usage.raw == raw
        assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (110, 25, 135)
        assert (usage.cached_tokens, usage.reasoning_tokens, usage.tool_prompt_tokens) == (40, 5, 10)


def test_usage_of_another_dialect_is_split_as_google_splits_it() -> None:
    """USAGE-05."""
    usage = Usage(input_tokens=110, output_tokens=25, cached_tokens=40, reasoning_tokens=5, tool_prompt_tokens=10)
    body = DIALECT.encode_response(Response(candidates=(Candidate(),), usage=usage), CONTEXT)
    assert body["usageMetadata"] == {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 40,
        "toolUsePromptTokenCount": 10,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 5,
        "totalTokenCount": 135,
    }


def test_counts_that_google_leaves_out_are_zero_where_the_total_says_so() -> None:
    usage = read(answer({"text": "a"}, usageMetadata={"promptTokenCount": 18, "totalTokenCount": 18})).usage
    assert usage is not None
    assert usage.output_tokens == 0
    usage = read(answer({"text": "a"}, usageMetadata={"trafficType": "X"})).usage
    assert usage is not None
    assert usage.output_tokens is None
