"""The command `loop-client jobs` against a service, through broken connections, and against a store."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loop_client import ConfigurationError, cli
from loop_client.jobs import (
    InvalidJob,
    JobAnswer,
    JobConflict,
    JobNotFound,
    JobRuntime,
    JobServiceError,
    JobSettings,
    JobSpec,
    MemoryJobs,
    RemoteJobs,
    open_jobs,
)
from loop_client.server import ChatService, as_asked, bearer
from tests.loop_client.fake_server import WAIT
from tests.loop_client.jobs.stage import OWNER, Stage, read, script, until
from tests.loop_client.server.job_service import stage_client
from tests.loop_client.serving import serving

ADD = ["c1", "add", {"a": 2, "b": 3}]
PAY = ["c1", "pay", {"euros": 200}]
ASK = ["c2", "ask_user", {"question": "Which?"}]


class Cutting:
    """Breaks every stream of events after so many pieces, as a network does."""

    def __init__(self, app: ASGIApp, pieces: int) -> None:
        self._app = app
        self._pieces = pieces
        self.cuts = 0
        self.failures = 0
        """Responses that will be 503 before anything else."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = self._pieces

        async def cut(message: Message) -> None:
            nonlocal left
            if message["type"] == "http.response.body":
                left -= 1
                if left < 0:
                    self.cuts += 1
                    raise ConnectionResetError("the test breaks the connection here")
            await send(message)

        if self.failures:
            self.failures -= 1
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b"upstream is gone"})
        else:
            await self._app(scope, receive, cut if scope["path"].endswith("/events") else send)


@dataclass
class Place:
    """A service with the key ``key-1``, and the command for it."""

    engine: MemoryJobs
    url: str
    stage: Stage
    capsys: pytest.CaptureFixture[str]
    cutting: Cutting
    errors: list[str] = field(default_factory=list)

    async def jobs(self, *arguments: str) -> tuple[int, str]:
        """Run the command; its exit code and what it printed."""
        async with asyncio.timeout(WAIT * 2):
            code = await asyncio.to_thread(cli.main, ["jobs", *arguments])
        printed = self.capsys.readouterr()
        self.errors.append(printed.err)
        return code, printed.out


@pytest.fixture
async def place(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Place]:
    stage = Stage()
    stage.account.may_end = asyncio.Event()
    monkeypatch.setenv("LOOP_CLIENT_KEY", "key-1")
    async with placed(stage, capsys) as made:
        monkeypatch.setenv("LOOP_CLIENT_URL", made.url)
        yield made


@asynccontextmanager
async def placed(stage: Stage, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Place]:
    async with stage_client(stage) as client:
        engine = MemoryJobs(JobRuntime(client), JobSettings(event_seconds=0.01))
        service = ChatService(client, authenticate=bearer({"key-1": OWNER}), jobs=engine, prepare_job=as_asked)
        cutting = Cutting(service.app(), 1_000_000)
        async with service, serving(cutting) as url:
            yield Place(engine, url, stage, capsys, cutting)


async def test_a_job_is_started_listed_shown_and_watched(place: Place) -> None:
    code, printed = await place.jobs("start", script([ADD]), "--metadata", '{"ticket": 7}')
    job_id = printed.strip()
    assert code == 0
    assert (await place.engine.get(job_id, owner=OWNER)).metadata == {"ticket": 7}
    code, printed = await place.jobs("watch", job_id)
    lines = printed.splitlines()
    assert code == 0
    assert lines[0].startswith("model test/model, tools: add, hold")
    assert any("add [c1] output-available" in line for line in lines)
    assert lines[-1].startswith("answered: 2 rounds, 1 tool call")
    code, printed = await place.jobs("list")
    assert (code, printed.split()[:2]) == (0, [job_id, "completed"])
    assert (await place.jobs("list", "--status", "failed")) == (0, "")
    code, printed = await place.jobs("show", job_id)
    assert printed.splitlines()[0] == f"{job_id}: completed (stop)"
    assert ", 2 rounds, " in printed
    assert '  add [c1] completed {"a": 2, "b": 3}' in printed
    assert printed.endswith("\n\nwords of round 2\n")


async def test_one_round_is_one_round(place: Place) -> None:
    _, printed = await place.jobs("start", script())
    job_id = printed.strip()
    assert (await place.jobs("watch", job_id))[0] == 0
    _, printed = await place.jobs("show", job_id)
    assert ", 1 round, " in printed


