"""What a caller may decide about a run: when it stops, what a limit means, hooks, repetition, callbacks."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from loop_client import (
    AnyEvent,
    BrokenCall,
    Callbacks,
    ConfigurationError,
    HookError,
    LimitReached,
    Limits,
    LoopClient,
    ModelHTTPError,
    Price,
    Repaired,
    Retry,
    RoundFinish,
    RoundPlan,
    RoundRestart,
    RunFinish,
    RunNotice,
    Step,
    StepState,
    TextDelta,
    ToolInputAvailable,
    ToolOutputError,
    after_rounds,
    tool,
    when_called,
)
from tests.loop_client.fake_server import WAIT, FakeServer, Turn, call, calls, delta, finish, says, usage


async def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


def client_for(server: FakeServer, *tools: Any, **settings: Any) -> LoopClient:
    return LoopClient(base_url=server.base_url, model="test/model", tools=tools, **settings)


async def events_of(client: LoopClient, question: Any = "go", **settings: Any) -> list[AnyEvent]:
    async with client, asyncio.timeout(WAIT):
        return [event async for event in client.stream(question, **settings)]


def finish_of(events: list[AnyEvent]) -> RunFinish:
    last = events[-1]
    assert isinstance(last, RunFinish)
    return last


def results_in(request: dict[str, Any]) -> dict[str, Any]:
    return {item["tool_call_id"]: item["content"] for item in request["messages"] if item["role"] == "tool"}


def shouts(*texts: str) -> Turn:
    return calls(*((f"c{place}", "shout", json.dumps({"text": text})) for place, text in enumerate(texts)))


# ---- stop conditions


async def test_a_run_stops_after_so_many_rounds_with_its_calls_run(server: FakeServer) -> None:
    server.play(shouts("a"), shouts("b"), shouts("c"))
    finish = finish_of(await events_of(client_for(server, shout, stop=after_rounds(2))))
    assert (finish.finish_reason, finish.stopped_by, finish.rounds) == ("stop_condition", "after_rounds(2)", 2)
    assert [message["content"] for message in finish.messages if message["role"] == "tool"] == ["A", "B"]


async def test_a_run_stops_when_a_tool_was_called_and_did_not_fail(server: FakeServer) -> None:
    def done(summary: str) -> str:
        """Say that the work is done."""
        return summary

    server.play(calls(("c1", "done", "{}")), calls(("c2", "done", '{"summary": "s"}')), says("never"))
    finish = finish_of(await events_of(client_for(server, done, stop=[when_called("done")])))
    assert (finish.stopped_by, finish.rounds) == ("when_called('done')", 2)


async def test_any_function_of_the_state_is_a_condition(server: FakeServer) -> None:
    seen: list[StepState] = []

    async def enough_tokens(state: StepState) -> bool:
        seen.append(state)
        return (state.usage.total_tokens or 0) > 50

    server.play(shouts("a"), shouts("b"), says("never"))
    finish = finish_of(await events_of(client_for(server, shout, stop=enough_tokens)))
    assert finish.stopped_by == "enough_tokens"
    assert [(state.round, state.calls[0].tool_name, state.calls[0].is_error) for state in seen] == [
        (1, "shout", False),
        (2, "shout", False),
    ]


async def test_a_condition_that_fails_ends_the_run_with_an_error(server: FakeServer) -> None:
    server.play(shouts("a"))
    async with client_for(server, shout, stop=lambda state: state.no_such_thing) as client:
        with pytest.raises(HookError, match="AttributeError"):
            await client.ask("go")


async def test_a_terminal_tool_ends_the_run_unless_it_fails(server: FakeServer) -> None:
    @tool(terminal=True)
    def hand_in(pages: int) -> dict[str, int]:
        """Hand in the report."""
        return {"pages": pages}

    server.play(calls(("c1", "hand_in", "{}")), calls(("c2", "hand_in", '{"pages": 3}')), says("never"))
    finish = finish_of(await events_of(client_for(server, hand_in)))
    assert (finish.finish_reason, finish.output, finish.text, finish.rounds) == ("terminal_tool", '{"pages":3}', "", 2)
    assert len(server.requests) == 2


# ---- limits


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(max_rounds=2), "max_rounds"),
        (Limits(max_calls=1), "max_calls"),
        (Limits(max_tokens=50), "max_tokens"),
        (Limits(max_cost=0.00004), "max_cost"),
    ],
)
async def test_a_limit_can_lead_to_one_last_answer_without_tools(
    server: FakeServer, limits: Limits, reason: str
) -> None:
    """LOOP-03: the words are the model's own, and the reason still tells that a limit was reached."""
    prices = {"test/model": Price(input=1.0, output=1.0)}
    server.play(shouts("a"), shouts("b"), says("so far"), then=says("too many"))
    async with client_for(server, shout, prices=prices, limits=replace(limits, on_limit="answer")) as client:
        result = await client.ask("go")
    assert (result.finish_reason, result.text, result.rounds) == (reason, "so far", 3)
    assert [request.get("tool_choice") for request in server.requests] == [None, None, "none"]
    assert server.requests[2]["tools"] == server.requests[0]["tools"], "HIST-06: the calls in the history need them"


