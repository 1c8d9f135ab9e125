"""Kills the processes that run jobs, at any moment, and counts what went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from loop_client.jobs import (
    AnswerConflict,
    Job,
    JobAnswer,
    JobEngine,
    JobEvent,
    JobRuntime,
    JobSettings,
    JobSpec,
    open_jobs,
)
from loop_client.jobs.durable_store import DurableStore
from tests.loop_client.jobs.crash_worker import Log, tools_over
from tests.loop_client.jobs.stage import OWNER, JobClient, RuleModel

ROOT = Path(__file__).resolve().parents[3]
COLUMNS = (
    "jobs",
    "kills",
    "tools",
    "re-run",
    "interrupted",
    "wrong",
    "recorded, run again",
    "viewers unequal",
    "events lost",
)


@dataclass(frozen=True)
class Plan:
    """What is done to whom."""

    jobs: int = 12
    kills: int = 10
    workers: int = 1
    wait: tuple[float, float] = (0.0, 1.5)
    """Seconds for which a process may live, once it is ready: at least, at most."""
    longest: float = 0.8
    """Seconds that a tool takes at most."""
    seed: int = 1
    deferred: float = 0.2
    """Part of the rounds that wait for somebody."""
    cancelled: float = 0.15
    """Part of the jobs."""
    seconds: float = 60.0
    """For everything."""
    kind: str = "worker"
    """What is killed: ``worker`` or a whole web ``server``."""


@dataclass
class Outcome:
    """What was counted."""

    jobs: int = 0
    kills: int = 0
    tools: int = 0
    rerun: int = 0
    """Calls that were begun more than once, because they ran at a kill and may be repeated."""
    interrupted: int = 0
    wrong: list[str] = field(default_factory=list)
    recorded_run_again: list[str] = field(default_factory=list)
    viewers_unequal: list[str] = field(default_factory=list)
    events_lost: list[str] = field(default_factory=list)

    def row(self) -> tuple[int, ...]:
        """As ``COLUMNS`` has it."""
        lists = (self.wrong, self.recorded_run_again, self.viewers_unequal, self.events_lost)
        return (self.jobs, self.kills, self.tools, self.rerun, self.interrupted, *(len(item) for item in lists))

    def problems(self) -> list[str]:
        """Everything that must not be."""
        return [*self.wrong, *self.recorded_run_again, *self.viewers_unequal, *self.events_lost]


class Workers:
    """Processes that are killed and started anew."""

    def __init__(self, command: Callable[[int], list[str]], count: int, chance: random.Random, log: Path) -> None:
        self._command = command
        self._count = count
        self._chance = chance
        self._log = log
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self.kills = 0

    async def start(self, place: int) -> None:
        """Start the process of a place, and do not wait until it is ready: it may be killed before that, too."""
        with self._log.open("ab") as log:
            self._running[place] = await asyncio.create_subprocess_exec(
                *self._command(place),
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )

    async def start_all(self) -> None:
        """Start every one."""
        for place in range(self._count):
            await self.start(place)

    async def ready(self, place: int) -> None:
        """Wait until a process works."""
        stdout = self._running[place].stdout
        if stdout is not None:
            await stdout.readline()

    async def kill_one(self, seconds: float) -> None:
        """Kill any so many seconds after it was ready, now and then before that; and start it anew."""
        place = self._chance.randrange(self._count)
        if self._chance.random() < 0.8:
            await self.ready(place)
        await asyncio.sleep(seconds)
        await self.kill(place)
        self.kills += 1
        await self.start(place)

    async def kill_all(self) -> None:
        """End."""
        for place in tuple(self._running):
            await self.kill(place)

    async def kill(self, place: int) -> None:
        """Kill a process, and wait for its end."""
        process = self._running.pop(place)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()


def worker_command(store: str, log: Path, longest: float, kind: str = "worker") -> Callable[[int], list[str]]:
    """How a worker, or a whole ``server``, is started."""
    module = f"tests.loop_client.jobs.crash_{kind}"
    return lambda place: [sys.executable, "-m", module, store, str(log), "--longest", str(longest)]


@asynccontextmanager
async def api(store: str) -> AsyncGenerator[JobEngine, None]:
    """What jobs are asked for and looked at with; never killed."""
    client = JobClient(RuleModel(), tools_over(Log(Path("/dev/null")), 0.1))
    settings = JobSettings(store=store, role="api", poll_seconds=0.05)
    async with open_jobs(settings, JobRuntime(client)) as engine:
        yield engine


def scripted(chance: random.Random, plan: Plan) -> str:
    """What one job does."""
    rounds: list[list[list[Any]]] = []
    for number in range(chance.randint(1, 4)):
        names = [chance.choice(["again", "never", "again", "never", "asked"]) for _ in range(chance.randint(1, 3))]
        if chance.random() < plan.deferred:
            names.append("human")
        rounds.append([[f"r{number}c{place}", name, {"n": number}] for place, name in enumerate(names)])
    return json.dumps(rounds)


async def crash(store: str, log: Path, plan: Plan, disturb: Callable[[], Awaitable[None]] | None = None) -> Outcome:
    """Run jobs while their processes are killed, and hold everything that was seen against what must be.

    Args:
        store: A jobs URL.
        log: Where tools write what they did.
        plan: How much of what.
        disturb: Instead of a kill.
    """
    chance = random.Random(plan.seed)
    command = worker_command(store, log, plan.longest, plan.kind)
    workers = Workers(command, plan.workers, chance, log.with_suffix(".out"))
    outcome = Outcome(jobs=plan.jobs)
    recorded: dict[str, float] = {}
    made: list[Job] = []
    async with api(store) as engine, _within(plan.seconds, engine, made, log.with_suffix(".out")):
        await workers.start_all()
        try:
            made += [await engine.start(JobSpec.of(scripted(chance, plan)), owner=OWNER) for _ in range(plan.jobs)]
            cancelled = {job.id for job in made if chance.random() < plan.cancelled}
            watchers = [asyncio.create_task(_Watcher(engine, job.id, chance.randrange(2**30)).run()) for job in made]
            tasks = [asyncio.create_task(_cancel(engine, item, chance.uniform(0.1, 3))) for item in cancelled]
            look = partial(_look_up, store, [job.id for job in made], recorded)
            killing = asyncio.create_task(_kill(workers, plan, chance, disturb, look))
            seen = await asyncio.gather(*watchers)
            await asyncio.gather(*tasks)
            await killing
            outcome.kills = workers.kills
            jobs = [await engine.get(job.id, owner=OWNER) for job in made]
            _judge(outcome, jobs, seen, cancelled, _lines(log), recorded)
        finally:
            await workers.kill_all()
    return outcome


@asynccontextmanager
async def _within(seconds: float, engine: JobEngine, made: list[Job], output: Path) -> AsyncGenerator[None, None]:
    """Fail when it takes longer, and say what was not over then and what the processes said."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        jobs = [await engine.get(job.id, owner=OWNER) for job in made]
        calls = [(call.call_id, call.state) for job in jobs if not job.finished_at for call in job.active_calls]
        states = [(job.id, job.status, job.last_event) for job in jobs]
        said = await asyncio.to_thread(output.read_text)
        raise AssertionError(f"not over: {states}, {calls}\n{said[-4000:]}") from None


