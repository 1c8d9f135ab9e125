"""What every engine does: starts, shows, answers, cancels and repeats jobs, for their owner and nobody else."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from typing import Any

import pytest

from loop_client import RunFinish, ToolInputAvailable
from loop_client.jobs import (
    AnswerConflict,
    CallNotFound,
    InvalidAnswer,
    InvalidJob,
    Job,
    JobAnswer,
    JobConflict,
    JobCounts,
    JobEngine,
    JobEvent,
    JobNotFound,
    JobSpec,
    QueueFull,
)
from loop_client.jobs.engine import JobCounter
from loop_client.ui import UIMessageStream
from tests.loop_client.fake_server import WAIT
from tests.loop_client.jobs.conftest import Opening
from tests.loop_client.jobs.stage import OWNER, Stage, ended, failing, read, script, until


async def test_a_job_runs_to_its_end_with_every_step_it_took(engine: JobEngine, stage: Stage) -> None:
    spec = JobSpec.of(
        script([["c1", "add", {"a": 2}], ["c2", "add", {}]], [["c3", "add", {"b": 5}]]), metadata={"n": 1}
    )
    begun = await engine.start(spec, owner=OWNER)
    assert begun.status in {"queued", "running"}
    job = await ended(engine, begun.id)
    assert (job.status, job.finish_reason, job.text) == ("completed", "stop", "words of round 3")
    assert [(call.call_id, call.state, call.output) for item in job.rounds for call in item.calls] == [
        ("c1", "completed", "4"),
        ("c2", "completed", "3"),
        ("c3", "completed", "6"),
    ]
    assert [item.finish_reason for item in job.rounds] == ["tool_calls", "tool_calls", "stop"]
    assert all(call.started_at and call.finished_at and call.attempt == 1 for r in job.rounds for call in r.calls)
    assert job.usage.total_tokens == 45
    assert job.metadata == {"n": 1}
    assert job.created_at <= (job.started_at or 0) <= (job.finished_at or 0)
    assert [message["role"] for message in job.messages] == [
        "user",
        *["assistant", "tool", "tool"],
        "assistant",
        "tool",
        "assistant",
    ]
    assert set(stage.account.starts) == {f"{job.id}/1/c1", f"{job.id}/1/c2", f"{job.id}/2/c3"}
    assert job.active_calls == ()
    assert Job.from_json(job.to_json()) == job


async def test_jobs_that_are_not_over_are_counted(opening: Opening, stage: Stage) -> None:
    asking = JobSpec.of(script([["c1", "ask_user", {}]]))
    async with opening(stage.runtime()) as engine:
        assert isinstance(engine, JobCounter)
        jobs = [await engine.start(asking, owner=owner) for owner in (OWNER, "bob")]
        done = await engine.start(JobSpec.of(script()), owner=OWNER)
        await ended(engine, done.id)
        await asyncio.gather(*(_deferred(engine, job) for job in jobs))
        assert await asyncio.to_thread(engine.counts) == JobCounts(queued=0, begun=2)
        await engine.answer(jobs[0].id, [JobAnswer("c1", value="x")], owner=OWNER)
        await ended(engine, jobs[0].id)
        assert await asyncio.to_thread(engine.counts) == JobCounts(queued=0, begun=1)


async def _deferred(engine: JobEngine, job: Job) -> None:
    async with asyncio.timeout(WAIT), aclosing(engine.events(job.id, owner=job.owner)) as events:
        async for event in events:
            if event.type == "tool-deferred":
                return


async def test_events_are_those_of_a_live_run_and_feed_the_same_front_end(engine: JobEngine) -> None:
    job = await engine.start(JobSpec.of(script([["c1", "add", {}]])), owner=OWNER)
    events = await read(engine, job.id)
    assert [event.id for event in events] == list(range(len(events)))
    assert [event.type for event in events if "delta" not in event.type] == [
        "run-start",
        "round-start",
        "response-metadata",
        "tool-input-start",
        "round-finish",
        "tool-input-available",
        "job-call-start",
        "tool-progress",
        "tool-output-available",
        "round-start",
        "response-metadata",
        "round-finish",
        "run-finish",
        "job-end",
    ]
    assert events[-1].data["status"] == "completed"
    assert all(JobEvent.from_json(event.to_json()) == event for event in events)
    front = UIMessageStream()
    chunks = [chunk for event in events if (given := event.run_event()) for chunk in front.feed(given)]
    assert front.ended
    assert {"type": "finish"}.items() <= chunks[-1].items()
    assert next(c for c in chunks if c["type"] == "tool-output-available")["output"] == 3


async def test_the_same_key_or_id_gives_the_same_job_and_another_job_is_refused(engine: JobEngine) -> None:
    spec = JobSpec.of(script())
    first = await engine.start(spec, owner=OWNER, idempotency_key="k")
    again = await engine.start(spec, owner=OWNER, idempotency_key="k")
    assert first.id == again.id
    assert (await engine.start(spec, owner="bob", idempotency_key="k")).id != first.id
    with pytest.raises(JobConflict):
        await engine.start(JobSpec.of(script([])), owner=OWNER, idempotency_key="k")
    named = await engine.start(spec, owner=OWNER, job_id="my-job")
    assert named.id == "my-job"
    with pytest.raises(JobConflict):
        await engine.start(spec, owner="bob", job_id="my-job")
    with pytest.raises(InvalidJob):
        await engine.start(spec, owner=OWNER, job_id="a/b")
    assert (await ended(engine, "my-job")).status == "completed"


async def test_nobody_but_its_owner_sees_a_job(engine: JobEngine) -> None:
    job = await engine.start(JobSpec.of(script([["c1", "ask_user", {}]])), owner=OWNER)
    await until(engine, job.id, "tool-deferred")
    for attempt in (
        engine.get(job.id, owner="bob"),
        engine.cancel(job.id, owner="bob"),
        engine.retry(job.id, owner="bob"),
        engine.answer(job.id, [JobAnswer("c1", value="x")], owner="bob"),
        read(engine, job.id, owner="bob"),
        engine.list("bob", before=job.id),
        engine.get("no-such-job", owner=OWNER),
    ):
        with pytest.raises(JobNotFound):
            await attempt
    assert await engine.list("bob") == []
    assert (await engine.get(job.id, owner=OWNER)).status == "waiting"
    await engine.cancel(job.id, owner=OWNER)


async def test_jobs_are_listed_latest_first_in_pages_and_by_status(engine: JobEngine) -> None:
    made = [await engine.start(JobSpec.of(script([["c", "ask_user", {}]])), owner=OWNER) for _ in range(2)]
    for _ in range(3):
        made.append(await engine.start(JobSpec.of(script()), owner=OWNER))
        await ended(engine, made[-1].id)
    for waiting in made[:2]:
        await until(engine, waiting.id, "tool-deferred")
    ids = [job.id for job in reversed(made)]
    assert [job.id for job in await engine.list(OWNER)] == ids
    assert [job.id for job in await engine.list(OWNER, limit=2)] == ids[:2]
    assert [job.id for job in await engine.list(OWNER, limit=2, before=ids[1])] == ids[2:4]
    assert [job.id for job in await engine.list(OWNER, "waiting")] == ids[3:]
    assert [job.id for job in await engine.list(OWNER, "completed")] == ids[:3]
    assert all(job.rounds == () for job in await engine.list(OWNER))
    for waiting in made[:2]:
        await engine.cancel(waiting.id, owner=OWNER)
    assert [job.id for job in await engine.list(OWNER, "cancelled")] == ids[3:]


async def test_an_approval_a_denial_and_an_answer_each_count_once(engine: JobEngine, stage: Stage) -> None:
    rounds = [["yes", "pay", {"euros": 200}], ["no", "pay", {"euros": 300}], ["seat", "choose_seat", {"row": 7}]]
    job = await engine.start(JobSpec.of(script([*rounds, ["c", "add", {}]])), owner=OWNER)
    await until(engine, job.id, "tool-deferred")
    view = await engine.get(job.id, owner=OWNER)
    assert view.status == "waiting"
    assert {call.call_id: (call.state, call.kind) for call in view.active_calls} == {
        "yes": ("waiting", "approval"),
        "no": ("waiting", "approval"),
        "seat": ("waiting", "answer"),
    }
    with pytest.raises(CallNotFound):
        await engine.answer(job.id, [JobAnswer("nothing", approved=True)], owner=OWNER)
    with pytest.raises(AnswerConflict):
        await engine.answer(job.id, [JobAnswer("c", value=1)], owner=OWNER)
    for altered in (
        JobAnswer("yes", approved=True, arguments_text='{"euros": 1}'),
        JobAnswer("yes", approved=True, token="of another call"),
    ):
        with pytest.raises(AnswerConflict):
            await engine.answer(job.id, [altered], owner=OWNER)
    for wrong in (JobAnswer("seat", value=7), JobAnswer("seat", approved=True), JobAnswer("yes", value="x")):
        with pytest.raises(InvalidAnswer):
            await engine.answer(job.id, [wrong], owner=OWNER)
    token = next(call.token for call in view.active_calls if call.call_id == "yes")
    good = JobAnswer("yes", approved=True, token=token, arguments_text='{ "euros":200 }')
    results = await asyncio.gather(
        *(engine.answer(job.id, [good], owner=OWNER) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(result, Job) for result in results) == 1
    assert all(isinstance(result, (Job, AnswerConflict)) for result in results), results
    answers = [JobAnswer("no", approved=False, reason="too much"), JobAnswer("seat", value="7C")]
    await engine.answer(job.id, answers, owner=OWNER)
    done = await ended(engine, job.id)
    calls = {call.call_id: call for call in done.rounds[0].calls}
    assert (calls["yes"].output, calls["no"].error_code, calls["seat"].output) == (
        "paid 200",
        "denied",
        '{"seat":"7C"}',
    )
    assert stage.account.starts[f"{job.id}/1/yes"] == 1
    assert stage.account.answered == [(f"{job.id}/1/seat", "7C")]
    with pytest.raises(AnswerConflict):
        await engine.answer(job.id, [JobAnswer("seat", value="8C")], owner=OWNER)


async def test_cancel_reaches_a_running_handler_within_a_second_and_stays_as_it_is(
    engine: JobEngine, stage: Stage
) -> None:
    job = await engine.start(JobSpec.of(script([["c1", "hold", {}], ["c2", "add", {}]])), owner=OWNER)
    await until(engine, job.id, "tool-output-available")
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert (await engine.cancel(job.id, owner=OWNER)).status == "cancelled"
    events = await read(engine, job.id)
    assert events[-1].type == "job-end"
    assert events[-1].data["status"] == "cancelled"
    async with asyncio.timeout(WAIT):
        await stage.account.was_cancelled.wait()
    assert stage.account.cancelled_at - began < 1.0, "seconds that are promised"
    view = await engine.cancel(job.id, owner=OWNER)
    assert {call.call_id: call.state for call in view.rounds[0].calls} == {"c1": "interrupted", "c2": "completed"}
    assert await read(engine, job.id) == events
    with pytest.raises(AnswerConflict):
        await engine.answer(job.id, [JobAnswer("c1", value=1)], owner=OWNER)


async def test_a_waiting_job_is_cancelled_at_once(engine: JobEngine) -> None:
    job = await engine.start(JobSpec.of(script([["c1", "ask_user", {}]])), owner=OWNER)
    await until(engine, job.id, "tool-deferred")
    view = await engine.cancel(job.id, owner=OWNER)
    assert (view.status, view.rounds[0].calls[0].state) == ("cancelled", "interrupted")
    assert (await read(engine, job.id))[-1].type == "job-end"


async def test_a_failed_job_is_repeated_behind_what_was_recorded(engine: JobEngine, stage: Stage) -> None:
    def fail_late(request: Any) -> None:
        if request.round == 2:
            failing()(request)

    stage.model.before = fail_late
    job = await engine.start(JobSpec.of(script([["c1", "add", {}]], [["c2", "add", {}]])), owner=OWNER)
    failed = await ended(engine, job.id)
    assert (failed.status, failed.finish_reason) == ("failed", "error")
    assert failed.error is not None
    assert failed.error.code == "stream_error"
    stage.model.before = None
    again = await engine.retry(job.id, owner=OWNER)
    assert (again.retry_of, again.attempt) == (job.id, 2)
    done = await ended(engine, again.id)
    assert (done.status, done.attempt, len(done.rounds)) == ("completed", 2, 3)
    assert [key for key in stage.account.starts if key.endswith("/1/c1")] == [f"{job.id}/1/c1"], "it was recorded"
    assert stage.account.starts[f"{again.id}/2/c2"] == 1
    events = await read(engine, again.id)
    assert [event.id for event in events] == list(range(len(events)))
    assert [e.data["run_id"] for e in events if "run_id" in e.data] == [again.id] * 2
    assert await engine.get(job.id, owner=OWNER) == failed


async def test_a_cancelled_job_goes_on_and_a_completed_one_from_a_round(engine: JobEngine, stage: Stage) -> None:
    job = await engine.start(JobSpec.of(script([["c1", "hold", {}], ["c2", "add", {}]])), owner=OWNER)
    with pytest.raises(JobConflict):
        await engine.retry(job.id, owner=OWNER)
    await until(engine, job.id, "tool-output-available")
    await engine.cancel(job.id, owner=OWNER)
    again = await engine.retry(job.id, owner=OWNER)
    done = await ended(engine, again.id)
    assert {call.call_id: call.state for call in done.rounds[0].calls} == {"c1": "interrupted", "c2": "completed"}
    assert sum(stage.account.starts.values()) == 2, "neither was begun again"
    with pytest.raises(JobConflict):
        await engine.retry(again.id, owner=OWNER)
    with pytest.raises(JobConflict):
        await engine.retry(again.id, owner=OWNER, from_round=9)
    whole = await ended(engine, (await engine.retry(again.id, owner=OWNER, from_round=2)).id)
    assert (whole.status, whole.attempt) == ("completed", 3)
    assert whole.rounds[0] == done.rounds[0]
    assert sum(stage.account.starts.values()) == 2


async def test_an_interrupted_call_is_repeated_or_asked_about_as_its_tool_says(engine: JobEngine, stage: Stage) -> None:
    job = await engine.start(
        JobSpec.of(script([["c1", "again", {}], ["c2", "asks", {}], ["c3", "asks", {}]])), owner=OWNER
    )
    await until(engine, job.id, "job-call-start", 3)
    await engine.cancel(job.id, owner=OWNER)
    again = await engine.retry(job.id, owner=OWNER)
    seen = await until(engine, again.id, "tool-approval-requested", 2)
    tokens = {event.data["call_id"]: event.data["token"] for event in seen if event.type == "tool-approval-requested"}
    await engine.answer(again.id, [JobAnswer("c2", approved=True, token=tokens["c2"])], owner=OWNER)
    await engine.answer(again.id, [JobAnswer("c3", approved=False, token=tokens["c3"])], owner=OWNER)
    done = await ended(engine, again.id)
    assert done.status == "completed"
    assert {call.call_id: (call.state, call.output, call.attempt) for call in done.rounds[0].calls} == {
        "c1": ("completed", "attempt 2", 2),
        "c2": ("completed", "attempt 2", 2),
        "c3": ("error", None, 1),
    }
    assert stage.account.attempts == {"1/c1": [1, 2], "1/c2": [1, 2], "1/c3": [1]}


async def test_fifty_viewers_that_leave_and_resume_see_the_same(engine: JobEngine, stage: Stage) -> None:
    stage.account.may_end = asyncio.Event()
    rounds = [[[f"c{number}", "add", {}], [f"d{number}", "add", {}]] for number in range(4)]
    job = await engine.start(JobSpec.of(script([["h", "hold", {}]], *rounds)), owner=OWNER)

    async def look(seed: int) -> list[JobEvent]:
        chance, seen = random.Random(seed), list[JobEvent]()
        while not seen or seen[-1].type != "job-end":
            stay = chance.randint(1, 9)
            after = seen[-1].id if seen else None
            async with aclosing(engine.events(job.id, owner=OWNER, after=after)) as events:
                async for event in events:
                    seen.append(event)
                    stay -= 1
                    if stay == 0:
                        break
        return seen

    async with asyncio.timeout(WAIT * 3):
        viewers = [asyncio.create_task(look(seed)) for seed in range(50)]
        await until(engine, job.id, "job-call-start")
        stage.account.may_end.set()
        seen = await asyncio.gather(*viewers)
    assert all(one == seen[0] for one in seen)
    assert [event.id for event in seen[0]] == list(range(len(seen[0])))
    assert await read(engine, job.id, after=seen[0][-1].id) == []


async def test_what_cannot_be_a_job_is_refused(engine: JobEngine) -> None:
    for wrong in (
        JobSpec.of("x", profile="no-such"),
        JobSpec.of("x", tools=("no_such_tool",)),
        JobSpec.of("x", options={"messages": []}),
        JobSpec.of("x", limits={"max_rounds": 0}),
        JobSpec.of("x", limits={"no_such": 0}),
        JobSpec.of("x", outside_tools=({"name": "add", "description": "d", "parameters": {}},)),
    ):
        with pytest.raises(InvalidJob):
            await engine.start(wrong, owner=OWNER)
    assert await engine.list(OWNER) == []


async def test_tools_and_limits_of_one_job_and_what_its_tools_know(stage: Stage, opening: Opening) -> None:
    told: list[tuple[str, str]] = []

    async def values(job: Any) -> dict[str, Any]:
        return {"user": job.owner, "key": job.spec.credentials["bank"].upper()}

    async def on_finish(job: Any, finish: RunFinish) -> None:
        told.append((job.id, finish.finish_reason))

    async with opening(stage.runtime(values=values, on_finish=on_finish)) as engine:
        spec = JobSpec.of(
            script([["c1", "add", {}], ["c2", "hold", {}]], [["c3", "add", {}]]),
            tools=("add",),
            limits={"max_rounds": 2, "on_limit": "answer"},
            credentials={"bank": "vault:ada"},
        )
        job = await ended(engine, (await engine.start(spec, owner=OWNER)).id)
        assert (job.status, job.finish_reason) == ("completed", "max_rounds")
        assert {c.call_id: c.error_code for r in job.rounds for c in r.calls} == {
            "c1": None,
            "c2": "unknown_tool",
            "c3": None,
        }
        assert stage.account.values == [{"user": OWNER, "key": "VAULT:ADA"}] * 2
        assert told == [(job.id, "max_rounds")]


async def test_only_so_many_jobs_work_at_once_and_wait_in_the_queue(stage: Stage, opening: Opening) -> None:
    stage.account.may_end = asyncio.Event()
    async with opening(stage.runtime(), concurrency=2, queue_length=2, open_jobs=2) as engine:
        hold = JobSpec.of(script([["c1", "hold", {}]]))
        running = [await engine.start(hold, owner=OWNER) for _ in range(2)]
        for job in running:
            await until(engine, job.id, "job-call-start")
        queued = [await engine.start(hold, owner=OWNER) for _ in range(2)]
        assert {(await engine.get(job.id, owner=OWNER)).status for job in queued} == {"queued"}
        with pytest.raises(QueueFull):
            await engine.start(hold, owner=OWNER)
        stage.account.may_end.set()
        for job in (*running, *queued):
            assert (await ended(engine, job.id)).status == "completed"
        assert ToolInputAvailable.type in {event.type for event in await read(engine, queued[0].id)}


async def test_large_results_and_events_are_cut_and_say_so(stage: Stage, opening: Opening) -> None:
    async with opening(stage.runtime(), max_event_bytes=2048, max_result_bytes=4096) as engine:
        job = await engine.start(JobSpec.of(script([["c1", "pay", {"euros": 1}]])), owner=OWNER)
        assert (await ended(engine, job.id)).rounds[0].calls[0].output == "paid 1"
        text = "x" * 10_000
        asks = await engine.start(JobSpec.of(script([["c1", "ask_user", {"question": text}]])), owner=OWNER)
        events = await until(engine, asks.id, "tool-deferred")
        assert "[cut: the first 512 of" in events[-1].data["arguments_text"]
        assert all(len(str(event.data)) < 4096 for event in events)
        await engine.cancel(asks.id, owner=OWNER)