async def test_start_may_watch_and_print_the_answer_only(place: Place) -> None:
    code, printed = await place.jobs("start", script([ADD]), "--watch", "--quiet")
    assert (code, printed) == (0, "words of round 2\n")
    code, printed = await place.jobs("start", script([ADD]), "--watch", "--json")
    events = [json.loads(line) for line in printed.splitlines()]
    assert [event["id"] for event in events] == list(range(len(events)))
    assert events[-1]["data"]["status"] == "completed"


async def test_the_same_key_starts_one_job(place: Place) -> None:
    first = await place.jobs("start", script(), "--idempotency-key", "order-7")
    again = await place.jobs("start", script(), "--idempotency-key", "order-7")
    other = await place.jobs("start", script([ADD]), "--idempotency-key", "order-7")
    assert first == again
    assert other == (4, "")
    assert place.errors[-1] == "loop-client: the key or id was used for another job\n"


async def test_calls_that_wait_are_answered(place: Place) -> None:
    _, printed = await place.jobs("start", script([PAY], [ASK]))
    job_id = printed.strip()
    watching = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loop_client", "jobs", "watch", job_id),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await _answer_both(place, job_id)
        async with asyncio.timeout(WAIT * 2):
            shown, hints = await watching.communicate()
    finally:
        if watching.returncode is None:
            watching.kill()
            await watching.wait()
    assert watching.returncode == 0
    assert b"pay [c1] approval-requested" in shown
    assert f"ask_user waits: loop-client jobs answer {job_id} c2 --value JSON".encode() in hints
    job = await place.engine.get(job_id, owner=OWNER)
    assert [item.calls[0].output for item in job.rounds[:2]] == ["paid 200", "the blue one"]


async def _answer_both(place: Place, job_id: str) -> None:
    await until(place.engine, job_id, "tool-approval-requested")
    _, printed = await place.jobs("show", job_id)
    assert f"pay waits: loop-client jobs answer {job_id} c1 --approve or --deny" in printed
    assert await place.jobs("answer", job_id, "c1", "--value", "7") == (4, "")
    assert "a decision is expected" in place.errors[-1]
    assert (await place.jobs("answer", job_id, "c1", "--approve", "--reason", "by Ada"))[0] == 0
    await until(place.engine, job_id, "tool-deferred")
    assert (await place.jobs("answer", job_id, "c1", "--deny"))[0] == 4, "it has its answer"
    assert (await place.jobs("answer", job_id, "c2", "--text", "the blue one", "--json"))[0] == 0


async def test_a_cancelled_job_is_no_answer_and_may_be_done_again(place: Place) -> None:
    _, printed = await place.jobs("start", script([["h", "hold", {}]]))
    job_id = printed.strip()
    await until(place.engine, job_id, "job-call-start")
    code, printed = await place.jobs("cancel", job_id)
    assert (code, printed.splitlines()[0]) == (0, f"{job_id}: cancelled")
    assert (await place.jobs("watch", job_id))[0] == 1
    assert place.errors[-1] == "loop-client: the job is cancelled\n"
    assert place.stage.account.may_end is not None
    place.stage.account.may_end.set()
    code, printed = await place.jobs("retry", job_id, "--from-round", "1", "--watch", "--quiet")
    assert (code, printed) == (0, "words of round 2\n")
    code, printed = await place.jobs("retry", job_id, "--from-round", "9")
    assert code == 4
    assert "no round 9" in place.errors[-1]


async def test_a_limit_has_an_exit_code_of_its_own(place: Place) -> None:
    rounds = [[[f"c{number}", "add", {"a": number}]] for number in range(30)]
    assert (await place.jobs("start", script(*rounds), "--watch", "--quiet"))[0] == 3


async def test_watching_goes_on_through_broken_connections(place: Place) -> None:
    place.cutting._pieces = 4
    job = await place.engine.start(JobSpec.of(script([ADD])), owner=OWNER)
    everything = await read(place.engine, job.id)
    code, printed = await place.jobs("watch", job.id, "--json")
    assert code == 0
    assert [json.loads(line) for line in printed.splitlines()] == [event.to_json() for event in everything]
    assert place.cutting.cuts > 2


async def test_a_service_that_is_away_for_a_moment_is_asked_again(place: Place) -> None:
    place.cutting.failures = 2
    code, printed = await place.jobs("start", script([ADD]), "--watch", "--quiet")
    assert (code, printed) == (0, "words of round 2\n")
    assert len(await place.engine.list(OWNER)) == 1


async def test_what_cannot_be_reached_or_entered_is_said(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await place.jobs("show", "job_none"))[0] == 4
    assert place.errors[-1] == "loop-client: there is no such job\n"
    monkeypatch.setenv("OTHER", "key-9")
    assert (await place.jobs("list", "--key", "env:OTHER"))[0] == 1
    assert "status 401" in place.errors[-1]
    assert "key-9" not in place.errors[-1]
    async with serving(_teapot) as other:
        assert (await place.jobs("list", "--url", other))[0] == 1
        assert "status 418" in place.errors[-1]


