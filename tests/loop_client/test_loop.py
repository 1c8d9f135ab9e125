"""The loop: rounds, parallel calls, results, errors and limits, against a server on a socket."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import aclosing
from typing import Any

import pytest

from loop_client import (
    AnyEvent,
    Limits,
    LoopClient,
    RoundFinish,
    RunFinish,
    TextDelta,
    ToolError,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputError,
    ask,
    tool,
)
from tests.loop_client.fake_server import WAIT, FakeServer, Turn, call, calls, delta, finish, says, usage


def add(left: int, right: int) -> int:
    """Add two numbers."""
    return left + right


async def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


def client_for(server: FakeServer, *tools: Any, **settings: Any) -> LoopClient:
    return LoopClient(base_url=server.base_url, model="test/model", tools=tools, **settings)


async def events_of(client: LoopClient, question: Any = "go") -> list[AnyEvent]:
    async with client, asyncio.timeout(WAIT):
        return [event async for event in client.stream(question)]


def results_in(request: dict[str, Any]) -> dict[str, str]:
    return {item["tool_call_id"]: item["content"] for item in request["messages"] if item["role"] == "tool"}


async def test_two_rounds_with_a_tool_end_in_the_answer(server: FakeServer) -> None:
    server.play(calls(("c1", "add", '{"left": 2, "right": 3}')), says("It is 5."))
    async with client_for(server, add, system="Be brief.") as client:
        result = await client.ask("What is 2 + 3?")
    assert (result.text, result.finish_reason, result.rounds, result.calls) == ("It is 5.", "stop", 2, 1)
    assert (result.usage.input_tokens, result.usage.output_tokens, result.usage.total_tokens) == (30, 13, 43)
    first, second = server.requests
    assert first["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 2 + 3?"},
    ]
    assert second["messages"][2:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"left": 2, "right": 3}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "5"},
    ]
    assert list(result.messages) == [*second["messages"], {"role": "assistant", "content": "It is 5."}]
    assert first["stream"] is True
    assert first["stream_options"] == {"include_usage": True}


async def test_tools_are_the_same_bytes_in_every_round(server: FakeServer) -> None:
    """LOOP-01, LOOP-02."""
    server.play(calls(("c1", "shout", '{"text": "a"}')), calls(("c2", "shout", '{"text": "b"}')), says("done"))
    await events_of(client_for(server, add, shout))
    sent = [body[body.index(b'"tools":') : body.index(b'"stream":')] for body in server.bodies]
    assert len(sent) == 3
    assert len(set(sent)) == 1
    assert [item["function"]["name"] for item in server.requests[0]["tools"]] == ["add", "shout"]


async def test_without_tools_none_are_sent(server: FakeServer) -> None:
    server.play(says("hello"))
    await events_of(client_for(server, tool_choice="auto"))
    assert "tools" not in server.requests[0]
    assert "tool_choice" not in server.requests[0]


async def test_parallel_calls_overlap_and_their_results_are_joined_by_id_in_call_order(server: FakeServer) -> None:
    second_has_run = asyncio.Event()

    async def first() -> str:
        """Wait for the other one."""
        await asyncio.wait_for(second_has_run.wait(), WAIT)
        return "from first"

    async def second() -> str:
        """Let the other one go on."""
        second_has_run.set()
        return "from second"

    server.play(calls(("x", "first", "{}"), ("y", "second", "{}")), says("ok"))
    events = await events_of(client_for(server, first, second))
    outputs = [event.call_id for event in events if isinstance(event, ToolOutputAvailable)]
    assert outputs == ["y", "x"], "each is told of as it ends"
    results = [item for item in server.requests[1]["messages"] if item["role"] == "tool"]
    assert [(item["tool_call_id"], item["content"]) for item in results] == [("x", "from first"), ("y", "from second")]


async def test_no_more_than_max_parallel_tools_run_at_once(server: FakeServer) -> None:
    running, most = 0, 0

    async def work() -> None:
        """Work a little."""
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(5):
            await asyncio.sleep(0)
        running -= 1

    server.play(calls(*((f"c{number}", "work", "") for number in range(7))), says("ok"))
    await events_of(client_for(server, work, limits=Limits(max_parallel=2)))
    assert most == 2
    assert len(results_in(server.requests[1])) == 7


async def test_a_call_goes_through_its_states_in_order(server: FakeServer) -> None:
    server.play(calls(("c1", "add", '{"left": 2, "right": 3}')), says("It is 5."))
    events = await events_of(client_for(server, add))
    shown = [(event.type, event.state) for event in events if event.type.startswith("tool")]
    assert shown == [
        ("tool-input-start", "input-streaming"),
        ("tool-input-delta", "input-streaming"),
        ("tool-input-delta", "input-streaming"),
        ("tool-input-available", "input-available"),
        ("tool-output-available", "output-available"),
    ]
    assert "".join(event.text for event in events if isinstance(event, ToolInputDelta)) == '{"left": 2, "right": 3}'
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "It is 5."
    assert [event.type for event in events if event.type.startswith(("run", "round"))] == [
        "run-start",
        "round-start",
        "round-finish",
        "round-start",
        "round-finish",
        "run-finish",
    ]
    assert all(json.loads(json.dumps(event.to_json()))["type"] == event.type for event in events)


async def test_every_kind_of_failure_is_an_error_result_with_masked_text(server: FakeServer) -> None:
    """LOOP-04, LOOP-05, LOOP-06."""

    def breaks() -> str:
        """Break."""
        raise KeyError("secret-value")

    def explains() -> str:
        """Explain."""
        raise ToolError("the city is not known")

    @tool(timeout=0.05)
    async def hangs() -> str:
        """Hang."""
        await asyncio.sleep(WAIT)
        return "never"

    def unwritable() -> object:
        """Return something without a JSON form."""
        return object()

    server.play(
        calls(
            ("a", "breaks", "{}"),
            ("b", "explains", "{}"),
            ("c", "hangs", "{}"),
            ("d", "no_such_tool", '{"password": "secret-value"}'),
            ("e", "add", '{"left": "secret-value", "right": 1, "rihgt": 2}'),
            ("f", "add", '{"left": 1, '),
            ("g", "unwritable", ""),
            ("h", "add", '{"left": 1, "right": 1}'),
        ),
        says("sorry"),
    )
    events = await events_of(client_for(server, add, breaks, explains, hangs, unwritable))
    results = results_in(server.requests[1])
    assert list(results) == list("abcdefgh")
    assert results["a"] == "Error: the tool failed: KeyError"
    assert results["b"] == "Error: the city is not known"
    assert results["c"] == (
        "Error: the tool did not finish within 0.05 s and was given up; what it began may still take effect"
    )
    assert results["d"].startswith("Error: there is no tool of that name; there are: add, breaks")
    assert results["e"] == (
        "Error: the arguments do not fit the schema: $.left: input should be a valid integer;"
        " $.rihgt: is not a parameter of this tool"
    )
    assert results["f"].startswith("Error: the arguments are not valid JSON: ")
    assert results["g"] == "Error: the tool returned a value that has no JSON form"
    assert results["h"] == "2"
    assert not any("secret-value" in text for text in results.values())
    codes = {event.call_id: event.code for event in events if isinstance(event, ToolOutputError)}
    assert codes == {
        "a": "exception",
        "b": "tool_error",
        "c": "timeout",
        "d": "unknown_tool",
        "e": "schema_mismatch",
        "f": "invalid_json",
        "g": "not_serialisable",
    }
    started = {event.call_id for event in events if isinstance(event, ToolInputAvailable)}
    assert started == {"a", "b", "c", "g", "h"}, "a refused call is never shown as about to run"


async def test_a_time_out_really_cancels_an_async_tool(server: FakeServer) -> None:
    outcome: list[str] = []

    @tool(timeout=0.05)
    async def hangs() -> None:
        """Hang."""
        try:
            await asyncio.sleep(WAIT)
            outcome.append("ran on")
        except asyncio.CancelledError:
            outcome.append("cancelled")
            raise

    server.play(calls(("c1", "hangs", "{}")), says("ok"))
    await events_of(client_for(server, hangs))
    assert outcome == ["cancelled"]


async def test_a_tool_that_ignores_its_cancellation_does_not_hold_the_run(server: FakeServer) -> None:
    release = asyncio.Event()

    @tool(timeout=0.05)
    async def stubborn() -> None:
        """Do not stop."""
        while not release.is_set():
            try:
                await asyncio.wait_for(release.wait(), WAIT)
            except asyncio.CancelledError:
                continue

    server.play(calls(("c1", "stubborn", "{}")), says("ok"))
    events = await events_of(client_for(server, stubborn))
    release.set()
    assert events[-1].to_json()["finish_reason"] == "stop"
    assert "did not finish" in results_in(server.requests[1])["c1"]


async def test_a_blocking_tool_that_hangs_holds_neither_the_run_nor_the_event_loop(server: FakeServer) -> None:
    release = threading.Event()

    @tool(timeout=0.05)
    def blocks() -> None:
        """Block a thread."""
        release.wait(WAIT)

    server.play(calls(("c1", "blocks", "{}"), ("c2", "shout", '{"text": "a"}')), says("ok"))
    started = time.monotonic()
    await events_of(client_for(server, blocks, shout))
    assert time.monotonic() - started < WAIT / 2
    release.set()
    assert results_in(server.requests[1])["c2"] == "A"


async def test_a_call_cut_by_the_output_limit_is_not_run_even_if_it_parses(server: FakeServer) -> None:
    """FINISH-03, ARGS-16: the calls before it are whole and run."""
    server.play(calls(("c1", "shout", '{"text": "a"}'), ("c2", "shout", '{"text": "b"}'), reason="length"), says("ok"))
    await events_of(client_for(server, shout))
    results = results_in(server.requests[1])
    assert results["c1"] == "A"
    assert results["c2"].startswith("Error: the call was cut off")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("incomplete", "incomplete"),
        ("invalid_json", "invalid_json"),
        ("schema_mismatch", "schema_mismatch"),
        ("unknown_tool", "unknown_tool"),
        ("something_new", "refused"),
    ],
)
async def test_a_call_the_router_does_not_vouch_for_is_not_run(server: FakeServer, status: str, code: str) -> None:
    verdicts = {
        "choices": [],
        "router": {"calls": [{"id": "c1", "status": status}, {"id": "c2", "status": "repaired"}]},
    }
    turn = calls(("c1", "shout", '{"text": "a"}'), ("c2", "shout", '{"text": "b"}'))
    server.play(Turn((*turn.chunks, verdicts)), says("ok"))
    events = await events_of(client_for(server, shout))
    assert [event.code for event in events if isinstance(event, ToolOutputError)] == [code]
    results = results_in(server.requests[1])
    assert results["c1"].startswith("Error: ")
    assert results["c2"] == "B"
    reports = [event.router for event in events if isinstance(event, RoundFinish)]
    assert reports == [verdicts["router"], None]


async def test_a_verdict_without_an_id_is_found_by_position(server: FakeServer) -> None:
    turn = calls(("c1", "shout", '{"text": "a"}'), ("c2", "shout", '{"text": "b"}'))
    report = {"choices": [], "router": {"calls": [{"index": 1, "status": "incomplete"}]}}
    server.play(Turn((*turn.chunks, report)), says("ok"))
    await events_of(client_for(server, shout))
    assert results_in(server.requests[1])["c1"] == "A"
    assert results_in(server.requests[1])["c2"].startswith("Error: ")


async def test_the_round_limit_ends_the_run_with_every_call_answered_and_no_invented_words(server: FakeServer) -> None:
    """LOOP-03."""
    ran: list[int] = []

    def step() -> str:
        """Take a step."""
        ran.append(1)
        return "again"

    server.play(then=calls(("c1", "step", "{}")))
    async with client_for(server, step, limits=Limits(max_rounds=3)) as client:
        result = await client.ask("go")
    assert (result.finish_reason, result.rounds, result.text) == ("max_rounds", 3, "")
    assert len(server.requests) == 3
    assert len(ran) == 2, "the calls of the last round are not run: nobody would read their results"
    assert [message["role"] for message in result.messages] == ["user"] + ["assistant", "tool"] * 3
    assert "limit of 3 rounds" in result.messages[-1]["content"]

    server.play(says("went on"))
    async with client_for(server, step) as client:
        continued = await client.ask([*result.messages, {"role": "user", "content": "go on"}])
    assert continued.text == "went on", "the partial history is one that a strict server takes"


async def test_the_call_limit_refuses_the_calls_beyond_it_and_ends_the_run(server: FakeServer) -> None:
    server.play(calls(*((f"c{number}", "shout", '{"text": "a"}') for number in range(5))))
    async with client_for(server, shout, limits=Limits(max_calls=3)) as client:
        result = await client.ask("go")
    assert (result.finish_reason, result.calls, result.rounds) == ("max_calls", 5, 1)
    contents = [message["content"] for message in result.messages if message["role"] == "tool"]
    assert contents[:3] == ["A", "A", "A"]
    assert all("limit of 3 calls" in content for content in contents[3:])


async def test_exactly_the_allowed_calls_still_lead_to_an_answer(server: FakeServer) -> None:
    server.play(calls(("c1", "shout", '{"text": "a"}')), says("done"))
    async with client_for(server, shout, limits=Limits(max_calls=1)) as client:
        assert (await client.ask("go")).text == "done"


async def test_the_time_limit_stops_a_running_tool_and_the_run(server: FakeServer) -> None:
    cancelled = asyncio.Event()

    @tool(timeout=None)
    async def hangs() -> None:
        """Hang."""
        try:
            await asyncio.sleep(WAIT)
        finally:
            cancelled.set()

    server.play(calls(("c1", "hangs", "{}"), ("c2", "hangs", "{}")))
    async with client_for(server, hangs, limits=Limits(max_seconds=0.4, max_parallel=1)) as client:
        result = await asyncio.wait_for(client.ask("go"), WAIT)
    assert (result.finish_reason, result.text) == ("max_seconds", "")
    assert cancelled.is_set()
    contents = [message["content"] for message in result.messages if message["role"] == "tool"]
    assert "was given up" in contents[0]
    assert "before the call could start" in contents[1]


async def test_the_time_limit_stops_a_model_that_goes_on_and_on(server: FakeServer) -> None:
    server.play(Turn((delta(role="assistant", content="I think"),), "hang"))
    async with client_for(server, limits=Limits(max_seconds=0.3)) as client:
        result = await asyncio.wait_for(client.ask("go"), WAIT)
    assert (result.finish_reason, result.text) == ("max_seconds", "")
    assert [message["role"] for message in result.messages] == ["user"], "a cut answer is no part of the history"
    assert server.client_left.wait(WAIT)


@pytest.mark.parametrize(
    ("forced", "after"),
    [
        ("required", "auto"),
        ({"type": "function", "function": {"name": "shout"}}, "auto"),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function"}]}},
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function"}]}},
        ),
        ("none", "none"),
        ("auto", "auto"),
    ],
)
async def test_a_forced_choice_is_relaxed_after_the_first_round(server: FakeServer, forced: Any, after: Any) -> None:
    """LOOP-02."""
    server.play(calls(("c1", "shout", '{"text": "a"}')), says("ok"))
    await events_of(client_for(server, shout, tool_choice=forced))
    assert [request["tool_choice"] for request in server.requests] == [forced, after]


async def test_extras_on_message_call_and_function_go_back_byte_for_byte(server: FakeServer) -> None:
    """REASON-01, REASON-02, ARGS-12: state the client knows nothing of survives the loop."""
    signature = {"google": {"thought_signature": "Ab+/=é\ud83d", "weight": 1.0, "n": 12345678901234567890}}
    raw = (
        b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":"hm",'
        b'"extra_content":{"router":{"v":1,"z":[1.50,-0,1e5,{"b":1,"a":2}]}}}}]}\n\n'
        b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"m"}}]}\n\n'
    )
    fragment = call(0, "c1", "add", '{"right": 2,  "left": 1.0}', extra_content=signature)
    fragment["choices"][0]["delta"]["tool_calls"][0]["function"]["note"] = {"kept": True}
    server.play(Turn((raw, fragment, finish("tool_calls"))), says("ok"))
    await events_of(client_for(server, add))
    sent = server.bodies[1]
    assert b'"content":null,"reasoning_content":"hmm","extra_content":{"router":{"v":1,"z":[1.50,-0,1e5,' in sent
    assert b'{"b":1,"a":2}]}},"tool_calls":[{"id":"c1","type":"function","function":{"name":"add",' in sent
    message = server.requests[1]["messages"][1]
    assert message["tool_calls"][0]["extra_content"] == signature
    assert message["tool_calls"][0]["function"] == {
        "name": "add",
        "arguments": '{"right": 2,  "left": 1.0}',
        "note": {"kept": True},
    }
    assert b'"weight":1.0,"n":12345678901234567890' in sent
    assert results_in(server.requests[1])["c1"] == "3", "1.0 is an integer to JSON Schema (ARGS-11)"


async def test_absent_content_stays_absent(server: FakeServer) -> None:
    server.play(Turn((call(0, "c1", "shout", '{"text": "a"}'), finish("tool_calls"))), says("ok"))
    await events_of(client_for(server, shout))
    assert "content" not in server.requests[1]["messages"][1]


async def test_a_plain_answer_of_a_server_that_does_not_stream_is_understood(server: FakeServer) -> None:
    wire_calls = [
        {"id": "c1", "type": "function", "function": {"name": "shout", "arguments": '{"text": "a"}'}, "extra": 1},
        {"id": "c2", "type": "function", "function": {"name": "shout", "arguments": '{"text": "b"}'}},
    ]
    message = {"role": "assistant", "content": None, "refusal": None, "tool_calls": wire_calls}
    first = {
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 3},
    }
    last = {"choices": [{"message": {"role": "assistant", "content": "hi", "tool_calls": []}, "finish_reason": "stop"}]}
    server.play(Turn(body=first), Turn(body=last))
    async with client_for(server, shout) as client:
        result = await client.ask("go")
    assert result.text == "hi"
    assert server.requests[1]["messages"][1] == message
    assert results_in(server.requests[1]) == {"c1": "A", "c2": "B"}
    assert result.messages[-1] == {"role": "assistant", "content": "hi"}


async def test_leaving_the_stream_early_cancels_tools_and_leaves_no_task(server: FakeServer) -> None:
    cancelled = asyncio.Event()

    async def hangs() -> None:
        """Hang."""
        try:
            await asyncio.sleep(WAIT)
        finally:
            cancelled.set()

    server.play(calls(("c1", "hangs", "{}"), ("c2", "shout", '{"text": "a"}')))
    before = asyncio.all_tasks()
    async with client_for(server, hangs, shout) as client, aclosing(client.stream("go")) as events:
        async for event in events:
            if isinstance(event, ToolOutputAvailable):
                break
    assert cancelled.is_set()
    assert asyncio.all_tasks() == before


async def test_cancelling_a_run_closes_the_request_to_the_server(server: FakeServer) -> None:
    began = asyncio.Event()
    server.play(Turn((delta(role="assistant", content="I think"),), "hang"))

    async def run(client: LoopClient) -> None:
        async for event in client.stream("go"):
            if isinstance(event, TextDelta):
                began.set()

    async with client_for(server) as client:
        task = asyncio.create_task(run(client))
        await asyncio.wait_for(began.wait(), WAIT)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.client_left.wait, WAIT)


async def test_runs_of_one_client_do_not_mix(server: FakeServer) -> None:
    server.play(then=says("same"))
    async with client_for(server) as client:
        results = await asyncio.gather(*(client.ask(f"question {number}") for number in range(5)))
    assert [result.messages[0]["content"] for result in results] == [f"question {number}" for number in range(5)]
    assert len({result.run_id for result in results}) == 5


async def test_a_content_filter_stops_calls_and_run(server: FakeServer) -> None:
    server.play(calls(("c1", "shout", '{"text": "a"}'), reason="content_filter"))
    async with client_for(server, shout) as client:
        result = await client.ask("go")
    assert result.finish_reason == "content_filter"
    assert "content filter" in result.messages[-1]["content"]


async def test_an_answer_cut_by_the_output_limit_says_so(server: FakeServer) -> None:
    server.play(says("It is", "length"))
    async with client_for(server) as client:
        result = await client.ask("go")
    assert (result.finish_reason, result.text) == ("length", "It is")


async def test_usage_that_is_not_reported_is_not_invented(server: FakeServer) -> None:
    """USAGE-04."""
    server.play(Turn((delta(content="hi"), finish("stop"))))
    async with client_for(server) as client:
        result = await client.ask("go")
    assert result.usage.total_tokens is None


async def test_cumulative_usage_is_not_counted_twice(server: FakeServer) -> None:
    """USAGE-01."""
    server.play(Turn((usage(7, 1), delta(content="hi"), usage(7, 2), finish("stop"), usage(7, 3))))
    async with client_for(server) as client:
        result = await client.ask("go")
    assert (result.usage.input_tokens, result.usage.output_tokens) == (7, 3)


async def test_events_name_the_round_so_that_an_id_used_again_is_no_riddle(server: FakeServer) -> None:
    """ID-07: a call id that comes again in a later round is replaced, in the events and in the history."""
    server.play(calls(("shout:0", "shout", '{"text": "a"}')), calls(("shout:0", "shout", '{"text": "b"}')), says("ok"))
    events = await events_of(client_for(server, shout))
    starts = [event for event in events if isinstance(event, ToolInputStart)]
    assert [event.round for event in starts] == [1, 2]
    assert starts[0].call_id == "shout:0"
    assert starts[1].call_id != "shout:0"
    assert results_in(server.requests[2]) == {"shout:0": "A", starts[1].call_id: "B"}


def test_the_plain_function_asks_without_async_code(server: FakeServer) -> None:
    server.play(calls(("c1", "add", '{"left": 2, "right": 3}')), says("It is 5."))
    assert ask("go", base_url=server.base_url, model="m", tools=[add]).text == "It is 5."


async def test_the_last_event_has_the_history(server: FakeServer) -> None:
    server.play(says("hi"))
    events = await events_of(client_for(server))
    last = events[-1]
    assert isinstance(last, RunFinish)
    assert last.messages == ({"role": "user", "content": "go"}, {"role": "assistant", "content": "hi"})
    assert last.error is None
