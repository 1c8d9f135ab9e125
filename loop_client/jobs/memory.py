"""Jobs that live in this process: for embedding, and for tests. They end with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from loop_client.jobs.answer import JobAnswer, check_answer
from loop_client.jobs.errors import AnswerConflict, JobConflict, JobNotFound, QueueFull
from loop_client.jobs.execution import run_job
from loop_client.jobs.fold import JobFold, final_status
from loop_client.jobs.gate import Gates
from loop_client.jobs.job import Job, JobCounts, JobEvent, JobStatus
from loop_client.jobs.journal import Work
from loop_client.jobs.place import Place
from loop_client.jobs.recorded import first_place
from loop_client.jobs.rows import asked_id, end_event, event_of, event_row, new_job_id, now, spec_digest
from loop_client.jobs.runtime import JobInfo, JobRuntime
from loop_client.jobs.settings import JobSettings
from loop_client.jobs.spec import JobSpec
from loop_client.jsontext import JsonObject, dumps, loads
from loop_client.steps import new_id

_log: Final = logging.getLogger("loop_client.jobs")


@dataclass(slots=True)
class _Kept:
    """A job with its record."""

    job: Job
    asked: str
    """Tells the spec, as it was asked for, from others."""
    spec: JobSpec
    records: dict[int, tuple[str, str | None]] = field(default_factory=dict)
    """By place: name, and the JSON text of what was recorded."""
    rows: list[tuple[int, str]] = field(default_factory=list)
    """Events, each with the place of the work that told it."""
    inbox: asyncio.Queue[JsonObject] = field(default_factory=asyncio.Queue)
    answered: set[str] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def tell_news(self) -> None:
        news, self.news = self.news, asyncio.Event()
        news.set()


class MemoryJobs:
    """A ``JobEngine`` without a store.

    Args:
        runtime: What jobs are run with.
        settings: How many at once, and how long they are kept.
    """

    def __init__(self, runtime: JobRuntime, settings: JobSettings | None = None) -> None:
        self._runtime = runtime
        self._settings = settings or JobSettings()
        self._jobs: dict[str, _Kept] = {}
        self._gates: Gates | None = None
        self._place: Place | None = None

    async def open(self) -> None:
        """Begin, on this event loop."""
        self._gates = Gates(self._settings.concurrency, self._settings.tool_concurrency)
        self._place = Place()

    async def aclose(self) -> None:
        """Cancel what runs."""
        tasks = [kept.task for kept in self._jobs.values() if kept.task is not None and not kept.task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def start(
        self, spec: JobSpec, *, owner: str, idempotency_key: str | None = None, job_id: str | None = None
    ) -> Job:
        """Begin a job."""
        chosen = asked_id(owner, idempotency_key, job_id)
        asked = spec_digest(spec)
        there = None if chosen is None else self._jobs.get(chosen)
        if there is not None:
            if there.job.owner != owner or there.asked != asked:
                raise JobConflict("the key or id was used for another job")
            return self._view(there)
        resolved = self._runtime.resolved(spec)
        self._forget_old()
        if sum(kept.job.status == "queued" for kept in self._jobs.values()) >= self._settings.queue_length:
            raise QueueFull("too many jobs wait already; try again later")
        job = Job(
            id=chosen or new_job_id(),
            owner=owner,
            status="queued",
            created_at=now(),
            profile=spec.profile,
            model=resolved.model,
            metadata=spec.metadata,
        )
        return self._begin(_Kept(job, asked, resolved))

    def counts(self) -> JobCounts:
        """Jobs that are not over."""
        statuses = [kept.job.status for kept in tuple(self._jobs.values()) if not kept.job.is_over]
        queued = statuses.count("queued")
        return JobCounts(queued, len(statuses) - queued)

    async def get(self, job_id: str, *, owner: str) -> Job:
        """The job as it is now."""
        return self._view(self._find(job_id, owner))

    async def is_over(self, job_id: str, *, owner: str) -> bool:
        """Whether nothing more will happen."""
        return self._find(job_id, owner).job.is_over

    async def list(
        self,
        owner: str,
        status: JobStatus | None = None,
        limit: int = 50,
        before: str | None = None,
        prefix: str | None = None,
    ) -> Sequence[Job]:
        """The owner's jobs, the latest first."""
        own = [kept for kept in reversed(self._jobs.values()) if kept.job.owner == owner]
        if before is not None:
            own = own[own.index(self._find(before, owner)) + 1 :]
        named = (kept for kept in own if prefix is None or kept.job.id.startswith(prefix))
        views = (replace(self._view(kept), rounds=(), messages=(), last_event=None) for kept in named)
        return [job for job in views if status is None or job.status == status][: max(1, min(limit, 200))]

    async def events(self, job_id: str, *, owner: str, after: int | None = None) -> AsyncGenerator[JobEvent, None]:
        """What happened and will happen."""
        kept = self._find(job_id, owner)
        number = 0 if after is None else after + 1
        while True:
            news, job = kept.news, kept.job
            for row in kept.rows[number:]:
                yield event_of(number, row[1], job_id)
                number += 1
            if job.is_over:
                if number == len(kept.rows):
                    yield end_event(number, job.finished_at or 0.0, job_id, job.status)
                return
            await news.wait()

    async def answer(self, job_id: str, answers: Sequence[JobAnswer], *, owner: str) -> Job:
        """Take answers."""
        kept = self._find(job_id, owner)
        view = self._view(kept)
        calls = [check_answer(view, answer) for answer in answers]
        tokens = [call.token for call in calls]
        if kept.answered & set(tokens) or len(set(tokens)) < len(tokens):
            raise AnswerConflict("the call has its answer")
        kept.answered |= set(tokens)
        for call, answer in zip(calls, answers, strict=True):
            kept.inbox.put_nowait({"token": call.token, "answer": answer.to_json()})
        return view

    async def cancel(self, job_id: str, *, owner: str) -> Job:
        """End it now."""
        kept = self._find(job_id, owner)
        if not kept.job.is_over:
            _finish(kept, "cancelled", None)
            if kept.task is not None:
                kept.task.cancel()
        return self._view(kept)

    async def retry(self, job_id: str, *, owner: str, from_round: int | None = None) -> Job:
        """Make a new job of one that is over."""
        kept = self._find(job_id, owner)
        names = {place: name for place, (name, _) in kept.records.items()}
        end = first_place(names, self._view(kept), from_round)
        job = Job(
            id=new_job_id(),
            owner=owner,
            status="queued",
            created_at=now(),
            attempt=kept.job.attempt + 1,
            retry_of=job_id,
            profile=kept.spec.profile,
            model=kept.spec.model,
            metadata=kept.spec.metadata,
        )
        again = _Kept(job, "", kept.spec)
        again.records = {place: item for place, item in kept.records.items() if end is None or place < end}
        again.rows = [(place, row) for place, row in kept.rows if end is None or place < end]
        return self._begin(again)

    def _begin(self, kept: _Kept) -> Job:
        self._jobs[kept.job.id] = kept
        kept.task = asyncio.create_task(self._run(kept))
        return self._view(kept)

    async def _run(self, kept: _Kept) -> None:
        assert self._gates is not None, "open the engine before you start jobs"  # noqa: S101
        assert self._place is not None  # noqa: S101
        gate = self._gates.gate()
        job = kept.job
        info = JobInfo(job.id, job.owner, kept.spec)
        try:
            await gate.enter()
            kept.job = replace(kept.job, status="running", started_at=now())
            journal = MemoryJournal(kept, self._settings.max_event_bytes)
            finish = await run_job(info, journal, self._runtime, self._place, gate, self._settings)
            _finish(kept, final_status(finish), finish)
        except Exception:  # noqa: BLE001  # whatever it was, the job has to end, and its text is for the log
            _log.exception("job %s failed", job.id)
            _finish(kept, "failed", None)
        finally:
            gate.leave()

    def _find(self, job_id: str, owner: str) -> _Kept:
        kept = self._jobs.get(job_id)
        if kept is None or kept.job.owner != owner:
            raise JobNotFound("there is no such job")
        return kept

    def _view(self, kept: _Kept) -> Job:
        fold = JobFold()
        fold.feed_all(event_of(number, row, kept.job.id) for number, (_, row) in enumerate(kept.rows))
        return fold.view(kept.job)

    def _forget_old(self) -> None:
        if self._settings.retention is None:
            return
        before = now() - self._settings.retention
        for kept in [kept for kept in self._jobs.values() if (kept.job.finished_at or before) < before]:
            del self._jobs[kept.job.id]