async def test_calls_in_the_last_answer_are_not_run(server: FakeServer) -> None:
    ran: list[str] = []

    def note(text: str) -> str:
        """Take a note."""
        ran.append(text)
        return text

    server.play(then=calls(("c", "note", '{"text": "a"}')))
    limits = Limits(max_rounds=1, on_limit="answer")
    finish = finish_of(await events_of(client_for(server, note, limits=limits)))
    assert (finish.finish_reason, finish.rounds, ran) == ("max_rounds", 2, ["a"])
    assert "an answer was asked for" in finish.messages[-1]["content"]


async def test_the_time_limit_leaves_time_for_a_last_answer(server: FakeServer) -> None:
    server.play(Turn((delta(role="assistant", content="I think"),), "hang"), says("in short"))
    limits = Limits(max_seconds=0.3, on_limit="answer", answer_seconds=5)
    finish = finish_of(await events_of(client_for(server, limits=limits)))
    assert (finish.finish_reason, finish.text) == ("max_seconds", "in short")


async def test_a_limit_can_be_an_error(server: FakeServer) -> None:
    server.play(then=shouts("a"))
    async with client_for(server, shout, limits=Limits(max_rounds=2, on_limit="raise")) as client:
        with pytest.raises(LimitReached, match="max_rounds") as caught:
            await client.ask("go")
    assert caught.value.result is not None
    assert (caught.value.result.finish_reason, caught.value.result.rounds) == ("max_rounds", 2)


async def test_the_token_limit_counts_the_whole_run(server: FakeServer) -> None:
    server.play(then=shouts("a"))
    finish = finish_of(await events_of(client_for(server, shout, limits=Limits(max_tokens=60, max_repeats=None))))
    assert (finish.finish_reason, finish.rounds, finish.usage.total_tokens) == ("max_tokens", 3, 84)


async def test_cost_is_counted_by_the_callers_prices_and_cached_tokens_are_cheaper(server: FakeServer) -> None:
    counts = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 400}}
    server.play(Turn((delta(content="hi"), finish("stop"), {"choices": [], "usage": counts})))
    prices = {"test/model": Price(input=2.0, output=10.0, cached_input=0.5)}
    events = await events_of(client_for(server, prices=prices))
    expected = (600 * 2.0 + 400 * 0.5 + 100 * 10.0) / 1e6
    assert finish_of(events).cost == pytest.approx(expected)
    assert [event.cost for event in events if isinstance(event, RoundFinish)] == [pytest.approx(expected)]


async def test_a_model_without_a_price_has_no_invented_cost(server: FakeServer) -> None:
    server.play(says("hi"))
    assert finish_of(await events_of(client_for(server, prices={"other": Price(1, 1)}))).cost is None
    with pytest.raises(ConfigurationError, match="max_cost needs prices"):
        client_for(server, limits=Limits(max_cost=1.0))


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_tokens": -1},
        {"max_cost": -0.1},
        {"max_pauses": -1},
        {"warn_repeats": 0},
        {"max_repeats": 0},
        {"answer_seconds": 0},
    ],
)
def test_limits_that_mean_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Limits(**wrong)


