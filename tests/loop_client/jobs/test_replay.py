"""A job whose process dies goes on from its record: wherever that ends, it comes to the same and repeats nothing."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from loop_client import BrokenCall, Repaired, RoundPlan, Tool, ToolContext, schema_tool, tool
from loop_client.jobs import Job, JobAnswer, JobRuntime, JobSettings, JobSpec, MemoryJobs
from loop_client.jobs.memory import _Kept
from loop_client.stop import StepState
from tests.loop_client.fake_server import WAIT
from tests.loop_client.jobs.stage import OWNER, JobClient, RuleModel, ended, script


class World:
    """What the application does, and how often."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def note(self, what: str) -> None:
        self.done.append(what)

    def tools(self) -> list[Tool]:
        @tool
        async def add(context: ToolContext, a: int, b: int = 1) -> int:
            """Add."""
            self.note(f"add {context.round} {context.call_id}")
            await asyncio.sleep(0.001 * (a % 3))
            return a + b

        @tool(idempotent=True, retries=2)
        async def flaky(context: ToolContext, a: int) -> int:
            """Fail the first time of each execution."""
            self.note(f"flaky {context.round} {context.call_id}")
            if a % 2 and context.attempt == 1:
                raise ValueError
            return a

        @tool(needs_approval=self.is_large)
        async def pay(context: ToolContext, euros: int) -> str:
            """Pay."""
            self.note(f"pay {context.round} {context.call_id}")
            return f"paid {euros}"

        @tool(deferred=True, on_answer=self.answered)
        async def human(question: str = "") -> None:
            """Ask."""

        @tool(
            provides=lambda value: [schema_tool(name, "Brought.", {"type": "object"}, self.brought) for name in value]
        )
        async def bring(context: ToolContext) -> list[str]:
            """Bring a tool."""
            self.note(f"bring {context.round} {context.call_id}")
            return ["brought"]

        return [add, flaky, pay, human, bring]

    async def brought(self, arguments: dict[str, Any], context: ToolContext) -> str:
        self.note(f"brought {context.round} {context.call_id}")
        return "was brought"

    def is_large(self, arguments: dict[str, Any]) -> bool:
        self.note(f"rule {arguments['euros']}")
        return bool(arguments["euros"] > 100)

    async def answered(self, context: ToolContext, value: Any, metadata: dict[str, Any]) -> str:
        self.note(f"answered {context.round} {context.call_id}")
        return f"answered {value}"

    def prepare(self, plan: RoundPlan) -> RoundPlan:
        self.note(f"prepare {plan.round}")
        return replace(plan, options={"temperature": plan.round / 10})

    def repair(self, call: BrokenCall) -> Repaired | None:
        self.note(f"repair {call.call_id}")
        return Repaired(json.dumps({"a": 7})) if call.tool_name == "add" else None

    def stop(self, state: StepState) -> bool:
        self.note(f"stop {state.round}")
        return state.round == 4

    def engine(self) -> MemoryJobs:
        hooks = {"prepare_round": self.prepare, "repair": self.repair, "stop": self.stop}
        runtime = JobRuntime(JobClient(RuleModel(), self.tools(), **hooks))
        return MemoryJobs(runtime, JobSettings(event_seconds=0.001))


ROUNDS = (
    [["a1", "add", {"a": 2}], ["a2", "add", {"a": 1}], ["a3", "add", {"b": 1}], ["f1", "flaky", {"a": 3}]],
    [["p1", "pay", {"euros": 5}], ["p2", "pay", {"euros": 500}], ["p3", "pay", {"euros": 600}], ["h1", "human", {}]],
    [["b1", "bring", {}], ["n1", "no_such_tool", {}]],
    [["b2", "brought", {}], ["a4", "add", {"a": 4}]],
)


