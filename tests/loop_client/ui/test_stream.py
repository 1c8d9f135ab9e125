"""Events of a run into chunks, as a pure function."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from loop_client.errors import ErrorDetail
from loop_client.events import (
    AnyEvent,
    FileOutput,
    ProviderToolActivity,
    ReasoningDelta,
    ResponseMetadata,
    RoundFinish,
    RoundRestart,
    RoundStart,
    RunFinish,
    RunFinishReason,
    RunStart,
    SourceFound,
    TextDelta,
    ToolApprovalAnswered,
    ToolApprovalRequested,
    ToolDeferred,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
    ToolProgress,
)
from loop_client.ui import StreamOptions, UIMessageStream
from loop_client.usage import Usage

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
TOKENS = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}
START = RunStart("run_1", "test/model", ("add", "pick"), started_at=NOON.timestamp())


def chunks_of(events: Iterable[AnyEvent], **options: Any) -> list[dict[str, Any]]:
    stream = UIMessageStream(StreamOptions(now=lambda: NOON, **options))
    return [chunk for event in events for chunk in stream.feed(event)]


def types(chunks: list[dict[str, Any]]) -> list[str]:
    return [chunk["type"] for chunk in chunks]


def finish(reason: RunFinishReason = "stop", **members: Any) -> RunFinish:
    return RunFinish("run_1", reason, "", (), Usage(30, 13, 43), 1, 1, 0.5, **members)


def round_finish(reason: Any = "stop") -> RoundFinish:
    return RoundFinish(1, reason, reason, Usage(10, 5, 15), 0.1, None)


def test_words_are_opened_and_closed_once_and_in_order() -> None:
    chunks = chunks_of(
        [
            START,
            RoundStart(1),
            ReasoningDelta(1, "hm"),
            TextDelta(1, "Hel"),
            TextDelta(1, "lo"),
            ReasoningDelta(1, "more"),
            TextDelta(1, "!"),
            round_finish(),
            finish(),
        ]
    )
    assert types(chunks) == [
        "start",
        "start-step",
        "reasoning-start",
        "reasoning-delta",
        "reasoning-end",
        "text-start",
        "text-delta",
        "text-delta",
        "text-end",
        "reasoning-start",
        "reasoning-delta",
        "reasoning-end",
        "text-start",
        "text-delta",
        "text-end",
        "message-metadata",
        "finish-step",
        "finish",
    ]
    opened = [chunk["id"] for chunk in chunks if chunk["type"].endswith("-start")]
    assert len(set(opened)) == len(opened)


def test_metadata_tell_of_model_times_tokens_and_outcome() -> None:
    events: list[AnyEvent] = [
        START,
        RoundStart(1),
        ResponseMetadata(1, "resp_1", "model-2026", 5),
        TextDelta(1, "a"),
        round_finish(),
    ]
    chunks = chunks_of([*events, finish(cost=0.25)], message_id="msg_1")
    assert chunks[0] == {
        "type": "start",
        "messageId": "msg_1",
        "messageMetadata": {"runId": "run_1", "model": "test/model", "startedAt": "2026-01-02T12:00:00.000Z"},
    }
    told = [chunk["messageMetadata"] for chunk in chunks if chunk["type"] == "message-metadata"]
    assert told == [
        {"model": "model-2026", "responseId": "resp_1"},
        {"usage": TOKENS},
    ]
    assert chunks[-1] == {
        "type": "finish",
        "finishReason": "stop",
        "messageMetadata": {
            "finishReason": "stop",
            "finishedAt": "2026-01-02T12:00:00.000Z",
            "usage": {"inputTokens": 30, "outputTokens": 13, "totalTokens": 43},
            "rounds": 1,
            "calls": 1,
            "cost": 0.25,
        },
    }


def test_a_call_goes_through_its_states_with_its_result_in_the_step() -> None:
    chunks = chunks_of(
        [
            START,
            RoundStart(1),
            TextDelta(1, "Let me add."),
            ToolInputStart(1, "c1", "add"),
            ToolInputDelta(1, "c1", '{"left":2'),
            ToolInputDelta(1, "c1", "}"),
            round_finish("tool_calls"),
            ToolInputAvailable(1, "c1", "add", '{"left":2}'),
            ToolInputAvailable(1, "c1", "add", '{"left":2}', attempt=2),
            ToolOutputAvailable(1, "c1", "add", '{"sum":5}', 0.1),
            RoundStart(2),
            TextDelta(2, "5"),
            finish(),
        ]
    )
    assert chunks[4:-5] == [
        {"type": "text-end", "id": "text-1"},
        {"type": "tool-input-start", "toolCallId": "c1", "toolName": "add"},
        {"type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": '{"left":2'},
        {"type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": "}"},
        {
            "type": "message-metadata",
            "messageMetadata": {"usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}},
        },
        {"type": "tool-input-available", "toolCallId": "c1", "toolName": "add", "input": {"left": 2}},
        {"type": "tool-output-available", "toolCallId": "c1", "output": {"sum": 5}},
        {"type": "finish-step"},
        {"type": "start-step"},
    ]


def test_a_refused_call_is_an_input_error_and_an_unknown_tool_a_dynamic_one() -> None:
    chunks = chunks_of(
        [
            START,
            RoundStart(1),
            ToolInputStart(1, "c1", "nonsense"),
            ToolOutputError(1, "c1", "nonsense", '{"a": ', "invalid_json", "not JSON", 0.0),
            ToolInputAvailable(1, "c2", "add", "{}"),
            ToolOutputError(1, "c2", "add", "{}", "exception", "the tool failed: OSError", 0.1),
        ]
    )
    assert chunks[2:] == [
        {"type": "tool-input-start", "toolCallId": "c1", "toolName": "nonsense", "dynamic": True},
        {
            "type": "tool-input-error",
            "toolCallId": "c1",
            "toolName": "nonsense",
            "dynamic": True,
            "input": '{"a": ',
            "errorText": "not JSON",
        },
        {"type": "tool-input-available", "toolCallId": "c2", "toolName": "add", "input": {}},
        {"type": "tool-output-error", "toolCallId": "c2", "errorText": "the tool failed: OSError"},
    ]


def test_calls_that_wait_carry_the_run_and_the_token_their_answer_must_bring() -> None:
    chunks = chunks_of(
        [
            START,
            RoundStart(1),
            ToolDeferred(1, "c1", "pick", '{"n": 1}', "t1", {"type": "string"}, "Pick one"),
            ToolApprovalRequested(1, "c2", "add", "{}", "t2"),
            finish("suspended"),
        ]
    )
    assert chunks[2:] == [
        {
            "type": "tool-input-available",
            "toolCallId": "c1",
            "toolName": "pick",
            "title": "Pick one",
            "input": {"n": 1},
            "providerMetadata": {"loopClient": {"runId": "run_1", "token": "t1", "text": '{"n": 1}'}},
            "toolMetadata": {"answerSchema": {"type": "string"}},
        },
        {
            "type": "tool-input-available",
            "toolCallId": "c2",
            "toolName": "add",
            "input": {},
            "providerMetadata": {"loopClient": {"runId": "run_1", "token": "t2"}},
        },
        {"type": "tool-approval-request", "approvalId": "c2", "toolCallId": "c2"},
        {"type": "finish-step"},
        chunks[-1],
    ]
    assert (chunks[-1]["finishReason"], chunks[-1]["messageMetadata"]["finishReason"]) == ("tool-calls", "suspended")


def test_a_resumed_run_changes_the_parts_of_the_step_it_was_suspended_in() -> None:
    chunks = chunks_of(
        [
            RunStart("run_1", "test/model", ("add",), started_at=1.0, resumed=True),
            ToolApprovalAnswered(1, "c2", "add", "{}", False, "too dear"),
            ToolOutputDenied(1, "c2", "add", "{}", "too dear"),
            ToolOutputError(1, "c1", "pick", "{}", "answered_with_error", "camera is off", 0.0),
            ToolInputAvailable(1, "c3", "add", "{}"),
            ToolOutputAvailable(1, "c3", "add", "1", 0.1),
            RoundStart(2),
            TextDelta(2, "Then not."),
            finish(),
        ]
    )
    assert chunks[0]["messageMetadata"] == {"runId": "run_1", "model": "test/model"}, "it started when it first started"
    assert chunks[1:5] == [
        {"type": "tool-approval-response", "approvalId": "c2", "approved": False, "reason": "too dear"},
        {"type": "tool-output-denied", "toolCallId": "c2"},
        {"type": "tool-output-error", "toolCallId": "c1", "errorText": "camera is off"},
        {"type": "tool-output-available", "toolCallId": "c3", "output": 1},
    ], "a call that was approved is not announced again, or the page would run it"
    assert types(chunks[5:]) == ["start-step", "text-start", "text-delta", "text-end", "finish-step", "finish"]


def test_a_resumed_run_that_ends_at_once_ends_in_an_empty_step() -> None:
    start = RunStart("run_1", "test/model", ("add",), resumed=True)
    chunks = chunks_of([start, ToolOutputAvailable(1, "c1", "add", "1", 0.1), finish("max_calls")])
    assert types(chunks) == ["start", "tool-output-available", "start-step", "finish-step", "finish"]


@pytest.mark.parametrize("reason", ["max_rounds", "repeated_calls", "terminal_tool", "stop_condition"])
def test_a_run_that_ends_with_calls_ends_in_an_empty_step(reason: Any) -> None:
    """LOOP-03: a front end that goes on by itself once all calls are answered would escape the limit."""
    events: list[AnyEvent] = [
        START,
        RoundStart(1),
        ToolInputAvailable(1, "c1", "add", "{}"),
        ToolOutputAvailable(1, "c1", "add", "1", 0),
    ]
    chunks = chunks_of([*events, finish(reason)])
    assert types(chunks[-4:]) == ["finish-step", "start-step", "finish-step", "finish"]
    assert chunks[-1]["finishReason"] == ("other" if reason in {"max_rounds", "repeated_calls"} else "stop")
    assert chunks[-1]["messageMetadata"]["finishReason"] == reason


def test_the_detail_of_a_failed_run_is_not_shown() -> None:
    detail = ErrorDetail("http_error", "401 from db-7.internal: bad key sk-secret")
    events: list[AnyEvent] = [START, RoundStart(1), TextDelta(1, "I"), finish("error", error=detail, error_id="err_7")]
    chunks = chunks_of(events)
    assert chunks[-4:-1] == [
        {"type": "text-end", "id": "text-1"},
        {"type": "error", "errorText": "The answer could not be completed (error err_7)."},
        {"type": "finish-step"},
    ]
    assert "secret" not in str(chunks)
    assert "internal" not in str(chunks)
    shown = chunks_of(events, error_text=lambda finish: f"Sorry: {finish.error_id}")
    assert shown[-3]["errorText"] == "Sorry: err_7"


def test_a_repeated_model_call_takes_back_what_the_step_showed() -> None:
    error = ErrorDetail("stream_error", "cut")
    chunks = chunks_of(
        [
            START,
            RoundStart(1),
            TextDelta(1, "Hal"),
            ToolInputStart(1, "c1", "add"),
            TextDelta(1, "x"),
            RoundRestart(1, 2, 0.5, error),
            TextDelta(1, "Hello"),
            finish(),
        ]
    )
    assert types(chunks)[-6:] == ["reset-step", "text-start", "text-delta", "text-end", "finish-step", "finish"]
    assert len({chunk["id"] for chunk in chunks if chunk["type"] == "text-start"}) == 3


def test_reasoning_and_sources_are_shown_or_not() -> None:
    events: list[AnyEvent] = [
        START,
        RoundStart(1),
        ReasoningDelta(1, "hm"),
        SourceFound(1, "s1", "url", "https://example.com", "Example"),
        SourceFound(1, "s2", "document", title="Manual"),
        finish(),
    ]
    shown = chunks_of(events)
    assert {"type": "source-url", "sourceId": "s1", "url": "https://example.com", "title": "Example"} in shown
    document = {"sourceId": "s2", "mediaType": "application/octet-stream", "title": "Manual"}
    assert {"type": "source-document", **document} in shown
    hidden = chunks_of(events, reasoning=False, sources=False)
    assert types(hidden) == ["start", "start-step", "finish-step", "finish"]


def test_progress_previews_files_and_the_providers_own_tools() -> None:
    chunks = chunks_of(
        [
            START,
            RoundStart(1),
            ToolInputAvailable(1, "c1", "add", "{}"),
            ToolProgress(1, "c1", "add", 1, 4, "reading"),
            ToolProgress(1, "c1", "add", 2, output={"half": True}),
            ToolOutputAvailable(
                1, "c1", "add", "seen", 0, ({"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}},)
            ),
            FileOutput(1, "image/png", "data:image/png;base64,eQ=="),
            ProviderToolActivity(1, "p1", "web_search", "input-available", {"q": "x"}),
            ProviderToolActivity(1, "p1", "web_search", "output-available", [1]),
            ProviderToolActivity(1, "p2", "code", "output-error", {"secret": 1}),
        ]
    )
    own = {"providerExecuted": True, "dynamic": True}
    assert chunks[3:] == [
        {
            "type": "data-tool-progress",
            "id": "c1",
            "data": {"toolCallId": "c1", "toolName": "add", "message": "reading", "total": 4, "progress": 1},
            "transient": True,
        },
        {"type": "tool-output-available", "toolCallId": "c1", "output": {"half": True}, "preliminary": True},
        {"type": "tool-output-available", "toolCallId": "c1", "output": "seen"},
        {"type": "file", "url": "data:image/png;base64,eA==", "mediaType": "image/png"},
        {"type": "file", "url": "data:image/png;base64,eQ==", "mediaType": "image/png"},
        {"type": "tool-input-available", "toolCallId": "p1", "toolName": "web_search", "input": {"q": "x"}, **own},
        {"type": "tool-output-available", "output": [1], "toolCallId": "p1", **own},
        {"type": "tool-input-available", "toolCallId": "p2", "toolName": "code", "input": {}, **own},
        {"type": "tool-output-error", "errorText": "the provider's tool failed", "toolCallId": "p2", **own},
    ]


@pytest.mark.parametrize(
    ("output", "value", "kept"),
    [
        ("plain words", "plain words", None),
        ('{"n":1}', {"n": 1}, None),
        ('{"n": 1}', {"n": 1}, '{"n": 1}'),
        ("12345678901234567890", 12345678901234567890, "12345678901234567890"),
        ("0.10000000000000000001", 0.1, "0.10000000000000000001"),
        ('"quoted"', '"quoted"', None),
        ("true", True, None),
    ],
)
def test_an_output_is_shown_as_a_value_and_keeps_its_text(output: str, value: Any, kept: str | None) -> None:
    """ARGS-10: JavaScript would change the digits of large integers."""
    (chunk,) = chunks_of([ToolOutputAvailable(1, "c1", "add", output, 0.0)])
    assert chunk["output"] == value
    assert chunk.get("providerMetadata") == (None if kept is None else {"loopClient": {"text": kept}})


def test_a_stream_that_is_cut_short_still_closes_what_is_open() -> None:
    stream = UIMessageStream(StreamOptions(now=lambda: NOON))
    for event in (START, RoundStart(1), TextDelta(1, "Hal")):
        stream.feed(event)
    ended = [stream.ended]
    assert stream.abort("stopped") == [{"type": "text-end", "id": "text-1"}, {"type": "abort", "reason": "stopped"}]
    assert [*ended, stream.ended] == [False, True]
    assert types(UIMessageStream(StreamOptions(now=lambda: NOON)).fail("no")) == ["error", "finish"]