async def _teapot(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b"short and stout"})


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["list", "--key", "hunter2"], "env:NAME is expected"),
        (["list", "--url", "ftp://x"], "must begin with http"),
        (["list", "--store", "memory"], "jobs in memory are of one process"),
        (["list", "--store", "env:NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE is not set"),
        (["start", "hi", "--store", "sqlite:///x.db"], "--store cannot"),
        (["start", "hi", "--metadata", "[]"], "--metadata: a JSON object"),
        (["answer", "job_1", "c1"], "one of the arguments --approve --deny --value --text --error is required"),
        (["answer", "job_1", "c1", "--value", "blue"], "--value: JSON is expected"),
        (["list", "--status", "lost"], "invalid choice: 'lost'"),
    ],
)
def test_wrong_usage_says_what_is_wrong(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["jobs", *arguments])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert text in error
    assert "hunter2" not in error


async def test_a_store_is_looked_into_without_a_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage, store = Stage(), f"sqlite:///{tmp_path}/jobs.db"
    async with open_jobs(JobSettings(store=store, event_seconds=0.01, poll_seconds=0.02), stage.runtime()) as engine:
        job = await engine.start(JobSpec.of(script([ADD], [ASK])), owner=OWNER)
        await until(engine, job.id, "tool-deferred")

        async def jobs(*arguments: str) -> tuple[int, str]:
            async with asyncio.timeout(WAIT * 2):
                code = await asyncio.to_thread(cli.main, ["jobs", *arguments, "--store", store, "--owner", OWNER])
            return code, capsys.readouterr().out

        code, printed = await jobs("list")
        assert (code, printed.split()[:2]) == (0, [job.id, "waiting"])
        assert (await jobs("answer", job.id, "c2", "--text", "the blue one"))[0] == 0
        code, printed = await jobs("watch", job.id, "--quiet")
        assert (code, printed) == (0, "words of round 3\n")
        code, printed = await jobs("show", job.id, "--json")
        assert json.loads(printed)["rounds"][1]["calls"][0]["output"] == "the blue one"


async def test_the_calls_of_a_service_are_those_of_an_engine(place: Place) -> None:
    remote = RemoteJobs(place.url, api_key="key-1")
    job = await remote.start(JobSpec.of(script([ASK])), idempotency_key="order-8")
    assert (await remote.start(JobSpec.of(script([ASK])), idempotency_key="order-8")).id == job.id
    with pytest.raises(JobConflict):
        await remote.start(JobSpec.of(script()), idempotency_key="order-8")
    with pytest.raises(InvalidJob, match="profile"):
        await remote.start(JobSpec.of(script(), profile="none"))
    with pytest.raises(InvalidJob, match="ids itself"):
        await remote.start(JobSpec.of(script()), job_id="mine")
    with pytest.raises(JobNotFound):
        await remote.get("../healthz")
    await until(place.engine, job.id, "tool-deferred")
    assert await remote.get(job.id) == await place.engine.get(job.id, owner=OWNER)
    await remote.answer(job.id, [JobAnswer("c2", value="x")])
    async with asyncio.timeout(WAIT), aclosing(remote.events(job.id)) as events:
        seen = [event async for event in events]
    assert seen == await read(place.engine, job.id)
    async with asyncio.timeout(WAIT), aclosing(remote.events(job.id, after=seen[-1].id)) as events:
        assert [event async for event in events] == [], "who has seen the end is not sent back for it"
    assert [item.id for item in await remote.list(limit=1)] == [job.id]
    with pytest.raises(JobConflict, match="name the round"):
        await remote.retry(job.id)
    await remote.aclose()


async def test_a_stream_that_does_not_come_back_is_an_error(place: Place) -> None:
    remote = RemoteJobs(place.url, api_key="key-1", give_up_seconds=0.0)
    place.cutting._pieces = 1
    job = await place.engine.start(JobSpec.of(script([ASK])), owner=OWNER)
    async with asyncio.timeout(WAIT), aclosing(remote.events(job.id)) as events:
        with pytest.raises(JobServiceError, match="cannot be reached"):
            await anext(events)
    await remote.aclose()
    with pytest.raises(ConfigurationError):
        RemoteJobs("localhost:8090")
    with pytest.raises(ConfigurationError, match="api_key: no header may hold this value"):
        RemoteJobs("http://localhost:8090", api_key="key-1\n")