# ---- a model that repeats itself


async def test_a_model_that_repeats_itself_is_warned_and_then_stopped(server: FakeServer) -> None:
    ran: list[str] = []

    def look(where: str, deep: bool = False) -> str:
        """Look."""
        ran.append(where)
        return "nothing"

    variants = ('{"where": "a", "deep": false}', '{"deep":false,"where":"a"}')
    server.play(*(calls(("c", "look", variants[number % 2])) for number in range(9)))
    limits = Limits(warn_repeats=2, max_repeats=3)
    events = await events_of(client_for(server, look, limits=limits))
    finish = finish_of(events)
    assert (finish.finish_reason, finish.rounds, len(ran)) == ("repeated_calls", 4, 3)
    contents = [message["content"] for message in finish.messages if message["role"] == "tool"]
    assert contents[0] == "nothing"
    assert [f"made in {count} rounds" in contents[count - 1] for count in (2, 3)] == [True, True]
    assert contents[3].startswith("Error: the same call was made in 4 rounds")
    assert [event.round for event in events if isinstance(event, RunNotice)] == [2, 3]


async def test_calls_that_differ_and_tools_that_may_repeat_are_no_repetition(server: FakeServer) -> None:
    @tool(may_repeat=True)
    def is_ready() -> bool:
        """Tell whether it is ready."""
        return False

    server.play(*(calls(("c", "is_ready", "{}"), ("d", "shout", f'{{"text": "{n}"}}')) for n in range(9)), says("ok"))
    limits = Limits(warn_repeats=2, max_repeats=3)
    finish = finish_of(await events_of(client_for(server, is_ready, shout, limits=limits)))
    assert (finish.finish_reason, finish.rounds) == ("stop", 10)
    assert not any("Note from" in message["content"] for message in finish.messages if message["role"] == "tool")


# ---- asking again


async def test_a_failure_that_may_pass_is_asked_again_and_what_was_shown_is_void(server: FakeServer) -> None:
    server.play(
        Turn((delta(content="It is"),), "nothing"),
        Turn(status=429, body={}, headers={"retry-after": "0.01"}),
        says("hi"),
    )
    events = await events_of(client_for(server, retry=Retry(first_wait=0.01)))
    restarts = [event for event in events if isinstance(event, RoundRestart)]
    assert [(event.attempt, event.wait_seconds, event.error.code) for event in restarts] == [
        (2, 0.01, "stream_error"),
        (3, 0.01, "http_error"),
    ]
    finish = finish_of(events)
    assert (finish.finish_reason, finish.text, finish.rounds) == ("stop", "hi", 1)
    assert finish.messages[-1] == {"role": "assistant", "content": "hi"}


async def test_a_failure_that_will_not_pass_is_not_asked_again(server: FakeServer) -> None:
    server.play(Turn(status=400, body={"error": {"message": "no"}}), says("never"))
    async with client_for(server) as client:
        with pytest.raises(ModelHTTPError):
            await client.ask("go")
    assert len(server.requests) == 1


async def test_a_server_that_asks_for_a_long_wait_is_not_asked_again(server: FakeServer) -> None:
    server.play(Turn(status=429, body={}, headers={"retry-after": "3600"}), says("never"))
    async with client_for(server) as client:
        with pytest.raises(ModelHTTPError):
            await client.ask("go")
    assert len(server.requests) == 1


async def test_attempts_are_bounded_by_number_and_by_the_runs_time(server: FakeServer) -> None:
    server.play(then=Turn(status=503, body={}))
    async with client_for(server, retry=Retry(retries=3, first_wait=0.001)) as client:
        with pytest.raises(ModelHTTPError):
            await client.ask("go")
    assert len(server.requests) == 4
    server.bodies.clear()
    async with client_for(server, retry=Retry(first_wait=30), limits=Limits(max_seconds=5)) as client:
        with pytest.raises(ModelHTTPError):
            await client.ask("go")
    assert len(server.requests) == 1
    with pytest.raises(ConfigurationError, match="negative"):
        Retry(retries=-1)


# ---- paused turns


def paused(text: str) -> Turn:
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "native_finish_reason": "pause_turn"}]}
    return Turn((delta(role="assistant", content=text), last, usage(1, 1)))


