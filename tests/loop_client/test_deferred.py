"""Calls that wait for somebody outside: approved, denied, answered; forged, late and repeated answers refused."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import pytest
from typing_extensions import TypedDict

from loop_client import (
    Answer,
    AnswerRefused,
    AnyEvent,
    ConfigurationError,
    Limits,
    LoopClient,
    MemoryRunStore,
    PendingCall,
    RunFinish,
    RunSuspended,
    Tool,
    ToolApprovalAnswered,
    ToolApprovalRequested,
    ToolContext,
    ToolDeferred,
    ToolDefinitionError,
    ToolError,
    ToolInputAvailable,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
    schema_tool,
    tool,
)
from tests.loop_client.fake_server import WAIT, FakeServer, calls, says

SECRET = "a secret of some length"


async def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


def client_for(server: FakeServer, *tools: Any, **settings: Any) -> LoopClient:
    settings = {"secret": SECRET, **settings}
    return LoopClient(base_url=server.base_url, model="test/model", tools=tools, **settings)


async def read(events: Any) -> list[AnyEvent]:
    async with asyncio.timeout(WAIT):
        return [event async for event in events]


def suspended_in(events: list[AnyEvent]) -> RunSuspended:
    return next(event for event in events if isinstance(event, RunSuspended))


def finish_of(events: list[AnyEvent]) -> RunFinish:
    last = events[-1]
    assert isinstance(last, RunFinish)
    return last


def results_in(request: dict[str, Any]) -> dict[str, str]:
    return {item["tool_call_id"]: item["content"] for item in request["messages"] if item["role"] == "tool"}


def given(call: PendingCall, value: Any, **more: Any) -> Answer:
    return Answer(call.call_id, call.token, value=value, **more)


def decided(call: PendingCall, *, approved: bool, reason: str | None = None) -> Answer:
    return Answer(call.call_id, call.token, approved=approved, reason=reason)


@pytest.fixture
def deletions() -> list[str]:
    return []


@pytest.fixture
def delete(deletions: list[str]) -> Tool:
    @tool(needs_approval=True)
    async def delete(path: str) -> str:
        """Delete a file."""
        deletions.append(path)
        return f"deleted {path}"

    return delete


@tool(deferred=True, answer=int)
def pick_number(question: str) -> None:
    """Let the user pick a number."""


async def test_an_approved_call_runs_and_its_siblings_do_not_run_again(
    server: FakeServer, delete: Tool, deletions: list[str]
) -> None:
    server.play(
        calls(
            ("c1", "shout", '{"text": "a"}'),
            ("c2", "delete", '{"path": "x"}'),
            ("c3", "pick_number", '{"question": "?"}'),
        ),
        says("done"),
    )
    async with client_for(server, shout, delete, pick_number) as client:
        events = await read(client.stream("go"))
        assert deletions == []
        assert len(server.requests) == 1
        waiting = suspended_in(events)
        assert [(call.call_id, call.kind) for call in waiting.pending] == [("c2", "approval"), ("c3", "answer")]
        kinds = [type(event) for event in events if event.type.startswith(("tool-o", "tool-a", "tool-def", "run-"))]
        assert kinds[1:] == [ToolOutputAvailable, ToolApprovalRequested, ToolDeferred, RunSuspended, RunFinish]
        finish = finish_of(events)
        assert (finish.finish_reason, finish.rounds, finish.calls) == ("suspended", 1, 3)
        assert finish.messages == ({"role": "user", "content": "go"},), "no call of the history is unanswered"

        approval, question = waiting.pending
        answers = [decided(approval, approved=True, reason="fine"), given(question, 7)]
        resumed = await read(await client.submit(waiting.run_id, answers))
    assert deletions == ["x"]
    assert results_in(server.requests[1]) == {"c1": "A", "c2": "deleted x", "c3": "7"}
    assert [item["tool_call_id"] for item in server.requests[1]["messages"] if item["role"] == "tool"] == [
        "c1",
        "c2",
        "c3",
    ]
    told = [type(event) for event in resumed if event.type.startswith("tool")]
    assert told == [ToolApprovalAnswered, ToolOutputAvailable, ToolInputAvailable, ToolOutputAvailable]
    finish = finish_of(resumed)
    assert (finish.finish_reason, finish.text, finish.rounds, finish.calls) == ("stop", "done", 2, 3)
    assert finish.run_id == waiting.run_id
    assert finish.usage.total_tokens == 43, "the first round's tokens are counted, too"


async def test_a_denied_call_does_not_run_and_the_model_reads_why(
    server: FakeServer, delete: Tool, deletions: list[str]
) -> None:
    server.play(calls(("c1", "delete", '{"path": "x"}')), says("then not"))
    async with client_for(server, delete) as client:
        waiting = suspended_in(await read(client.stream("go")))
        refusal = decided(waiting.pending[0], approved=False, reason="it is the only copy")
        events = await read(await client.submit(waiting.run_id, [refusal]))
    assert deletions == []
    result = results_in(server.requests[1])["c1"]
    assert result == "Error: the call was not approved, so it was not run: it is the only copy"
    denied = next(event for event in events if isinstance(event, ToolOutputDenied))
    assert (denied.state, denied.reason) == ("output-denied", "it is the only copy")


async def test_approval_may_depend_on_the_arguments_and_a_rule_that_fails_asks(server: FakeServer) -> None:
    """SERVER-05: an unasked run is never the outcome of an error."""
    ran: list[int] = []

    @tool(needs_approval=lambda arguments: arguments["amount"] > 100)
    def pay(amount: int) -> str:
        """Pay."""
        ran.append(amount)
        return "paid"

    async def broken(arguments: dict[str, Any]) -> bool:
        raise KeyError("rule")

    @tool(needs_approval=broken)
    def refund(amount: int) -> str:
        """Refund."""
        ran.append(-amount)
        return "refunded"

    server.play(calls(("a", "pay", '{"amount": 5}'), ("b", "pay", '{"amount": 500}'), ("c", "refund", '{"amount": 1}')))
    async with client_for(server, pay, refund) as client:
        waiting = suspended_in(await read(client.stream("go")))
    assert ran == [5]
    assert [call.call_id for call in waiting.pending] == ["b", "c"]


async def test_a_call_that_is_not_valid_is_refused_before_anybody_is_asked(server: FakeServer, delete: Tool) -> None:
    """LOOP-05."""
    server.play(calls(("c1", "delete", '{"paht": "x"}')), says("sorry"))
    async with client_for(server, delete) as client:
        events = await read(client.stream("go"))
    assert finish_of(events).finish_reason == "stop"
    assert not any(isinstance(event, ToolApprovalRequested) for event in events)


async def test_what_is_approved_is_checked_again_when_it_runs(server: FakeServer, delete: Tool) -> None:
    store = MemoryRunStore()
    server.play(calls(("c1", "delete", '{"path": "x"}')), says("gone"))
    async with client_for(server, delete, store=store) as client:
        waiting = suspended_in(await read(client.stream("go")))
    async with client_for(server, shout, store=store) as client:
        await read(await client.submit(waiting.run_id, [decided(waiting.pending[0], approved=True)]))
    assert results_in(server.requests[1])["c1"].startswith("Error: there is no tool of that name")


# ---- on_answer


class Choice(TypedDict):
    """What the user chose."""

    color: str


async def test_on_answer_runs_here_with_context_and_metadata_and_its_return_is_the_result(server: FakeServer) -> None:
    seen: list[Any] = []

    def store_choice(context: ToolContext, value: Choice, metadata: dict[str, Any]) -> dict[str, str]:
        seen.append((context.values["user"], context.idempotency_key, value, metadata))
        return {"stored": value["color"]}

    choose = tool(deferred=True, answer=Choice, on_answer=store_choice, name="choose")(pick_number_function)
    server.play(calls(("c1", "choose", '{"question": "color?"}')), says("done"))
    async with client_for(server, choose) as client:
        waiting = suspended_in(await read(client.stream("go", values={"user": "ann"})))
        call = waiting.pending[0]
        assert call.answer_schema is not None
        assert call.answer_schema["required"] == ["color"]
        answer = given(call, {"color": "red"}, metadata={"page": 3})
        taken = await client.answer(waiting.run_id, answer, values={"user": "ann"})
        assert (taken.tool_name, taken.result, taken.error_code, taken.waiting) == (
            "choose",
            {"stored": "red"},
            None,
            (),
        )
        await read(await client.resume(waiting.run_id))
    assert seen == [("ann", f"{waiting.run_id}/1/c1", {"color": "red"}, {"page": 3})]
    assert results_in(server.requests[1]) == {"c1": '{"stored":"red"}'}


def pick_number_function(question: str) -> None:
    """Let the user choose."""


async def test_an_on_answer_that_returns_nothing_leaves_the_value_as_the_result(server: FakeServer) -> None:
    async def look(context: ToolContext, value: Any, metadata: dict[str, Any]) -> None:
        assert value == [1, 2]

    server.play(calls(("c1", "choose", '{"question": "?"}')), says("done"))
    async with client_for(server, tool(pick_number_function, name="choose", deferred=True, on_answer=look)) as client:
        waiting = suspended_in(await read(client.stream("go")))
        assert (await client.answer(waiting.run_id, given(waiting.pending[0], [1, 2]))).result == [1, 2]


@pytest.mark.parametrize(
    ("error", "text"),
    [(ToolError("the shop is closed"), "the shop is closed"), (KeyError("password"), "the tool failed: KeyError")],
)
async def test_an_on_answer_that_fails_is_the_calls_result_and_counts(
    server: FakeServer, error: Exception, text: str
) -> None:
    def fail(context: ToolContext, value: Any, metadata: dict[str, Any]) -> None:
        raise error

    server.play(calls(("c1", "choose", '{"question": "?"}')), says("done"))
    async with client_for(server, tool(pick_number_function, name="choose", deferred=True, on_answer=fail)) as client:
        waiting = suspended_in(await read(client.stream("go")))
        taken = await client.answer(waiting.run_id, given(waiting.pending[0], 1))
        assert (taken.result, taken.error_code, taken.error_text) == (None, "TOOL_EXECUTION_FAILED", text)
        assert await refusal(client, waiting.run_id, given(waiting.pending[0], 1)) == "ALREADY_ANSWERED"
        events = await read(await client.resume(waiting.run_id))
    assert results_in(server.requests[1]) == {"c1": f"Error: {text}"}
    assert any(isinstance(event, ToolOutputError) for event in events)


async def test_an_on_answer_that_hangs_is_stopped(server: FakeServer) -> None:
    stopped = asyncio.Event()

    async def hang(context: ToolContext, value: Any, metadata: dict[str, Any]) -> None:
        try:
            await asyncio.sleep(WAIT)
        finally:
            stopped.set()

    choose = tool(pick_number_function, name="choose", deferred=True, on_answer=hang, timeout=0.05)
    server.play(calls(("c1", "choose", '{"question": "?"}')), says("done"))
    async with client_for(server, choose) as client:
        waiting = suspended_in(await read(client.stream("go")))
        taken = await client.answer(waiting.run_id, given(waiting.pending[0], 1))
    assert taken.error_code == "TOOL_EXECUTION_FAILED"
    assert stopped.is_set()


async def test_an_answer_is_taken_to_its_end_although_whoever_brought_it_left(server: FakeServer) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def work(context: ToolContext, value: Any, metadata: dict[str, Any]) -> str:
        began.set()
        await asyncio.wait_for(go_on.wait(), WAIT)
        return "stored"

    choose = tool(pick_number_function, name="choose", deferred=True, on_answer=work)
    server.play(calls(("c1", "choose", '{"question": "?"}')), says("done"))
    store = MemoryRunStore()
    async with client_for(server, choose, store=store) as client:
        waiting = suspended_in(await read(client.stream("go")))
        task = asyncio.create_task(client.answer(waiting.run_id, given(waiting.pending[0], 1)))
        await asyncio.wait_for(began.wait(), WAIT)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
    async with client_for(server, choose, store=store) as client:
        await read(await client.resume(waiting.run_id))
    assert results_in(server.requests[1]) == {"c1": "stored"}


async def test_an_error_for_an_answer_is_the_calls_result(server: FakeServer) -> None:
    server.play(calls(("c1", "pick_number", '{"question": "?"}')), says("done"))
    async with client_for(server, pick_number) as client:
        waiting = suspended_in(await read(client.stream("go")))
        call = waiting.pending[0]
        taken = await client.answer(waiting.run_id, Answer(call.call_id, call.token, error="the user closed the page"))
        assert (taken.error_code, taken.error_text) == (None, "the user closed the page")
        await read(await client.resume(waiting.run_id))
    assert results_in(server.requests[1]) == {"c1": "Error: the user closed the page"}


# ---- what is refused


async def refusal(client: LoopClient, run: str, answer: Answer) -> str:
    with pytest.raises(AnswerRefused) as caught:
        await client.answer(run, answer)
    assert str(caught.value)
    return caught.value.code


async def test_answers_that_are_not_what_the_call_takes_are_refused_and_may_be_given_again(
    server: FakeServer, delete: Tool
) -> None:
    server.play(calls(("c1", "delete", '{"path": "x"}'), ("c2", "pick_number", '{"question": "?"}')), says("done"))
    async with client_for(server, delete, pick_number) as client:
        waiting = suspended_in(await read(client.stream("go")))
        approval, question = waiting.pending
        wrong = [
            given(question, "seven"),
            given(question, {"a": object()}),
            given(question, 7, tool_name="delete"),
            given(question, 7, error="both"),
            decided(question, approved=True),
            Answer(question.call_id, question.token),
            given(approval, "yes"),
            Answer(question.call_id, question.token, error="x" * 5000),
        ]
        assert [await refusal(client, waiting.run_id, answer) for answer in wrong] == ["INVALID_TOOL_RESULT"] * len(
            wrong
        )
        with pytest.raises(AnswerRefused, match=r"\$: ") as caught:
            await client.answer(waiting.run_id, given(question, "secret-value"))
        assert "secret-value" not in str(caught.value)
        assert (await client.answer(waiting.run_id, given(question, 7, tool_name="pick_number"))).result == 7


async def test_a_value_that_is_too_large_is_refused(server: FakeServer) -> None:
    small = schema_tool("small", "Ask.", {"type": "object"}, max_result_bytes=100)
    server.play(calls(("c1", "small", "{}")))
    async with client_for(server, small) as client:
        waiting = suspended_in(await read(client.stream("go")))
        assert await refusal(client, waiting.run_id, given(waiting.pending[0], "x" * 200)) == "INVALID_TOOL_RESULT"


async def test_forged_repeated_and_unknown_answers_are_refused(server: FakeServer, delete: Tool) -> None:
    server.play(calls(("c1", "delete", '{"path": "x"}'), ("c2", "delete", '{"path": "y"}')), says("done"))
    async with client_for(server, delete) as client:
        waiting = suspended_in(await read(client.stream("go")))
        first, second = waiting.pending
        run = waiting.run_id
        assert await refusal(client, run, Answer("c1", second.token, approved=True)) == "BAD_TOKEN"
        assert await refusal(client, run, Answer("c1", "", approved=True)) == "BAD_TOKEN"
        assert await refusal(client, run, Answer("c1", "\ud800", approved=True)) == "BAD_TOKEN"
        assert await refusal(client, run, Answer("c9", first.token, approved=True)) == "UNKNOWN_CALL"
        assert await refusal(client, "run_unknown", decided(first, approved=True)) == "RUN_NOT_FOUND"
        with pytest.raises(AnswerRefused, match="still wait") as caught:
            await client.resume(run)
        assert caught.value.code == "NOT_ANSWERED"
        assert (await client.answer(run, decided(first, approved=False))).waiting == ("c2",)
        assert await refusal(client, run, decided(first, approved=True)) == "ALREADY_ANSWERED"
        events = await read(await client.submit(run, [decided(second, approved=False)]))
        assert finish_of(events).finish_reason == "stop"
        assert await refusal(client, run, decided(second, approved=True)) == "ALREADY_ANSWERED"
        with pytest.raises(AnswerRefused) as caught:
            await client.resume(run)
        assert caught.value.code == "ALREADY_ANSWERED"


async def test_a_token_of_another_run_does_not_fit_the_same_call(server: FakeServer, delete: Tool) -> None:
    server.play(then=calls(("c1", "delete", '{"path": "x"}')))
    async with client_for(server, delete) as client:
        one, two = [suspended_in(await read(client.stream("go"))) for _ in range(2)]
        assert await refusal(client, one.run_id, decided(two.pending[0], approved=True)) == "BAD_TOKEN"


async def test_an_altered_state_is_refused(server: FakeServer, delete: Tool, deletions: list[str]) -> None:
    server.play(calls(("c1", "delete", '{"path": "x"}')))
    async with client_for(server, delete) as client:
        waiting = suspended_in(await read(client.stream("go")))
    envelope = json.loads(waiting.signed_state)
    forged = [
        json.dumps(envelope | {"state": envelope["state"].replace('"x"', '"/"').replace(r"\"x\"", r"\"/\"")}),
        json.dumps(envelope | {"signature": envelope["signature"][::-1]}),
        json.dumps(envelope | {"v": 2}),
        json.dumps({"v": 1, "state": envelope["state"]}),
        "{",
        "{}",
    ]
    async with client_for(server, delete) as client:
        for state in forged:
            assert await refusal(client, state, decided(waiting.pending[0], approved=True)) == "BAD_STATE"
    async with client_for(server, delete, secret="another secret of length") as client:
        code = await refusal(client, waiting.signed_state, decided(waiting.pending[0], approved=True))
        assert code == "BAD_STATE"
    assert deletions == []


async def test_a_state_that_was_parsed_and_written_again_is_still_good(server: FakeServer, delete: Tool) -> None:
    server.play(calls(("c1", "delete", '{"path": "x", "n": 1.0}'.replace(', "n": 1.0', ""))), says("done"))
    async with client_for(server, delete) as client:
        waiting = suspended_in(await read(client.stream("go")))
    state = json.dumps(json.loads(waiting.signed_state), indent=2, sort_keys=True)
    async with client_for(server, delete) as client:
        events = await read(await client.submit(state, [decided(waiting.pending[0], approved=True)]))
    assert finish_of(events).text == "done"


async def test_an_old_state_of_a_run_that_was_suspended_again_is_refused(server: FakeServer, delete: Tool) -> None:
    server.play(calls(("c1", "delete", '{"path": "x"}')), calls(("c2", "delete", '{"path": "y"}')), says("done"))
    async with client_for(server, delete) as client:
        first = suspended_in(await read(client.stream("go")))
        events = await read(await client.submit(first.signed_state, [decided(first.pending[0], approved=True)]))
        second = suspended_in(events)
        assert second.run_id == first.run_id
        old = await refusal(client, first.signed_state, decided(first.pending[0], approved=True))
        assert old == "ALREADY_ANSWERED"
        assert await refusal(client, first.run_id, decided(first.pending[0], approved=True)) == "ALREADY_ANSWERED"
        events = await read(await client.submit(second.run_id, [decided(second.pending[0], approved=True)]))
    assert finish_of(events).text == "done"
    assert results_in(server.requests[2]) == {"c1": "deleted x", "c2": "deleted y"}


async def test_an_answer_after_the_expiry_is_refused(
    server: FakeServer, delete: Tool, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.play(calls(("c1", "delete", '{"path": "x"}')))
    async with client_for(server, delete, expires_after=60) as client:
        waiting = suspended_in(await read(client.stream("go")))
        assert waiting.expires_at is not None
        assert 50 < waiting.expires_at - time.time() <= 60
        late = waiting.expires_at + 1
        monkeypatch.setattr(time, "time", lambda: late)
        answer = decided(waiting.pending[0], approved=True)
        assert await refusal(client, waiting.run_id, answer) == "EXPIRED"
        assert await refusal(client, waiting.signed_state, answer) == "EXPIRED"


async def test_without_a_secret_nothing_can_be_suspended(server: FakeServer, delete: Tool) -> None:
    with pytest.raises(ConfigurationError, match="set `secret`"):
        client_for(server, delete, secret=None)
    with pytest.raises(ConfigurationError, match="at least 16 bytes"):
        client_for(server, delete, secret="short")
    with pytest.raises(ConfigurationError, match="NO_SUCH_SECRET"):
        client_for(server, delete, secret="env:NO_SUCH_SECRET")
    async with client_for(server, shout, secret=None) as client:
        with pytest.raises(ConfigurationError, match="set `secret`"):
            client.stream("go", tools=[pick_number])
        assert await refusal(client, "run_1", Answer("c1", "t", value=1)) == "CANNOT_SUSPEND"


async def test_a_source_may_not_bring_a_tool_that_waits_where_nobody_can_be_asked(
    server: FakeServer, delete: Tool, deletions: list[str]
) -> None:
    class Source:
        name = "late"

        async def open(self) -> None: ...

        async def list_tools(self) -> list[Tool]:
            return [delete]

        async def aclose(self) -> None: ...

    server.play(calls(("c1", "delete", '{"path": "x"}')), says("then not"))
    async with client_for(server, Source(), secret=None) as client:
        events = await read(client.stream("go"))
    assert deletions == []
    assert [event.code for event in events if isinstance(event, ToolOutputError)] == ["cannot_suspend"]


async def test_secrets_can_be_changed_while_runs_wait(server: FakeServer, delete: Tool) -> None:
    server.play(calls(("c1", "delete", '{"path": "x"}')), says("done"))
    async with client_for(server, delete) as client:
        waiting = suspended_in(await read(client.stream("go")))
    async with client_for(server, delete, secret=["a newer secret of length", SECRET]) as client:
        events = await read(await client.submit(waiting.signed_state, [decided(waiting.pending[0], approved=True)]))
    assert finish_of(events).text == "done"


async def test_the_secret_and_the_callers_values_are_nowhere_to_be_seen(
    server: FakeServer, delete: Tool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    contexts: list[str] = []

    @tool
    def look(context: ToolContext) -> str:
        """Look at the context."""
        contexts.append(repr(context))
        raise ValueError("looked")

    server.play(calls(("c0", "look", "{}"), ("c1", "delete", '{"path": "x"}')))
    async with client_for(server, delete, look) as client:
        events = await read(client.stream("go", values={"token": "user-secret"}))
    seen = json.dumps([event.to_json() for event in events]) + repr(events) + caplog.text + repr(contexts)
    assert contexts
    assert "user-secret" not in seen
    assert SECRET not in seen
    token = suspended_in(events).pending[0].token
    assert token not in repr(events), "tokens are for those who answer, not for logs"
    assert "user-secret" not in json.dumps(server.requests)


# ---- limits and rules of the waiting run


async def test_what_a_run_has_used_counts_after_it_went_on_and_the_waiting_does_not(
    server: FakeServer, delete: Tool
) -> None:
    server.play(then=calls(("c1", "delete", '{"path": "x"}')))
    async with client_for(server, delete, limits=Limits(max_rounds=3, max_seconds=30)) as client:
        waiting = suspended_in(await read(client.stream("go")))
        for _ in range(1):
            events = await read(await client.submit(waiting.run_id, [decided(waiting.pending[0], approved=True)]))
            waiting = suspended_in(events)
        events = await read(await client.submit(waiting.run_id, [decided(waiting.pending[0], approved=True)]))
    finish = finish_of(events)
    assert (finish.finish_reason, finish.rounds, finish.calls) == ("max_rounds", 3, 3)
    assert finish.seconds < 20


async def test_a_terminal_sibling_ends_the_run_when_the_answer_has_come(server: FakeServer, delete: Tool) -> None:
    @tool(terminal=True)
    def submit_report() -> dict[str, int]:
        """Hand in the report."""
        return {"pages": 3}

    server.play(calls(("c1", "submit_report", "{}"), ("c2", "delete", '{"path": "x"}')))
    async with client_for(server, submit_report, delete) as client:
        waiting = suspended_in(await read(client.stream("go")))
        events = await read(await client.submit(waiting.run_id, [decided(waiting.pending[0], approved=False)]))
    finish = finish_of(events)
    assert (finish.finish_reason, finish.output) == ("terminal_tool", '{"pages":3}')
    assert len(server.requests) == 1


async def test_tools_of_one_run_that_wait_are_kept_with_it(server: FakeServer) -> None:
    ask_browser = schema_tool("ask_browser", "Ask the browser.", {"type": "object"}, answer={"type": "integer"})
    server.play(calls(("c1", "ask_browser", "{}")), says("done"))
    async with client_for(server, shout) as client:
        with pytest.raises(ConfigurationError, match="two tools are named 'shout'"):
            client.stream("go", tools=[schema_tool("shout", "Mine.", {"type": "object"})])
        waiting = suspended_in(await read(client.stream("go", tools=[ask_browser])))
    async with client_for(server, shout) as client:
        assert await refusal(client, waiting.signed_state, given(waiting.pending[0], "x")) == "INVALID_TOOL_RESULT"
        events = await read(await client.submit(waiting.signed_state, [given(waiting.pending[0], 4)]))
    assert finish_of(events).text == "done"
    names = [[item["function"]["name"] for item in request["tools"]] for request in server.requests]
    assert names == [["shout", "ask_browser"]] * 2


async def test_an_answer_for_a_tool_this_process_does_not_have_is_refused_and_not_lost(server: FakeServer) -> None:
    store = MemoryRunStore()
    server.play(calls(("c1", "pick_number", '{"question": "?"}')), says("done"))
    async with client_for(server, pick_number, store=store) as client:
        waiting = suspended_in(await read(client.stream("go")))
    async with client_for(server, shout, store=store) as client:
        assert await refusal(client, waiting.run_id, given(waiting.pending[0], 7)) == "TOOL_NOT_FOUND"
    async with client_for(server, pick_number, store=store) as client:
        assert (await client.answer(waiting.run_id, given(waiting.pending[0], 7))).result == 7


def test_rules_that_contradict_a_deferred_tool_are_refused() -> None:
    for flags in ({"needs_approval": True}, {"idempotent": True, "retries": 1}):
        with pytest.raises(ToolDefinitionError, match="answered from outside"):
            tool(pick_number_function, deferred=True, **flags)
    with pytest.raises(ToolDefinitionError, match="for deferred tools"):
        tool(shout, answer=int)
