"""A router that is away: jobs wait for it, say so, and go on with nothing done twice. Real routers on real sockets."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, aclosing
from functools import partial
from pathlib import Path

import pytest

from loop_client import LoopClient, Retry, ToolContext, tool
from loop_client.display_jobs import job_lines
from loop_client.jobs import Job, JobEngine, JobEvent, JobRuntime, JobSettings, JobSpec, open_jobs
from tests.loop_client.fake_server import WAIT
from tests.loop_client.jobs.conftest import Opening
from tests.loop_client.jobs.crash import Workers
from tests.loop_client.jobs.stage import OWNER, JobClient, Stage, ended, read, script, tools_over, until
from tests.router.command import Serving, serving

SCRIPT = """
[[turns]]
tool_calls = [{ name = "NAME", arguments = {} }]

[[turns]]
text = "It is done."
"""
CONFIGURATION = """
[providers.test]
dialect = "scripted"
script = "script.toml"
"""
QUICK = Retry(first_wait=0.1, longest_wait=0.8, patience=60.0)
LIVE_SECONDS = 1.5
"""What a live run waits at most before it fails."""

Routers = Callable[[], AbstractContextManager[Serving]]


@pytest.fixture
def port() -> int:
    """Of a router that is not there yet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def routers(tmp_path: Path, port: int) -> Routers:
    """Starts a router at the port: a process whose model calls the tool ``count``, then answers."""
    (tmp_path / "router.toml").write_text(CONFIGURATION)
    (tmp_path / "script.toml").write_text(SCRIPT.replace("NAME", "count"))
    return partial(serving, "--port", str(port), "--config", str(tmp_path / "router.toml"), folder=tmp_path)


def client_of(port: int, *tools: object) -> LoopClient:
    return LoopClient(base_url=f"http://127.0.0.1:{port}/v1", model="test/any", tools=list(tools))  # type: ignore[arg-type]


def answers(router: Serving) -> int:
    """How many requests a router that has ended answered."""
    return sum(line["message"] == "request" for line in router.lines)


def restarts(events: list[JobEvent]) -> list[JobEvent]:
    return [event for event in events if event.type == "round-restart"]


async def longer_than_a_live_run_waits(engine: JobEngine, job_id: str) -> Job:
    """The job, after it has waited for so long that a live run would have failed."""
    count = 4
    while sum(event.data["wait_seconds"] for event in restarts(await until(engine, job_id, "round-restart", count))) < (
        LIVE_SECONDS * 1.5
    ):
        count += 1
    return await engine.get(job_id, owner=OWNER)


async def test_a_job_rides_out_a_router_that_is_stopped_and_started_again(
    opening: Opening, port: int, routers: Routers
) -> None:
    ran, may_end = Counter[str](), asyncio.Event()

    @tool
    async def count(context: ToolContext) -> int:
        """Count."""
        ran[context.idempotency_key] += 1
        await may_end.wait()
        return sum(ran.values())

    async with client_of(port, count) as client, opening(JobRuntime(client), retry=QUICK) as engine:
        with routers() as first:
            assert first.url.endswith(str(port))
            job = await engine.start(JobSpec.of("go"), owner=OWNER)
            await until(engine, job.id, "job-call-start")
            assert await asyncio.to_thread(first.stop) == 0
        may_end.set()
        waiting = await longer_than_a_live_run_waits(engine, job.id)
        restart = waiting.rounds[1].restart
        assert waiting.status == "running"
        assert restart is not None
        assert restart.error.code == "connection"
        assert restart.attempt > 4
        assert abs(restart.at - time.time()) < WAIT
        assert Job.from_json(waiting.to_json()) == waiting
        assert any("the model is asked again (attempt" in line for line in job_lines(waiting))
        with routers() as second:
            done = await ended(engine, job.id)
            await asyncio.to_thread(second.stop)
    assert (done.status, done.finish_reason, done.text) == ("completed", "stop", "It is done.")
    assert [item.restart for item in done.rounds] == [None, None]
    assert set(ran.values()) == {1}
    assert (answers(first), answers(second)) == (1, 1), "no round was answered twice"