async def test_a_paused_turn_goes_on_by_being_sent_back_as_it_is(server: FakeServer) -> None:
    """FINISH-05."""
    server.play(paused("I look"), says(" and see."))
    finish = finish_of(await events_of(client_for(server)))
    assert (finish.finish_reason, finish.text, finish.rounds) == ("stop", "I look and see.", 2)
    assert server.requests[1]["messages"] == [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "I look"},
    ]


async def test_a_turn_that_is_paused_for_ever_is_an_error(server: FakeServer) -> None:
    """FINISH-05."""
    server.play(then=paused("I look"))
    async with client_for(server, limits=Limits(max_pauses=2)) as client:
        with pytest.raises(LimitReached, match="paused its turn more than 2 times"):
            await client.ask("go")
    assert len(server.requests) == 3


# ---- hooks


async def test_the_hook_before_a_round_may_change_model_tools_messages_and_choice(server: FakeServer) -> None:
    plans: list[RoundPlan] = []

    async def prepare(plan: RoundPlan) -> RoundPlan | None:
        plans.append(plan)
        if plan.round == 1:
            return None
        note = {"role": "user", "content": "be quick"}
        return replace(
            plan, model="other/model", tools=(), messages=(*plan.messages, note), options={"temperature": 0.5}
        )

    server.play(shouts("a"), says("ok"))
    events = await events_of(client_for(server, shout, prepare_round=prepare, tool_choice="required"))
    first, second = server.requests
    assert (first["model"], first["tool_choice"]) == ("test/model", "required")
    assert (second["model"], second["temperature"]) == ("other/model", 0.5)
    assert "tools" not in second
    assert second["messages"][-1]["content"] == "be quick"
    assert not any(message["content"] == "be quick" for message in finish_of(events).messages)
    assert [plan.tool_choice for plan in plans] == ["required", "auto"]


async def test_a_tool_that_the_hook_took_away_cannot_be_called(server: FakeServer) -> None:
    server.play(shouts("a"), says("ok"))
    events = await events_of(client_for(server, shout, prepare_round=lambda plan: replace(plan, tools=())))
    assert [event.code for event in events if isinstance(event, ToolOutputError)] == ["unknown_tool"]


@pytest.mark.parametrize(
    "broken",
    [
        lambda plan: plan.no_such_thing,
        lambda plan: replace(plan, options={"stream": False}),
        lambda plan: replace(plan, tools=plan.tools * 2),
    ],
)
async def test_a_hook_that_fails_ends_the_run_with_an_error(server: FakeServer, broken: Any) -> None:
    """LOOP-07."""
    server.play(says("never"))
    async with client_for(server, shout, prepare_round=broken) as client:
        with pytest.raises(HookError, match=r"the hook before round 1 failed: .") as caught:
            await client.ask("go")
    assert caught.value.detail.code == "hook"
    assert server.requests == []


