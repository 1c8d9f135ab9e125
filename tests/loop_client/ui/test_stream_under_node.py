"""The stream as the AI SDK's own transport and reader see it, under Node, over a socket.

The events are made up here so that every chunk there is gets read once; runs of the loop are read in the tests of the
server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

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
    RunNotice,
    RunStart,
    RunSuspended,
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
from loop_client.ui import DONE, HEADERS, StreamOptions, UIMessageStream, encode_chunk, read_ui_messages
from loop_client.ui.chunks import KEEP_ALIVE
from loop_client.usage import Usage
from tests.loop_client.javascript import run_script
from tests.loop_client.serving import serving

pytestmark = pytest.mark.needs_node

QUESTION = {"id": "u1", "role": "user", "parts": [{"type": "text", "text": "go"}]}
START = RunStart("run_1", "test/model", ("add", "pick", "pay"), 1.0)
USAGE = Usage(10, 5, 15)


async def read_by_node(events: list[AnyEvent], messages: list[Any], message_id: str = "m1") -> dict[str, Any]:
    async def body() -> AsyncIterator[bytes]:
        stream = UIMessageStream(StreamOptions(message_id))
        for event in events:
            for chunk in stream.feed(event):
                yield encode_chunk(chunk)
            yield KEEP_ALIVE
        yield DONE

    async def chat(request: Request) -> StreamingResponse:
        assert (await request.json())["messages"] == messages
        return StreamingResponse(body(), headers=HEADERS)

    async with serving(Starlette(routes=[Route("/chat", chat, methods=["POST"])])) as address:
        return await run_script("read_stream.mjs", {"api": f"{address}/chat", "messages": messages})


async def test_every_chunk_is_read_and_the_states_come_in_order() -> None:
    read = await read_by_node(
        [
            START,
            RoundStart(1),
            ResponseMetadata(1, "resp_1", "model-2026"),
            ReasoningDelta(1, "hm"),
            TextDelta(1, "Hal"),
            RoundRestart(1, 2, 0.0, ErrorDetail("stream_error", "cut")),
            ReasoningDelta(1, "hm"),
            TextDelta(1, "Let me see. \ud83d é \u2028"),
            SourceFound(1, "s1", "url", "https://example.com", "Example"),
            SourceFound(1, "s2", "document"),
            ToolInputStart(1, "c1", "add"),
            ToolInputDelta(1, "c1", '{"left": 2, "rig'),
            ToolInputDelta(1, "c1", 'ht": 3}'),
            ToolInputStart(1, "c2", "nonsense"),
            RoundFinish(1, "tool_calls", "tool_calls", USAGE, 0.1, None),
            RunNotice("choice_relaxed", "for the operator"),
            ToolOutputError(1, "c2", "nonsense", '{"a', "unknown_tool", "there is no tool of that name", 0.0),
            ToolInputAvailable(1, "c1", "add", '{"left": 2, "right": 3}'),
            ToolProgress(1, "c1", "add", 1, 2, "half"),
            ToolProgress(1, "c1", "add", 1, output=[1]),
            ToolOutputAvailable(1, "c1", "add", "5", 0.1),
            ToolInputAvailable(1, "c3", "add", "{}"),
            ToolOutputError(1, "c3", "add", "{}", "exception", "the tool failed: OSError", 0.1),
            ProviderToolActivity(1, "p1", "web_search", "input-available", {"q": "x"}),
            ProviderToolActivity(1, "p1", "web_search", "output-available", {"hits": 3}),
            RoundStart(2),
            FileOutput(2, "image/png", "data:image/png;base64,eA=="),
            TextDelta(2, "Done."),
            RoundFinish(2, "stop", "stop", USAGE, 0.1, None),
            RunFinish("run_1", "stop", "Done.", (), USAGE + USAGE, 2, 3, 0.5),
        ],
        [QUESTION],
    )
    assert read["errors"] == []
    assert read["states"] == [
        "c1:input-streaming",
        "c2:input-streaming",
        "c2:output-error",
        "c1:input-available",
        "c1:output-available",
        "c3:input-available",
        "c3:output-error",
        "p1:input-available",
        "p1:output-available",
    ]
    message = read["message"]
    assert (message["id"], message["role"]) == ("m1", "assistant")
    metadata = message["metadata"]
    assert (metadata["model"], metadata["runId"], metadata["finishReason"]) == ("model-2026", "run_1", "stop")
    assert metadata["usage"] == {"inputTokens": 20, "outputTokens": 10, "totalTokens": 30}
    kinds = [part["type"] for part in message["parts"]]
    assert kinds == [
        "step-start",
        "reasoning",
        "text",
        "source-url",
        "source-document",
        "tool-add",
        "dynamic-tool",
        "tool-add",
        "dynamic-tool",
        "step-start",
        "file",
        "text",
    ]
    assert all(part["state"] == "done" for part in message["parts"] if part["type"] in {"text", "reasoning"})
    assert message["parts"][2]["text"].startswith("Let me see.")
    assert "\u2028" in message["parts"][2]["text"]
    assert (message["parts"][5]["input"], message["parts"][5]["output"]) == ({"left": 2, "right": 3}, 5)


async def test_what_the_reader_made_of_it_reads_back_as_the_history() -> None:
    """ARGS-10, ARGS-12: the round trip through JavaScript changes neither digits nor spelling."""
    arguments, output = '{"id": 12345678901234567890, "rate": 1.0}', '{"found": 98765432109876543210}'
    read = await read_by_node(
        [
            START,
            RoundStart(1),
            ToolInputAvailable(1, "c1", "add", arguments),
            ToolOutputAvailable(1, "c1", "add", output, 0.1),
            RoundStart(2),
            TextDelta(2, "Done."),
            RunFinish("run_1", "stop", "Done.", (), USAGE, 2, 1, 0.5),
        ],
        [QUESTION],
    )
    assert read_ui_messages([QUESTION, read["message"]]).messages[1:] == (
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": arguments}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": output},
        {"role": "assistant", "content": "Done."},
    )


async def test_a_run_that_waits_and_goes_on_is_one_message() -> None:
    waiting = await read_by_node(
        [
            START,
            RoundStart(1),
            ToolInputStart(1, "c1", "pick"),
            ToolInputStart(1, "c2", "pay"),
            ToolInputStart(1, "c3", "pay"),
            ToolDeferred(1, "c1", "pick", "{}", "t1", {"type": "string"}),
            ToolApprovalRequested(1, "c2", "pay", '{"euros":1}', "t2"),
            ToolApprovalRequested(1, "c3", "pay", '{"euros":9}', "t3"),
            RunSuspended("run_1", (), "state", 9.0),
            RunFinish("run_1", "suspended", "", (), USAGE, 1, 3, 0.5),
        ],
        [QUESTION],
    )
    assert waiting["states"][3:] == [
        "c1:input-available",
        "c2:input-available",
        "c2:approval-requested",
        "c3:input-available",
        "c3:approval-requested",
    ]
    message = waiting["message"]
    assert message["metadata"]["answerBefore"] == "1970-01-01T00:00:09.000Z"
    answered = {part.get("toolCallId"): part for part in message["parts"]}
    answered["c1"] |= {"state": "output-available", "output": "blue"}
    answered["c2"] |= {"state": "approval-responded", "approval": {"id": "c2", "approved": True}}
    answered["c3"] |= {"state": "approval-responded", "approval": {"id": "c3", "approved": False, "reason": "dear"}}
    answers = read_ui_messages([QUESTION, message]).answers
    assert [(answer.call_id, answer.token, answer.outcome) for answer in answers] == [
        ("c1", "t1", "value"),
        ("c2", "t2", "approved"),
        ("c3", "t3", "denied"),
    ]

    done = await read_by_node(
        [
            RunStart("run_1", "test/model", ("add", "pick", "pay"), 1.0, resumed=True),
            ToolOutputAvailable(1, "c1", "pick", "blue", 0.0),
            ToolApprovalAnswered(1, "c2", "pay", '{"euros":1}', True),
            ToolApprovalAnswered(1, "c3", "pay", '{"euros":9}', False, "dear"),
            ToolOutputDenied(1, "c3", "pay", '{"euros":9}', "dear"),
            ToolInputAvailable(1, "c2", "pay", '{"euros":1}'),
            ToolOutputAvailable(1, "c2", "pay", "paid", 0.1),
            RoundStart(2),
            TextDelta(2, "Paid."),
            RunFinish("run_1", "stop", "Paid.", (), USAGE, 2, 3, 0.5),
        ],
        [QUESTION, message],
    )
    assert done["errors"] == []
    assert done["message"]["id"] == message["id"]
    assert [(part["type"], part.get("state")) for part in done["message"]["parts"]] == [
        ("step-start", None),
        ("tool-pick", "output-available"),
        ("tool-pay", "output-available"),
        ("tool-pay", "output-denied"),
        ("step-start", None),
        ("text", "done"),
    ]


async def test_an_error_is_masked_and_seen_as_one() -> None:
    detail = ErrorDetail("http_error", "bad key sk-secret")
    finish = RunFinish("run_1", "error", "", (), USAGE, 1, 0, 0.5, error=detail, error_id="err_7")
    read = await read_by_node([START, RoundStart(1), TextDelta(1, "I"), finish], [QUESTION])
    assert read["errors"] == ["The answer could not be completed (error err_7)."]
    assert "secret" not in str(read)
    assert read["chunks"][-1]["finishReason"] == "error"