async def _kill(
    workers: Workers,
    plan: Plan,
    chance: random.Random,
    disturb: Callable[[], Awaitable[None]] | None,
    look: Callable[[], None],
) -> None:
    for _ in range(plan.kills):
        if disturb is None:
            await workers.kill_one(chance.uniform(*plan.wait))
        else:
            await asyncio.sleep(chance.uniform(*plan.wait))
            await disturb()
            workers.kills += 1
        await asyncio.to_thread(look)


def _look_up(store: str, job_ids: list[str], recorded: dict[str, float]) -> None:
    """Read from the database itself which calls are recorded, and take note of when they were first seen there."""
    client = DurableStore(JobSettings(store=store)).client()
    try:
        for job_id in job_ids:
            for step in client.list_workflow_steps(job_id):
                kind, *rest = step["function_name"].split(" ")
                # One that asks whether it may run again is no result.
                if kind == "call" and step["output"] is not None and not json.loads(step["output"])["value"]["asks"]:
                    recorded.setdefault(f"{job_id}/{'/'.join(rest)}", time.time())
    finally:
        client.destroy()


async def _cancel(engine: JobEngine, job_id: str, after: float) -> None:
    await asyncio.sleep(after)
    await engine.cancel(job_id, owner=OWNER)


@dataclass(frozen=True)
class Seen:
    """What two viewers of one job saw, and what was shown as completed to one of them, and when."""

    steady: list[JobEvent]
    leaving: list[JobEvent]
    completed: dict[str, float]