async def test_the_repair_hook_mends_a_call_and_what_it_mends_is_checked(server: FakeServer) -> None:
    asked: list[BrokenCall] = []

    def repair(broken: BrokenCall) -> Repaired | None:
        asked.append(broken)
        match broken.code:
            case "invalid_json":
                return Repaired('{"text": "mended"}')
            case "unknown_tool":
                return Repaired(broken.arguments_text, "shout")
            case _:
                return Repaired('{"still": "wrong"}')

    server.play(
        calls(
            ("a", "shout", '{"text": "men'),
            ("b", "Shout", '{"text": "x"}'),
            ("c", "shout", '{"texxt": 1}'),
            ("d", "shout", '{"text": "y"}'),
        ),
        says("ok"),
    )
    events = await events_of(client_for(server, shout, repair=repair))
    results = results_in(server.requests[1])
    assert (results["a"], results["b"], results["d"]) == ("MENDED", "X", "Y")
    assert results["c"].startswith("Error: the arguments do not fit the schema: $.text: is required")
    assert [broken.call_id for broken in asked] == ["a", "b", "c"]
    assert asked[0].parameters == server.requests[0]["tools"][0]["function"]["parameters"]
    shown = {event.call_id: event.arguments_text for event in events if isinstance(event, ToolInputAvailable)}
    assert shown["a"] == '{"text": "mended"}'
    sent = server.requests[1]["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert sent == '{"text": "men', "the history is the model's own"


async def test_a_call_cut_by_the_output_limit_is_not_for_the_repair_hook(server: FakeServer) -> None:
    """LOOP-04, FINISH-03."""
    server.play(calls(("a", "shout", '{"text": "a"}'), reason="length"), says("ok"))
    events = await events_of(client_for(server, shout, repair=lambda broken: Repaired('{"text": "guess"}')))
    assert [event.code for event in events if isinstance(event, ToolOutputError)] == ["incomplete"]


async def test_a_repair_hook_that_fails_mends_nothing(server: FakeServer) -> None:
    def repair(broken: BrokenCall) -> None:
        raise KeyError

    server.play(calls(("a", "shout", "{}")), says("ok"))
    events = await events_of(client_for(server, shout, repair=repair))
    assert finish_of(events).finish_reason == "stop"


# ---- callbacks


async def test_callbacks_are_told_of_steps_tools_and_the_end_with_usage_and_seconds(server: FakeServer) -> None:
    told: list[Any] = []

    async def on_step(step: Step) -> None:
        told.append(("step", step.finish.round, step.finish.usage is not None, len(step.outcomes)))

    def on_finish(finish: RunFinish) -> None:
        told.append(("finish", finish.usage.total_tokens, finish.seconds >= 0))
        raise KeyError("an observer changes nothing")

    callbacks = Callbacks(
        on_step=on_step,
        on_tool_start=lambda event: told.append(("start", event.call_id)),
        on_tool_end=lambda event: told.append(("end", event.call_id, event.state, event.seconds >= 0)),  # type: ignore[union-attr]
        on_finish=on_finish,
    )
    server.play(calls(("c1", "shout", '{"text": "a"}'), ("c2", "shout", "{}")), says("ok"))
    await events_of(client_for(server, shout, callbacks=callbacks))
    assert told == [
        ("end", "c2", "output-error", True),
        ("start", "c1"),
        ("end", "c1", "output-available", True),
        ("step", 1, True, 2),
        ("step", 2, True, 0),
        ("finish", 43, True),
    ]


# ---- settings of one run


async def test_settings_of_one_run_stand_over_the_clients(server: FakeServer) -> None:
    def whisper(text: str) -> str:
        """Say it quietly."""
        return text.lower()

    server.play(calls(("c1", "whisper", '{"text": "A"}')), says("ok"))
    async with client_for(server, shout, system="Be loud.", options={"temperature": 1}) as client:
        result = await client.ask(
            "go",
            model="other/model",
            system="Be quiet.",
            tools=[whisper],
            tool_choice="required",
            options={"temperature": 0},
            limits=Limits(max_rounds=2),
            run_id="run_mine",
        )
        assert result.run_id == "run_mine"
        server.play(says("ok"))
        await client.ask("go")
    own, _, usual = server.requests
    assert (own["model"], own["temperature"], own["tool_choice"]) == ("other/model", 0, "required")
    assert own["messages"][0]["content"] == "Be quiet."
    assert [item["function"]["name"] for item in own["tools"]] == ["shout", "whisper"]
    assert (usual["model"], usual["temperature"], "tool_choice" in usual) == ("test/model", 1, False)
    assert [item["function"]["name"] for item in usual["tools"]] == ["shout"]


async def test_every_error_has_words_and_an_id_under_which_the_log_has_them(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """LOOP-07."""
    server.play(Turn(status=400, body={"error": {}}))
    finish = finish_of(await events_of(client_for(server)))
    assert finish.error is not None
    assert finish.error.message
    assert finish.error_id is not None
    assert finish.error_id in caplog.text


async def test_text_of_a_cut_stream_is_shown_but_no_part_of_the_history(server: FakeServer) -> None:
    server.play(Turn((delta(content="It is"), call(0, "c1", "shout", "{")), "nothing"))
    events = await events_of(client_for(server, shout, retry=Retry(retries=0)))
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["It is"]
    assert finish_of(events).messages == ({"role": "user", "content": "go"},)