async def told(engine: JobEngine, job_id: str) -> list[JobEvent]:
    """The events so far."""
    last = (await engine.get(job_id, owner=OWNER)).last_event or 0
    events: list[JobEvent] = []
    async with aclosing(engine.events(job_id, owner=OWNER)) as seen:
        async for event in seen:
            events.append(event)
            if event.id >= last:
                break
    return events


async def test_waiting_for_a_router_is_neither_the_runs_time_nor_in_the_way_of_other_jobs(
    stage: Stage, opening: Opening, port: int, routers: Routers
) -> None:
    @tool
    async def count() -> int:
        """Count."""
        return 1

    async with client_of(port, count) as away:
        runtime = JobRuntime({"default": JobClient(stage.model, tools_over(stage.account)), "away": away})
        async with opening(runtime, retry=QUICK, concurrency=1) as engine:
            spec = JobSpec.of("go", profile="away", limits={"max_seconds": 1.0})
            waiting = await engine.start(spec, owner=OWNER)
            await until(engine, waiting.id, "round-restart")
            other = await engine.start(JobSpec.of(script([["c", "add", {}]])), owner=OWNER)
            assert (await ended(engine, other.id)).status == "completed"
            await longer_than_a_live_run_waits(engine, waiting.id)
            with routers():
                done = await ended(engine, waiting.id)
    assert (done.status, done.finish_reason) == ("completed", "stop"), done.error


async def test_a_job_that_waits_for_a_router_is_cancelled_at_once(opening: Opening, port: int) -> None:
    async with (
        client_of(port) as client,
        opening(JobRuntime(client), retry=Retry(first_wait=WAIT * 3, longest_wait=WAIT * 3, patience=900)) as engine,
    ):
        job = await engine.start(JobSpec.of("go"), owner=OWNER)
        await until(engine, job.id, "round-restart")
        assert (await engine.cancel(job.id, owner=OWNER)).status == "cancelled"
        assert (await read(engine, job.id))[-1].data["status"] == "cancelled"
        began = time.monotonic()
    assert time.monotonic() - began < WAIT, "nothing of it is left to be waited for"


async def test_a_worker_that_is_killed_while_it_waits_leaves_the_wait_to_another(
    tmp_path: Path, port: int, routers: Routers
) -> None:
    (tmp_path / "script.toml").write_text(SCRIPT.replace("NAME", "current_time"))
    (tmp_path / "loop.toml").write_text(
        f"""
        model = "test/any"
        base_url = "http://127.0.0.1:{port}/v1"
        [tools]
        current_time = true
        [jobs]
        store = "sqlite:///jobs.db"
        sweep_seconds = 0.2
        retention = "forever"
        [jobs.retry]
        first_wait = 0.1
        longest_wait = 0.8
        """
    )
    command = [sys.executable, "-m", "loop_client", "serve", "--port", "0", "--config", str(tmp_path / "loop.toml")]
    workers = Workers(lambda place: command, 1, random.Random(1), tmp_path / "out")
    settings = JobSettings(store=f"sqlite:///{tmp_path}/jobs.db", role="api", poll_seconds=0.05)
    async with client_of(port) as client, open_jobs(settings, JobRuntime(client)) as engine:
        job = await engine.start(JobSpec.of("What time is it?"), owner=OWNER)
        try:
            await workers.start(0)
            await until(engine, job.id, "round-restart", 2)
            await workers.kill(0)
            before = len(restarts(await told(engine, job.id)))
            await workers.start(0)
            events = await until(engine, job.id, "round-restart", before + 3)
            assert "interrupted" in {event.data["error"]["code"] for event in restarts(events)}
            with routers() as router:
                done = await ended(engine, job.id)
                await asyncio.to_thread(router.stop)
        finally:
            await workers.kill_all()
        events = await read(engine, job.id)
    assert (done.status, done.text) == ("completed", "It is done."), (tmp_path / "out").read_text()
    numbers = [event.data["attempt"] for event in restarts(events)]
    assert numbers == list(range(2, len(numbers) + 2)), "counted on"
    assert answers(router) == 2
    assert [call.attempt for item in done.rounds for call in item.calls] == [1]
