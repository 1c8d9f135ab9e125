"""Whatever a run does, a stock front end can read it, sends again only when it is to, and brings the right answers.

The runs are those of the loop's own property test; the reader is the AI SDK's, under Node, all of them in one process.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from loop_client import Limits, Retry, RunFinish, RunSuspended
from loop_client.answer_desk import AnswerDesk
from loop_client.answers import Answer
from loop_client.loop import run_loop
from loop_client.run_state import LoopRules, Resumed, RunSpec
from loop_client.run_store import MemoryRunStore
from loop_client.signing import Signer
from loop_client.steps import LiveSteps
from loop_client.toolbox import Toolbox
from loop_client.ui import StreamOptions, UIMessageStream, read_ui_messages
from tests.loop_client.fake_server import WAIT, history_problem
from tests.loop_client.javascript import run_script
from tests.loop_client.scripted_model import ScriptedModel, ScriptedTurn
from tests.loop_client.test_loop_property import Work, bounds, tools_over, turns

pytestmark = pytest.mark.needs_node

QUESTION = {"id": "u1", "role": "user", "parts": [{"type": "text", "text": "go"}]}
Stream = dict[str, Any]
WAITING = [
    [ScriptedTurn((("a", "outside", "{}"), ("b", "asks", "{}"), ("c", "quick", "{}")), reason="tool_calls")] * count
    for count in (1, 2, 3)
]
"""Runs that surely wait, whatever the others happen to do."""


def recorded_runs() -> list[list[Stream]]:
    """The streams of many runs: for each stream its chunks, the answers that follow, and how the run stood."""
    runs: list[list[Stream]] = []

    @settings(max_examples=60, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(
        script=st.lists(turns, min_size=1, max_size=6),
        limits=bounds,
        decisions=st.lists(st.sampled_from(("approve", "deny", "error")), min_size=1, max_size=3),
    )
    def record(script: list[ScriptedTurn], limits: Limits, decisions: list[str]) -> None:
        runs.append(asyncio.run(asyncio.wait_for(play(script, limits, decisions), WAIT * 2)))

    record()
    runs += [asyncio.run(play(script, Limits(), ["approve", "deny"])) for script in WAITING]
    return runs


async def play(script: list[ScriptedTurn], limits: Limits, decisions: list[str]) -> list[Stream]:
    model, desk = ScriptedModel(script), AnswerDesk(Signer(["a secret of some length"]), MemoryRunStore())
    spec = RunSpec(
        model="m",
        messages=({"role": "user", "content": "go"},),
        toolbox=Toolbox(tools_over(Work())),
        limits=limits,
        rules=LoopRules(retry=Retry(retries=1, first_wait=0.001)),
        desk=desk,
    )
    streams: list[Stream] = []
    resumed: Resumed | None = None
    while True:
        async with aclosing(run_loop(spec, LiveSteps(model), resumed)) as running:
            events = [event async for event in running]
        encoder = UIMessageStream(StreamOptions("m1"))
        chunks = [chunk for event in events for chunk in encoder.feed(event)]
        finish = events[-1]
        assert isinstance(finish, RunFinish)
        assert encoder.ended
        streams.append({"chunks": chunks, "answers": {}, "reason": finish.finish_reason, "error": finish.error})
        suspended = next((event for event in events if isinstance(event, RunSuspended)), None)
        if suspended is None:
            return streams
        streams[-1]["pending"] = {call.call_id: call.token for call in suspended.pending}
        for place, call in enumerate(suspended.pending):
            decision = decisions[place % len(decisions)]
            answer, part = answered(call.call_id, call.token, call.kind, decision)
            streams[-1]["answers"][call.call_id] = part
            await desk.take_answer(finish.run_id, answer, tool_of(spec), {})
        resumed = Resumed(*await desk.take_run(finish.run_id))


def tool_of(spec: RunSpec) -> Any:
    return lambda _, name: next(tool for tool in spec.toolbox.fixed if tool.name == name)


def answered(call_id: str, token: str, kind: str, decision: str) -> tuple[Answer, dict[str, Any]]:
    """An answer, and what a page does to the call's part with it."""
    if kind == "approval":
        approved = decision == "approve"
        approval = {"id": call_id, "approved": approved}
        return Answer(call_id, token, approved=approved), {"state": "approval-responded", "approval": approval}
    if decision == "error":
        return Answer(call_id, token, error="broken"), {"state": "output-error", "errorText": "broken"}
    return Answer(call_id, token, value=[1]), {"state": "output-available", "output": [1]}


def test_every_run_reads_as_one_message_that_goes_on_only_when_it_is_to() -> None:
    runs = recorded_runs()
    sent = [[{"chunks": item["chunks"], "answers": item["answers"]} for item in streams] for streams in runs]
    read = asyncio.run(run_script("read_runs.mjs", {"runs": sent}))["runs"]
    for streams, outcomes in zip(runs, read, strict=True):
        for stream, outcome in zip(streams, outcomes, strict=True):
            assert len(outcome["errors"]) == (stream["error"] is not None), outcome["errors"]
            assert not outcome["goesOn"], "a page would send again what is not to be sent again"
            assert outcome["goesOnAnswered"] is ("pending" in stream)
            check_history(stream, outcome["message"])
    assert all(len(streams) > 1 for streams in runs[-len(WAITING) :])


def check_history(stream: Stream, message: dict[str, Any] | None) -> None:
    if message is None:
        assert stream["error"] is not None
        return
    conversation = read_ui_messages([QUESTION, message])
    assert history_problem(conversation.messages) is None
    words = [part for part in message["parts"] if part["type"] in {"text", "reasoning"}]
    assert all(part["state"] == "done" for part in words)
    answers = stream["answers"]
    if not answers:
        return
    for part in message["parts"]:
        part.update(answers.get(part.get("toolCallId"), {}))
    brought = {answer.call_id: answer.token for answer in read_ui_messages([QUESTION, message]).answers}
    assert brought == stream["pending"], "the page brings exactly the answers that are waited for"