class MemoryJournal:
    """A record that lies beside the job."""

    def __init__(self, kept: _Kept, max_event_bytes: int) -> None:
        self.job_id = kept.job.id
        self.execution = new_id("execution")
        self._kept = kept
        self._max_event_bytes = max_event_bytes
        self._place = 0

    async def once(self, name: str, work: Work) -> JsonObject:
        """What is recorded, or is now."""
        return await self.enter(name).once(work)

    def enter(self, name: str) -> _MemoryEntry:
        """Take the next place."""
        return _MemoryEntry(self, self._next(), name)

    async def tell(self, data: JsonObject) -> None:
        """Tell it, if it was not told."""
        place = self._next()
        if place not in self._kept.records:
            self._kept.records[place] = ("tell", None)
            self._add(place, data)

    async def told(self) -> Sequence[JsonObject]:
        """Every event."""
        return [loads(row)["data"] for _, row in self._kept.rows]

    async def first(self, tasks: Sequence[asyncio.Task[Any]]) -> Collection[int]:
        """Wait for one."""
        place = self._next()
        if place in self._kept.records:
            ended: list[int] = loads(self._kept.records[place][1] or "[]")
            await asyncio.wait([tasks[index] for index in ended])
            return ended
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        ended = [index for index, task in enumerate(tasks) if task.done()]
        self._kept.records[place] = ("first", dumps(ended))
        return ended

    async def receive(self) -> JsonObject:
        """The next message."""
        place = self._next()
        if place not in self._kept.records:
            self._kept.records[place] = ("receive", dumps(await self._kept.inbox.get()))
        message: JsonObject = loads(self._kept.records[place][1] or "")
        return message

    async def work(self, place: int, name: str, work: Work) -> JsonObject:
        """What an entry does."""

        async def tell(data: JsonObject) -> None:
            self._add(place, data)

        if place not in self._kept.records:
            self._kept.records[place] = (name, dumps(await work(tell)))
        recorded: JsonObject = loads(self._kept.records[place][1] or "")
        return recorded

    def _add(self, place: int, data: JsonObject) -> None:
        if not self._kept.job.is_over:
            self._kept.rows.append((place, event_row(data, self._max_event_bytes)))
            self._kept.tell_news()

    def _next(self) -> int:
        self._place += 1
        return self._place


@dataclass(frozen=True, slots=True)
class _MemoryEntry:
    journal: MemoryJournal
    place: int
    name: str

    async def once(self, work: Work) -> JsonObject:
        """What is recorded, or is now."""
        return await self.journal.work(self.place, self.name, work)


def _finish(kept: _Kept, status: JobStatus, finish: JsonObject | None) -> None:
    if kept.job.is_over:
        return
    job = replace(kept.job, status=status, finished_at=now())
    kept.job = job if finish is None else replace(job, messages=tuple(finish["messages"]))
    kept.tell_news()