class _Watcher:
    """Looks at one job, steadily and as somebody who leaves and comes back; answers what waits, twice."""

    def __init__(self, engine: JobEngine, job_id: str, seed: int) -> None:
        self._engine = engine
        self._job_id = job_id
        self._chance = random.Random(seed)
        self._answering: set[asyncio.Task[None]] = set()
        self._completed: dict[str, float] = {}

    async def run(self) -> Seen:
        steady, leaving = await asyncio.gather(self._look(), self._come_and_go())
        await asyncio.gather(*self._answering)
        return Seen(steady, leaving, self._completed)

    async def _look(self) -> list[JobEvent]:
        seen: list[JobEvent] = []
        async with aclosing(self._engine.events(self._job_id, owner=OWNER)) as events:
            async for event in events:
                seen.append(event)
                if event.type in {"tool-deferred", "tool-approval-requested"}:
                    self._answering.add(asyncio.create_task(self._answer(event)))
                if event.type == "tool-output-available":
                    self._completed[f"{self._job_id}/{event.data['round']}/{event.data['call_id']}"] = time.time()
        return seen

    async def _come_and_go(self) -> list[JobEvent]:
        seen: list[JobEvent] = []
        while not seen or seen[-1].type != "job-end":
            after, stay = (seen[-1].id if seen else None), self._chance.randint(1, 6)
            async with aclosing(self._engine.events(self._job_id, owner=OWNER, after=after)) as events:
                async for event in events:
                    seen.append(event)
                    stay -= 1
                    if stay == 0:
                        break
        return seen

    async def _answer(self, event: JobEvent) -> None:
        await asyncio.sleep(self._chance.uniform(0, 2))
        call_id, token = event.data["call_id"], event.data["token"]
        is_approval = event.type == "tool-approval-requested"
        taken = 0
        for value in ("first", "second"):
            answer = JobAnswer(call_id, approved=True, token=token)
            if not is_approval:
                answer = JobAnswer(call_id, value=value, token=token)
            with contextlib.suppress(AnswerConflict):
                await self._engine.answer(self._job_id, [answer], owner=OWNER)
                taken += 1
        assert taken <= 1, "an answer was taken twice"


def _lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def _judge(
    outcome: Outcome,
    jobs: list[Job],
    seen: list[Seen],
    cancelled: set[str],
    lines: list[dict[str, Any]],
    recorded: dict[str, float],
) -> None:
    starts = Counter(line["key"] for line in lines if line["what"] == "start")
    latest = {line["key"]: line["time"] for line in lines if line["what"] == "start"}
    outcome.tools = len(starts)
    outcome.rerun = sum(count > 1 for count in starts.values())
    for job, viewers in zip(jobs, seen, strict=True):
        _judge_job(outcome, job, cancelled, starts)
        ids = [event.id for event in viewers.steady]
        if viewers.steady != viewers.leaving:
            outcome.viewers_unequal.append(f"{job.id}: two viewers saw different events")
        if ids != list(range(len(ids))) or viewers.steady[-1].type != "job-end":
            outcome.events_lost.append(f"{job.id}: ids {ids}")
        outcome.events_lost += _missing(job, viewers.steady)
        for key, when in viewers.completed.items():
            if latest.get(key, 0) > when:
                outcome.recorded_run_again.append(f"{key} was shown as completed, and began again")
    for key, when in recorded.items():
        if latest.get(key, 0) > when:
            outcome.recorded_run_again.append(f"{key} was recorded, and began again")


def _judge_job(outcome: Outcome, job: Job, cancelled: set[str], starts: Counter[str]) -> None:
    if job.status not in ({"cancelled", "completed"} if job.id in cancelled else {"completed"}):
        outcome.wrong.append(f"{job.id} is {job.status}: {job.error}")
    for item in job.rounds:
        for call in item.calls:
            key = f"{job.id}/{item.number}/{call.call_id}"
            outcome.interrupted += call.state == "interrupted" and job.status == "completed"
            if call.tool_name == "never" and starts[key] > 1:
                outcome.wrong.append(f"{key} must not be repeated, and was begun {starts[key]} times")
            if call.state == "completed" and call.tool_name != "human":
                if call.output != f"result of {call.call_id} for {item.number - 1}":
                    outcome.wrong.append(f"{key}: {call.output}")
                if starts[key] < 1:
                    outcome.wrong.append(f"{key} is completed, and never began")
            if call.tool_name == "human" and call.state == "completed" and call.output not in {"first", "second"}:
                outcome.wrong.append(f"{key}: {call.output}")
            if job.status == "completed" and call.state not in {"completed", "interrupted"}:
                outcome.wrong.append(f"{key} is {call.state} in a completed job")


def _missing(job: Job, events: list[JobEvent]) -> list[str]:
    """State events that have to be there exactly once for what the job shows."""
    counts = Counter((event.type, event.data.get("call_id"), event.data.get("round")) for event in events)
    problems = [
        f"{job.id}: {kind} of {call} came {count} times"
        for (kind, call, number), count in counts.items()
        if kind in _ONCE and count != 1
    ]
    problems += [
        f"{job.id}: no end of {call.call_id}"
        for item in job.rounds
        for call in item.calls
        if call.state == "completed" and not counts["tool-output-available", call.call_id, item.number]
    ]
    if job.status == "completed" and not counts["run-finish", None, None]:
        problems.append(f"{job.id}: no run-finish")
    return problems


_ONCE = {
    "run-start",
    "round-start",
    "round-finish",
    "tool-output-available",
    "tool-output-error",
    "run-finish",
    "job-end",
}
