"""Whatever model, tools, failures, time-outs and cancellations do: calls are answered, limits hold, nothing is left."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop_client import (
    AnyEvent,
    Limits,
    PendingCall,
    Retry,
    RunFinish,
    RunSuspended,
    Tool,
    ToolContext,
    ToolError,
    ToolInputAvailable,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
    tool,
)
from loop_client.answer_desk import AnswerDesk
from loop_client.answers import Answer
from loop_client.limits import OnLimit
from loop_client.loop import run_loop
from loop_client.run_state import LoopRules, Resumed, RunSpec
from loop_client.run_store import MemoryRunStore
from loop_client.signing import Signer
from loop_client.steps import LiveSteps
from loop_client.toolbox import Toolbox
from tests.loop_client.fake_server import WAIT, history_problem
from tests.loop_client.scripted_model import ScriptedModel, ScriptedTurn

TIMEOUT = 0.03
SLACK = 1.0
"""Seconds by which a busy machine may be late."""

NAMES = (
    "quick",
    "thread",
    "fails",
    "explains",
    "hangs",
    "slow_to_stop",
    "cancels_itself",
    "again",
    "alone",
    "large",
    "last",
    "outside",
    "asks",
    "asks_sometimes",
    "no_such_tool",
)
ARGUMENTS = (*("{}", '{"n": 1}', '{"n": 2}') * 4, '{"n": "x"}', '{"n": ', "", '{"m": 1}', "[]")


@dataclass
class Work:
    """What handlers did: when each ran, and which run now."""

    spans: list[tuple[str, float]] = field(default_factory=list)
    running: Counter[str] = field(default_factory=Counter)
    starts: Counter[str] = field(default_factory=Counter)

    async def of(self, name: str, context: ToolContext, seconds: float) -> None:
        """Work for so long, or until it is cancelled."""
        self.starts[context.idempotency_key] += 1
        self.running[name] += 1
        began = time.monotonic()
        try:
            await asyncio.sleep(seconds)
        finally:
            self.running[name] -= 1
            self.spans.append((name, time.monotonic() - began))


def tools_over(work: Work) -> tuple[Tool, ...]:  # noqa: C901  # one small function for every kind of behaviour
    @tool(timeout=TIMEOUT)
    async def quick(context: ToolContext, n: int = 0) -> int:
        """Return at once."""
        await work.of("quick", context, 0)
        context.report_progress(1, 1)
        return n

    @tool(timeout=TIMEOUT * 10)
    def thread(context: ToolContext, n: int = 0) -> str:
        """Work in a thread."""
        context.report_progress(n)
        return f"{n}"

    @tool(timeout=TIMEOUT)
    async def fails(context: ToolContext, n: int = 0) -> None:
        """Raise."""
        await work.of("fails", context, 0)
        raise KeyError(n)

    @tool(timeout=TIMEOUT)
    async def explains(n: int = 0) -> None:
        """Raise for the model."""
        raise ToolError("no")

    @tool(timeout=TIMEOUT)
    async def hangs(context: ToolContext, n: int = 0) -> None:
        """Hang."""
        await work.of("hangs", context, WAIT)

    @tool(timeout=TIMEOUT)
    async def slow_to_stop(context: ToolContext, n: int = 0) -> None:
        """Clean up when cancelled."""
        try:
            await work.of("slow_to_stop", context, WAIT)
        finally:
            await asyncio.sleep(0.001)

    @tool(timeout=TIMEOUT)
    async def cancels_itself(n: int = 0) -> None:
        """Raise a cancellation nobody asked for."""
        raise asyncio.CancelledError

    @tool(timeout=TIMEOUT, idempotent=True, retries=1)
    async def again(context: ToolContext, n: int = 0) -> str:
        """Fail at first."""
        await work.of("again", context, 0)
        if context.attempt == 1:
            raise ValueError
        return "second"

    @tool(timeout=TIMEOUT, parallel=False)
    async def alone(context: ToolContext, n: int = 0) -> bool:
        """Run beside nothing."""
        others = +work.running
        await work.of("alone", context, 0)
        assert not others
        return True

    @tool(timeout=TIMEOUT, max_result_bytes=64)
    async def large(n: int = 0) -> str:
        """Return much."""
        return "x" * 1000

    @tool(timeout=TIMEOUT, terminal=True)
    async def last(n: int = 0) -> str:
        """End the run."""
        return "the end"

    @tool(deferred=True)
    def outside(n: int = 0) -> None:
        """Ask outside."""

    @tool(timeout=TIMEOUT, needs_approval=True)
    async def asks(context: ToolContext, n: int = 0) -> str:
        """Run only if approved."""
        await work.of("asks", context, 0)
        return "approved"

    @tool(timeout=TIMEOUT, needs_approval=lambda arguments: arguments["n"] > 1)
    async def asks_sometimes(n: int = 0) -> str:
        """Run only if approved, sometimes; the rule itself fails without an n."""
        return "approved"

    return (
        quick,
        thread,
        fails,
        explains,
        hangs,
        slow_to_stop,
        cancels_itself,
        again,
        alone,
        large,
        last,
        outside,
        asks,
        asks_sometimes,
    )


calls = st.tuples(st.sampled_from(("a", "b", "c", "d")), st.sampled_from(NAMES), st.sampled_from(ARGUMENTS))
turns = st.builds(
    ScriptedTurn,
    calls=st.lists(calls, max_size=4).map(tuple),
    text=st.sampled_from(("", "words")),
    reason=st.sampled_from((*("tool_calls",) * 8, "stop", "length", "content_filter", "pause_turn")),
    failure=st.sampled_from(("none",) * 8 + ("passing", "final", "cut", "hang")),
)
on_limits: st.SearchStrategy[OnLimit] = st.sampled_from(("stop", "answer", "raise"))
bounds = st.builds(
    Limits,
    max_rounds=st.integers(1, 5),
    max_calls=st.sampled_from((None, None, 0, 1, 3, 8)),
    max_seconds=st.sampled_from((0.02, 0.2, 1.0, 1.0, 1.0)),
    max_parallel=st.integers(1, 3),
    max_tokens=st.sampled_from((None, None, None, 0, 20, 40)),
    max_pauses=st.integers(0, 2),
    warn_repeats=st.none() | st.integers(1, 2),
    max_repeats=st.none() | st.integers(1, 2),
    on_limit=on_limits,
    answer_seconds=st.just(0.2),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    script=st.lists(turns, min_size=1, max_size=6),
    limits=bounds,
    leave_after=st.sampled_from((None, None, None)) | st.integers(1, 25),
    can_suspend=st.booleans(),
    decisions=st.lists(st.sampled_from(("approve", "deny", "value", "error")), min_size=1, max_size=3),
)
def test_every_call_is_answered_once_and_nothing_outlives_the_run(
    script: list[ScriptedTurn], limits: Limits, leave_after: int | None, can_suspend: bool, decisions: list[str]
) -> None:
    """LOOP-03, LOOP-04, LOOP-06."""
    asyncio.run(asyncio.wait_for(play(script, limits, leave_after, can_suspend, decisions), WAIT * 2))


def turns_of(*names: str) -> st.SearchStrategy[ScriptedTurn]:
    """Turns of nothing but good calls of these tools."""
    good = st.tuples(st.sampled_from(("a", "b", "c", "d")), st.sampled_from(names), st.sampled_from(ARGUMENTS[:3]))
    return st.builds(
        ScriptedTurn, calls=st.lists(good, min_size=1, max_size=4).map(tuple), reason=st.just("tool_calls")
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    script=st.lists(turns_of("hangs", "slow_to_stop", "again", "thread", "fails", "alone"), min_size=1, max_size=3),
    limits=st.builds(
        Limits,
        max_rounds=st.integers(2, 4),
        max_seconds=st.sampled_from((0.01, 0.05, 2.0)),
        max_parallel=st.integers(1, 4),
        on_limit=on_limits,
    ),
    leave_after=st.none() | st.integers(8, 40),
)
def test_tools_that_misbehave_are_stopped_and_leave_nothing_behind(
    script: list[ScriptedTurn], limits: Limits, leave_after: int | None
) -> None:
    """LOOP-06."""
    asyncio.run(asyncio.wait_for(play(script, limits, leave_after, False, ["deny"]), WAIT * 2))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    script=st.lists(turns_of("quick", "outside", "asks", "asks_sometimes", "last"), min_size=1, max_size=4),
    limits=st.builds(Limits, max_rounds=st.integers(2, 5), on_limit=on_limits),
    decisions=st.lists(st.sampled_from(("approve", "deny", "value", "error")), min_size=1, max_size=3),
)
def test_calls_that_wait_are_answered_once_too(
    script: list[ScriptedTurn], limits: Limits, decisions: list[str]
) -> None:
    """LOOP-06."""
    asyncio.run(asyncio.wait_for(play(script, limits, None, True, decisions), WAIT * 2))


async def play(
    script: list[ScriptedTurn], limits: Limits, leave_after: int | None, can_suspend: bool, decisions: list[str]
) -> None:
    work, model = Work(), ScriptedModel(script)
    desk = AnswerDesk(Signer(["a secret of some length"]), MemoryRunStore()) if can_suspend else None
    spec = RunSpec(
        model="m",
        messages=({"role": "user", "content": "go"},),
        toolbox=Toolbox(tools_over(work)),
        limits=limits,
        rules=LoopRules(retry=Retry(retries=1, first_wait=0.001)),
        desk=desk,
    )
    before = asyncio.all_tasks()
    events: list[AnyEvent] = []
    resumed: Resumed | None = None
    while True:
        left = await read(spec, model, resumed, events, leave_after)
        assert asyncio.all_tasks() == before, "a task was left"
        assert not +work.running, "a handler outlived the run"
        suspended = next((event for event in reversed(events) if isinstance(event, RunSuspended)), None)
        finish = events[-1] if events else None
        if left or not isinstance(finish, RunFinish) or finish.finish_reason != "suspended":
            break
        assert desk is not None
        assert suspended is not None
        for place, call in enumerate(suspended.pending):
            answer = answer_to(call, decisions[place % len(decisions)])
            await desk.take_answer(
                suspended.signed_state,
                answer,
                lambda _, name: next(t for t in spec.toolbox.fixed if t.name == name),
                {},
            )
        resumed = Resumed(*await desk.take_run(finish.run_id))
    check(events, model, work, limits, has_left=left)


async def read(
    spec: RunSpec, model: ScriptedModel, resumed: Resumed | None, events: list[AnyEvent], leave_after: int | None
) -> bool:
    """Read a run to its end, or leave early; whether it was left."""
    async with aclosing(run_loop(spec, LiveSteps(model), resumed)) as stream:
        async for event in stream:
            events.append(event)
            if leave_after is not None and len(events) >= leave_after and not isinstance(event, RunFinish):
                return True
    return False


def answer_to(call: PendingCall, decision: str) -> Answer:
    if call.kind == "approval":
        return Answer(call.call_id, call.token, approved=decision in {"approve", "value"}, reason="so be it")
    if decision in {"approve", "value"}:
        return Answer(call.call_id, call.token, value={"from": "outside"})
    return Answer(call.call_id, call.token, error="nobody knows")


def check(events: list[AnyEvent], model: ScriptedModel, work: Work, limits: Limits, *, has_left: bool) -> None:
    most_rounds = limits.max_rounds + (limits.on_limit == "answer")
    assert len({request.round for request in model.requests}) <= most_rounds
    assert all(count <= 2 for count in work.starts.values()), "a call ran more often than its retries allow"
    assert all(seconds <= TIMEOUT + SLACK for _, seconds in work.spans), "a handler outlived its time-out"
    started = {event.call_id for event in events if isinstance(event, ToolInputAvailable)}
    ended = Counter(
        event.call_id for event in events if isinstance(event, (ToolOutputAvailable, ToolOutputError, ToolOutputDenied))
    )
    assert all(count == 1 for count in ended.values()), "a call ended twice"
    if limits.max_calls is not None:
        assert len(started) <= limits.max_calls
    if has_left:
        return
    finish = events[-1]
    assert isinstance(finish, RunFinish)
    assert history_problem(finish.messages) is None
    asked = [item["id"] for message in finish.messages for item in message.get("tool_calls") or ()]
    answered = [message["tool_call_id"] for message in finish.messages if message["role"] == "tool"]
    assert asked == answered, "a call is not answered, or answered out of order"
    assert len(set(asked)) == len(asked)
    assert set(asked) == set(ended)
    announced: set[Any] = {event.call_id for event in events if isinstance(event, ToolInputStart)}
    assert started <= announced
    assert sum(isinstance(event, RunFinish) for event in events) == 1 + sum(
        isinstance(event, RunSuspended) for event in events
    )
