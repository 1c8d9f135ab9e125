"""What only a store can do: jobs outlive every process, a worker that was taken over is fenced, nothing is pickled."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from loop_client import ConfigurationError
from loop_client.jobs import (
    AnswerConflict,
    JobAnswer,
    JobCounts,
    JobNotFound,
    JobRuntime,
    JobSettings,
    JobSpec,
    open_jobs,
)
from loop_client.jobs.durable_worker import worker_here
from loop_client.jobs.engine import JobCounter
from loop_client.jobs.slots import FileSlots, PostgresSlots, Slots
from tests.loop_client.fake_server import WAIT
from tests.loop_client.jobs.conftest import Opening
from tests.loop_client.jobs.crash import Workers, api, worker_command
from tests.loop_client.jobs.stage import OWNER, Stage, ended, read, script, until
from tests.postgres import PostgresServer

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/jobs.db"


@pytest.mark.parametrize("store", ["sqlite", pytest.param("postgres", marks=pytest.mark.needs_postgres)], indirect=True)
async def test_an_answer_that_comes_while_nothing_runs_is_taken_once_by_whoever_runs_next(
    stage: Stage, opening: Opening
) -> None:
    async with opening(stage.runtime()) as engine:
        job = await engine.start(JobSpec.of(script([["c1", "ask_user", {"question": "?"}]])), owner=OWNER)
        await until(engine, job.id, "tool-deferred")
        before = await engine.get(job.id, owner=OWNER)
    async with opening(Stage().runtime(), role="api") as engine:
        assert await engine.get(job.id, owner=OWNER) == before
        with pytest.raises(JobNotFound):
            await engine.answer(job.id, [JobAnswer("c1", value="of somebody else")], owner="bob")
        altered = JobAnswer("c1", value="for another question", arguments_text='{"question": "!"}')
        with pytest.raises(AnswerConflict):
            await engine.answer(job.id, [altered], owner=OWNER)
        await engine.answer(job.id, [JobAnswer("c1", value="first")], owner=OWNER)
        with pytest.raises(AnswerConflict):
            await engine.answer(job.id, [JobAnswer("c1", value="second")], owner=OWNER)
        queued = await engine.start(JobSpec.of(script()), owner=OWNER)
        assert (await engine.get(queued.id, owner=OWNER)).status == "queued", "nobody works here"
        assert isinstance(engine, JobCounter)
        assert engine.counts() == JobCounts(queued=1, begun=1)
    async with opening(stage.runtime()) as engine:
        done = await ended(engine, job.id)
        assert (done.status, done.rounds[0].calls[0].output) == ("completed", "first")
        assert (await ended(engine, queued.id)).status == "completed"
        events = await read(engine, job.id)
        assert [event.id for event in events] == list(range(len(events)))
        with pytest.raises(AnswerConflict):
            await engine.answer(job.id, [JobAnswer("c1", value="third")], owner=OWNER)


@pytest.mark.parametrize("store", ["sqlite", pytest.param("postgres", marks=pytest.mark.needs_postgres)], indirect=True)
async def test_a_living_worker_that_was_taken_over_is_fenced(stage: Stage, opening: Opening) -> None:
    from dbos import DBOS

    stage.account.may_end = asyncio.Event()
    async with opening(stage.runtime()) as engine:
        job = await engine.start(JobSpec.of(script([["c1", "hold", {}]])), owner=OWNER)
        await until(engine, job.id, "job-call-start")
        # As a sweep does that holds this worker for dead.
        await asyncio.to_thread(DBOS._recover_pending_workflows, ["slot-0"])
        done = await ended(engine, job.id)
        assert (done.status, done.rounds[0].calls[0].state) == ("completed", "interrupted")
        events = await read(engine, job.id)
        worker = worker_here()
        assert worker is not None
        stage.account.may_end.set()
        await worker.wait_until_idle(WAIT)
        assert await read(engine, job.id) == events, "what it did later is recorded nowhere"
        assert await engine.get(job.id, owner=OWNER) == done
        assert stage.account.starts[f"{job.id}/1/c1"] == 1


async def test_a_worker_that_is_told_to_end_lets_tools_end_and_another_goes_on(stage: Stage, sqlite: str) -> None:
    stage.account.may_end = asyncio.Event()
    settings = JobSettings(store=sqlite, poll_seconds=0.02)
    async with open_jobs(settings, stage.runtime()) as engine:
        job = await engine.start(JobSpec.of(script([["c1", "hold", {}]], [["c2", "add", {}]])), owner=OWNER)
        await until(engine, job.id, "job-call-start")
        asyncio.get_running_loop().call_later(0.2, stage.account.may_end.set)
    assert sum(stage.account.starts.values()) == 1, "nothing more was begun"
    async with open_jobs(settings, stage.runtime()) as engine:
        done = await ended(engine, job.id)
    assert [(call.state, call.attempt) for item in done.rounds for call in item.calls] == [("completed", 1)] * 2
    assert set(stage.account.starts.values()) == {1}


async def test_a_cancel_in_another_process_reaches_a_running_handler(stage: Stage, sqlite: str) -> None:
    looking = JobSettings(store=sqlite, role="api", poll_seconds=0.02)
    working = JobSettings(store=sqlite, role="worker", poll_seconds=0.02, event_seconds=0.01)
    async with open_jobs(working, stage.runtime()), open_jobs(looking, stage.runtime()) as engine:
        job = await engine.start(JobSpec.of(script([["c1", "hold", {}]])), owner=OWNER)
        await until(engine, job.id, "job-call-start")
        # This engine has no worker, so it tells nobody: the worker finds out by itself.
        assert (await engine.cancel(job.id, owner=OWNER)).status == "cancelled"
        async with asyncio.timeout(WAIT):
            await stage.account.was_cancelled.wait()
        assert (await read(engine, job.id))[-1].data["status"] == "cancelled"


async def test_jobs_of_a_worker_that_died_are_taken_up_by_another_within_seconds(tmp_path: Path, sqlite: str) -> None:
    import random

    log = tmp_path / "tools.log"
    workers = Workers(worker_command(sqlite, log, 1.0), 2, random.Random(1), tmp_path / "out")
    async with api(sqlite) as engine:
        await workers.start(0)
        try:
            await workers.ready(0)
            waiting = await engine.start(JobSpec.of(script([["c", "human", {}]])), owner=OWNER)
            await until(engine, waiting.id, "tool-deferred")
            await workers.start(1)
            await workers.ready(1)
            await workers.kill(0)
            died = time.monotonic()
            await engine.answer(waiting.id, [JobAnswer("c", value="x")], owner=OWNER)
            assert (await ended(engine, waiting.id)).status == "completed"
            assert time.monotonic() - died < WAIT
        finally:
            await workers.kill_all()


async def test_state_is_json_in_a_file_of_its_owner(stage: Stage, sqlite: str, tmp_path: Path) -> None:
    async with open_jobs(JobSettings(store=sqlite, poll_seconds=0.02), stage.runtime()) as engine:
        rounds = [["c1", "add", {}], ["c2", "pay", {"euros": 200}], ["c3", "choose_seat", {}]]
        job = await engine.start(JobSpec.of(script(rounds), credentials={"bank": "vault:ada"}), owner=OWNER)
        await until(engine, job.id, "tool-deferred")
        await engine.answer(job.id, [JobAnswer("c2", approved=True), JobAnswer("c3", value="7")], owner=OWNER)
        assert (await ended(engine, job.id)).status == "completed"
    path = tmp_path / "jobs.db"
    assert path.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        kinds: set[Any] = set()
        for table in tables:
            columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
            if "serialization" in columns:
                kinds |= {row[0] for row in connection.execute(f'SELECT DISTINCT serialization FROM "{table}"')}  # noqa: S608  # its own tables
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608  # its own tables
                assert not any(isinstance(value, str) and value.startswith("gAS") for value in row), "a pickle"
    assert kinds <= {None, "portable_json"}, kinds
    assert kinds >= {"portable_json"}


async def test_old_jobs_are_dropped(stage: Stage, sqlite: str) -> None:
    settings = JobSettings(store=sqlite, poll_seconds=0.02, sweep_seconds=0.1, retention=1.0)
    async with open_jobs(settings, stage.runtime()) as engine:
        job = await engine.start(JobSpec.of(script()), owner=OWNER)
        waiting = await engine.start(JobSpec.of(script([["c", "ask_user", {}]])), owner=OWNER)
        await ended(engine, job.id)
        async with asyncio.timeout(WAIT):
            while any(item.id == job.id for item in await engine.list(OWNER)):  # noqa: ASYNC110  # a database tells nobody
                await asyncio.sleep(0.1)
        assert (await engine.get(waiting.id, owner=OWNER)).status == "waiting"


async def test_two_workers_cannot_be_in_one_process(stage: Stage, sqlite: str) -> None:
    async with open_jobs(JobSettings(store=sqlite), stage.runtime()):
        with pytest.raises(ConfigurationError, match="there can be one"):
            async with open_jobs(JobSettings(store=sqlite), stage.runtime()):
                pass


def slots_of(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Slots:
    if kind == "file":
        return FileSlots(tmp_path, "jobs.db", 3)
    return PostgresSlots(request.getfixturevalue("database"), 3)


@pytest.fixture
def database(postgres: PostgresServer) -> Any:
    with postgres.database() as url:
        yield url


@pytest.mark.parametrize("kind", ["file", pytest.param("postgres", marks=pytest.mark.needs_postgres)])
def test_a_slot_is_held_by_one_worker(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    first, second, third, fourth = (slots_of(kind, tmp_path, request) for _ in range(4))
    assert (first.take(), second.take(), third.take()) == (0, 1, 2)
    with pytest.raises(ConfigurationError, match="all 3 are taken"):
        fourth.take()
    assert first.is_held()
    assert list(first.free()) == []
    second.release()
    assert list(first.free()) == [1]
    with first.holding(1) as is_free:
        assert is_free
        assert list(third.free()) == []
        with third.holding(1) as is_free_too:
            assert not is_free_too
    assert fourth.take() == 1
    for slots in (first, third, fourth):
        slots.release()


@pytest.mark.needs_postgres
def test_a_lost_connection_is_noticed_and_the_slot_taken_again(database: str) -> None:
    import psycopg

    slots, other = PostgresSlots(database, 3), PostgresSlots(database, 3)
    slots.take()
    cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(cut)
        assert slots.is_held(), "taken again"
        assert list(other.free()) == [1, 2]
        connection.execute(cut)
    assert other.take() == 0
    assert not slots.is_held()
    slots.release()
    other.release()


@pytest.mark.needs_postgres
async def test_a_worker_that_lost_its_slot_to_another_goes_on_under_a_new_name(
    stage: Stage, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    import psycopg

    other = PostgresSlots(database, 64)
    settings = JobSettings(store=database, poll_seconds=0.02, sweep_seconds=0.2, event_seconds=0.01)
    async with open_jobs(settings, stage.runtime()) as engine:
        waiting = await engine.start(JobSpec.of(script([["c", "ask_user", {}]])), owner=OWNER)
        await until(engine, waiting.id, "tool-deferred")

        def steal() -> int:
            with psycopg.connect(database, autocommit=True) as connection:
                while True:
                    connection.execute(
                        "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'"
                    )
                    with other.holding(0) as is_free:
                        if is_free:
                            return other.take()

        with caplog.at_level(logging.WARNING, "loop_client.jobs"):
            assert await asyncio.to_thread(steal) == 0
            worker = worker_here()
            assert worker is not None
            async with asyncio.timeout(WAIT):
                while worker.name == "slot-0":  # noqa: ASYNC110  # a worker tells nobody
                    await asyncio.sleep(0.05)
        assert "begins again with another" in caplog.text
        other.release()
        await engine.answer(waiting.id, [JobAnswer("c", value="x")], owner=OWNER)
        assert (await ended(engine, waiting.id)).status == "completed", "its own sweep took its old jobs up"


@pytest.mark.needs_postgres
async def test_an_answer_that_the_database_could_not_tell_of_is_found(
    stage: Stage, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    import psycopg

    settings = JobSettings(store=database, poll_seconds=0.02, sweep_seconds=0.2, event_seconds=0.01)
    calls = [["c1", "ask_user", {}], ["c2", "ask_user", {}]]
    cut = (
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'LISTEN %'"
    )
    async with open_jobs(settings, stage.runtime()) as engine:
        job = await engine.start(JobSpec.of(script(calls)), owner=OWNER)
        await until(engine, job.id, "tool-deferred", count=2)
        with caplog.at_level(logging.WARNING, "loop_client.jobs"):
            for call_id in ("c1", "c2"):
                with psycopg.connect(database, autocommit=True) as connection:
                    row = connection.execute(cut).fetchone()
                    assert row is not None
                    assert row[0] > 0, "nobody listened"
                # Whoever listens connects again after a second: this is said to nobody.
                await engine.answer(job.id, [JobAnswer(call_id, value=call_id)], owner=OWNER)
                before = caplog.text.count("was not told of its answer")
                await until(engine, job.id, "tool-output-available", count=int(call_id[1]))
                assert caplog.text.count("was not told of its answer") > before
        done = await ended(engine, job.id)
    assert [call.output for call in done.rounds[0].calls] == ["c1", "c2"]


def test_jobs_in_memory_need_nothing_of_the_extra_and_a_store_says_what_it_needs(tmp_path: Path) -> None:
    code = """
import sys
for name in ("dbos", "filelock", "psycopg"):
    sys.modules[name] = None
from loop_client.jobs import JobRuntime, JobSettings
from loop_client.jobs.opening import job_engine
from loop_client import ConfigurationError, LoopClient
runtime = JobRuntime(LoopClient(base_url="http://127.0.0.1:9/v1", model="m"))
print(type(job_engine(JobSettings(), runtime)).__name__)
try:
    job_engine(JobSettings(store="sqlite:///jobs.db"), runtime)
except ConfigurationError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.splitlines()[0] == "MemoryJobs"
    assert 'pip install "./loop_client[jobs]"' in done.stdout


def test_a_runtime_needs_a_client() -> None:
    with pytest.raises(ConfigurationError):
        JobRuntime({})