async def answering(engine: MemoryJobs, job_id: str) -> Job:
    """The job once it is over, with everything answered that waited."""
    answers = {
        "p2": JobAnswer("p2", approved=True),
        "p3": JobAnswer("p3", approved=False, reason="no"),
        "h1": JobAnswer("h1", value="yes"),
    }

    async def answer() -> None:
        async for event in engine.events(job_id, owner=OWNER):
            if event.type in {"tool-approval-requested", "tool-deferred"}:
                job = await engine.get(job_id, owner=OWNER)
                call = job.call(event.data["call_id"])
                if call is not None and call.state == "waiting":
                    await engine.answer(job_id, [answers[event.data["call_id"]]], owner=OWNER)

    async with asyncio.timeout(WAIT):
        await answer()
    return await ended(engine, job_id)


def shown(job: Job) -> list[Any]:
    """What the job came to, without times."""
    return [
        job.status,
        job.finish_reason,
        job.usage,
        job.messages,
        [(call.call_id, call.state, call.output, call.error_code) for item in job.rounds for call in item.calls],
    ]


@pytest.fixture
async def whole() -> tuple[World, _Kept, Job]:
    """A job that nothing interrupted."""
    world = World()
    engine = world.engine()
    await engine.open()
    job = await engine.start(JobSpec.of(script(*ROUNDS)), owner=OWNER)
    done = await answering(engine, job.id)
    assert (done.status, done.finish_reason) == ("completed", "stop_condition")
    outputs = {call.call_id: call.output for item in done.rounds for call in item.calls}
    assert (outputs["a3"], outputs["b2"], outputs["h1"]) == ("8", "was brought", "answered yes")
    return world, engine._jobs[job.id], done


async def test_it_comes_to_the_same_from_every_place_and_does_nothing_twice_that_was_recorded(
    whole: tuple[World, _Kept, Job],
) -> None:
    world, kept, done = whole
    last = max(kept.records)
    assert last > 40
    assert sorted(kept.records) == list(range(1, last + 1))
    for place in range(1, last + 2):
        other = World()
        engine = other.engine()
        await engine.open()
        recorded = {number: item for number, item in kept.records.items() if number < place}
        rows = [(number, row) for number, row in kept.rows if number < place]
        names = [name for name, _ in recorded.values()]
        job = replace(kept.job, status="queued", started_at=None, finished_at=None, messages=())
        engine._begin(_Kept(job, "", kept.spec, recorded, rows))
        again = await answering(engine, job.id)
        begun = {name.removeprefix("claim ") for name in names if name.startswith("claim ")}
        ended_calls = {name.removeprefix("call ") for name in names if name.startswith(("call ", "answer "))}
        # These may be begun again: one is idempotent, and a decision runs no code.
        left = begun - ended_calls - {"1 f1", "answer 2 p2", "answer 2 p3"}
        if not left:
            assert shown(again) == shown(done), f"a crash before {place} ({kept.records.get(place)})"
        else:
            states = {name: call.state for name in left if (call := again.call(name.split(" ")[-1])) is not None}
            assert set(states.values()) == {"interrupted"}, states
        for name in ended_calls:
            own = name.removeprefix("answer ")
            done_again = [note for note in other.done if note.endswith(f" {own}")]
            # An answer that is recorded may be a yes, after which the call is run.
            assert not done_again or (name.startswith("answer ") and done_again == ["pay 2 p2"]), f"{name} was recorded"
        for number in range(1, 5):
            assert (f"prepare {number}" in other.done) == (f"plan {number}" not in names)
            assert (f"stop {number}" in other.done) == (f"stop {number}" not in names)
        events = [event async for event in engine.events(job.id, owner=OWNER)]
        assert [event.id for event in events] == list(range(len(events)))
        for kind in ("round-start", "round-finish", "run-finish", "tool-output-available"):
            keys = [(event.data.get("round"), event.data.get("call_id")) for event in events if event.type == kind]
            assert len(keys) == len(set(keys)), kind
    assert world.done
