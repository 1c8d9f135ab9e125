"""Jobs in a database: they go on after any crash, in any process that shares it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

from dbos import DBOSClient, EnqueueOptions, SetWorkflowID, WorkflowStatus, error

from loop_client.jobs.answer import JobAnswer, check_answer
from loop_client.jobs.durable_access import Access
from loop_client.jobs.durable_store import ANSWER, ANSWERS, INBOX, JOB, QUEUE, STREAM, VERSION, DurableStore
from loop_client.jobs.durable_waits import WAKE, answer_id
from loop_client.jobs.durable_worker import Worker
from loop_client.jobs.errors import AnswerConflict, JobConflict, JobNotFound, QueueFull
from loop_client.jobs.fold import JobFold, final_status, finished
from loop_client.jobs.job import FINAL, Job, JobCounts, JobEvent, JobStatus
from loop_client.jobs.recorded import first_place
from loop_client.jobs.rows import asked_id, end_event, event_of, made_at, new_job_id, now, spec_digest
from loop_client.jobs.runtime import JobRuntime
from loop_client.jobs.settings import JobSettings
from loop_client.jobs.spec import JobSpec
from loop_client.jobs.tails import Tails
from loop_client.jsontext import JsonObject, dumps, loads
from loop_client.steps import new_id

Returned = TypeVar("Returned")

_STATUSES: Final[dict[JobStatus, list[str]]] = {
    "queued": ["ENQUEUED", "DELAYED"],
    "running": ["PENDING", "ENQUEUED"],
    "waiting": ["PENDING", "ENQUEUED"],
    "completed": ["SUCCESS"],
    "failed": ["SUCCESS", "ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
    "cancelled": ["CANCELLED"],
}
"""How DBOS may have a job that is so."""
_BEHIND_ALL: Final = 1_000_000
"""Added to the last step, so that a retry takes over all that was told, too."""
_PAGE: Final = 100
_MOST_COUNTED: Final = 10_000


class DurableJobs:
    """A ``JobEngine`` over DBOS. All it knows lies in DBOS's tables: a workflow is a job, its stream the events.

    Args:
        runtime: What jobs are run with. A process of role ``api`` needs it, too: to know what can be asked for.
        settings: Where jobs are kept, and what this process does.
    """

    def __init__(self, runtime: JobRuntime, settings: JobSettings) -> None:
        self._runtime = runtime
        self._settings = settings
        self._store = DurableStore(settings)
        self._client_or_none: DBOSClient | None = None
        self._worker: Worker | None = None
        self._tails: Tails | None = None
        self._access: Access | None = None

    async def open(self) -> None:
        """Make the tables, connect and, unless the role is ``api``, begin to work."""
        await asyncio.to_thread(self._store.prepare)
        self._client_or_none = await asyncio.to_thread(self._store.client)
        self._tails = Tails(self._client, self._settings.poll_seconds)
        self._access = Access(self._client)
        if self._settings.runs_jobs:
            worker = Worker(self._store, self._client, self._runtime, self._settings)
            try:
                await worker.open()
            except BaseException:
                await self.aclose()
                raise
            self._worker = worker

    async def aclose(self) -> None:
        """Stop working and disconnect."""
        if self._worker is not None:
            await self._worker.aclose()
        if self._tails is not None:
            await self._tails.aclose()
        if self._access is not None:
            await self._access.aclose()
        if self._client_or_none is not None:
            await asyncio.to_thread(self._client_or_none.destroy)
        self._worker = self._tails = self._access = self._client_or_none = None

    async def start(
        self, spec: JobSpec, *, owner: str, idempotency_key: str | None = None, job_id: str | None = None
    ) -> Job:
        """Begin a job."""
        chosen = asked_id(owner, idempotency_key, job_id)
        asked = spec_digest(spec)
        there = None if chosen is None else await self._status(chosen)
        if there is None:
            resolved = self._runtime.resolved(spec)
            if await self._is_full():
                raise QueueFull("too many jobs wait already; try again later")
            body = {"owner": owner, "asked": asked, "at": now(), "spec": resolved.to_json()}
            chosen = chosen or new_job_id()
            options = EnqueueOptions(
                workflow_name=JOB, queue_name=QUEUE, workflow_id=chosen, app_version=VERSION, authenticated_user=owner
            )
            text = dumps(body)
            await self._ask(lambda client: client.enqueue(options, text))
            there = await self._status(chosen)
        if there is None or there.authenticated_user != owner or _input(there)["asked"] != asked:
            raise JobConflict("the key or id was used for another job")
        return await self._view(there)

    def counts(self) -> JobCounts:
        """Jobs that are not over; more than ``_MOST_COUNTED`` of a kind are counted as so many."""
        queued, begun = (
            len(
                self._client.list_workflows(
                    name=JOB, status=status, limit=_MOST_COUNTED, load_input=False, load_output=False
                )
            )
            for status in ("ENQUEUED", "PENDING")
        )
        return JobCounts(queued, begun)

    async def get(self, job_id: str, *, owner: str) -> Job:
        """The job as it is now."""
        return await self._view(await self._find(job_id, owner))

    async def is_over(self, job_id: str, *, owner: str) -> bool:
        """Whether nothing more will happen."""
        return _status_of(await self._find(job_id, owner)) in FINAL

    async def list(
        self,
        owner: str,
        status: JobStatus | None = None,
        limit: int = 50,
        before: str | None = None,
        prefix: str | None = None,
    ) -> Sequence[Job]:
        """The owner's jobs, the latest first."""
        last = None if before is None else await self._find(before, owner)
        criteria: dict[str, Any] = {
            "status": None if status is None else _STATUSES[status],
            "workflow_id_prefix": prefix,
        }
        if last is not None:
            criteria["end_time"] = _iso((last.created_at or 0) + 1)
        most, found = max(1, min(limit, 200)), list[Job]()
        async with aclosing(self._latest_first(owner, criteria)) as items:
            async for item in items:
                if last is not None and _place(item) >= _place(last):
                    continue
                job = await self._summary(item)
                if status is None or job.status == status:
                    found.append(job)
                if len(found) == most:
                    break
        return found

    async def _latest_first(self, owner: str, criteria: dict[str, Any]) -> AsyncGenerator[WorkflowStatus, None]:
        offset, same = 0, list[WorkflowStatus]()
        while True:
            page = await self._page(owner, offset, criteria)
            for item in page:
                # The database may know no more than the second: within one, the ids do.
                if same and same[0].created_at != item.created_at:
                    for one in sorted(same, key=_place, reverse=True):
                        yield one
                    same = []
                same.append(item)
            if len(page) < _PAGE:
                break
            offset += _PAGE
        for one in sorted(same, key=_place, reverse=True):
            yield one

    async def events(self, job_id: str, *, owner: str, after: int | None = None) -> AsyncGenerator[JobEvent, None]:
        """What happened and will happen."""
        await self._find(job_id, owner)
        number = 0 if after is None else after + 1
        assert self._tails is not None  # noqa: S101  # it is open
        async with aclosing(self._tails.rows(job_id, number)) as rows:
            async for row in rows:
                yield event_of(number, row, job_id)
                number += 1
        job = await self._view(await self._find(job_id, owner))
        if job.last_event is not None and number > job.last_event + 1:
            return
        yield end_event(number, job.finished_at or 0.0, job_id, job.status)

    async def answer(self, job_id: str, answers: Sequence[JobAnswer], *, owner: str) -> Job:
        """Take answers: each is a small workflow, whose id only the first can have."""
        view = await self.get(job_id, owner=owner)
        calls = [check_answer(view, answer) for answer in answers]
        if len({call.token for call in calls}) < len(calls):
            raise AnswerConflict("two answers are for one call")
        for call, answer in zip(calls, answers, strict=True):
            options = EnqueueOptions(
                workflow_name=ANSWER,
                queue_name=ANSWERS,
                workflow_id=answer_id(job_id, call.token),
                workflow_id_reuse_policy="reject",
                app_version=VERSION,
                authenticated_user=owner,
            )
            mark = new_id("answer")
            message = dumps({"token": call.token, "answer": answer.to_json(), "mark": mark})
            if not await self._ask(partial(_enqueued, options=options, job_id=job_id, message=message)):
                raise AnswerConflict("the call has its answer")
        return view

    async def cancel(self, job_id: str, *, owner: str) -> Job:
        """End it now: from this moment on nothing of it is recorded any more."""
        status = await self._find(job_id, owner)
        if status.status in {"ENQUEUED", "PENDING", "DELAYED"}:
            await self._ask(lambda client: client.cancel_workflow(job_id))
            if self._worker is not None:
                self._worker.stop_work(job_id)
            # One that waits for an answer looks up only when something comes.
            await self._ask(lambda client: client.send(job_id, WAKE, topic=INBOX))
            status = await self._find(job_id, owner)
        return await self._view(status)

    async def retry(self, job_id: str, *, owner: str, from_round: int | None = None) -> Job:
        """Make a new job of one that is over: a fork of its workflow."""
        view = await self.get(job_id, owner=owner)
        steps = await self._ask(lambda client: client.list_workflow_steps(job_id))
        names = {step["function_id"]: step["function_name"] for step in steps}
        first = first_place(names, view, from_round)
        start = max(names, default=0) + _BEHIND_ALL if first is None else first
        chosen = new_job_id()

        def fork(client: DBOSClient) -> None:
            if client.list_workflows(workflow_ids=[chosen], load_input=False, load_output=False):
                return  # done before, and not heard of
            with SetWorkflowID(chosen):
                client.fork_workflow(job_id, start, application_version=VERSION, queue_name=QUEUE)

        await self._ask(fork)
        return await self.get(chosen, owner=owner)

    @property
    def _client(self) -> DBOSClient:
        assert self._client_or_none is not None, "open the engine before you use it"  # noqa: S101
        return self._client_or_none

    async def _ask(self, work: Callable[[DBOSClient], Returned]) -> Returned:
        assert self._access is not None, "open the engine before you use it"  # noqa: S101
        return await self._access.ask(work)

    async def _page(self, owner: str, offset: int, criteria: dict[str, Any]) -> Sequence[WorkflowStatus]:
        return await self._ask(
            lambda client: client.list_workflows(
                name=JOB, user=owner, sort_desc=True, limit=_PAGE, offset=offset, **criteria
            )
        )

    async def _status(self, job_id: str) -> WorkflowStatus | None:
        found = await self._ask(lambda client: client.list_workflows(workflow_ids=[job_id], name=JOB))
        return found[0] if found else None

    async def _find(self, job_id: str, owner: str) -> WorkflowStatus:
        status = await self._status(job_id)
        if status is None or status.authenticated_user != owner:
            raise JobNotFound("there is no such job")
        return status

    async def _is_full(self) -> bool:
        last = self._settings.queue_length - 1
        found = await self._ask(
            lambda client: client.list_workflows(
                queue_name=QUEUE, status="ENQUEUED", limit=1, offset=last, load_input=False, load_output=False
            )
        )
        return bool(found)

    async def _fold(self, job_id: str) -> JobFold:
        def read(client: DBOSClient) -> JobFold:
            fold = JobFold()
            try:
                for number, row in enumerate(client.read_stream(job_id, STREAM, timeout_seconds=0)):
                    fold.feed(event_of(number, row, job_id))
            except error.DBOSStreamTimeoutError:
                pass  # all there is so far
            return fold

        return await self._ask(read)

    async def _view(self, status: WorkflowStatus) -> Job:
        fold = await self._fold(status.workflow_id)
        job = await self._with_attempt(_job(status))
        if job.status == "queued" and fold.last is not None:
            job = replace(job, status="running")  # its worker has died, and another takes it up
        job = fold.view(job)
        finish = _finish(status)
        return job if finish is None else finished(job, finish)

    async def _summary(self, status: WorkflowStatus) -> Job:
        finish = _finish(status)
        if finish is not None:
            job = finished(await self._with_attempt(_job(status)), finish)
        else:
            job = await self._view(status)
        return replace(job, rounds=(), messages=(), last_event=None)

    async def _with_attempt(self, job: Job) -> Job:
        attempt, before = 1, job.retry_of
        while before is not None:
            attempt += 1
            status = await self._status(before)
            before = None if status is None else status.forked_from
        return replace(job, attempt=attempt)


def _enqueued(client: DBOSClient, *, options: EnqueueOptions, job_id: str, message: str) -> bool:
    """Whether this answer is the one that counts."""
    try:
        client.enqueue(options, job_id, message)
    except error.DBOSWorkflowIDInUseError:
        (there,) = client.list_workflows(workflow_ids=[options["workflow_id"]])
        given: Any = there.input
        return bool(given["args"][1] == message)
    return True


def _job(status: WorkflowStatus) -> Job:
    body = _input(status)
    spec = body["spec"]
    return Job(
        id=status.workflow_id,
        owner=status.authenticated_user or "",
        status=_status_of(status),
        created_at=_place(status)[0],
        started_at=None if status.dequeued_at is None else status.dequeued_at / 1000,
        finished_at=None if status.completed_at is None else status.completed_at / 1000,
        retry_of=status.forked_from,
        profile=spec["profile"],
        model=spec.get("model"),
        metadata=spec.get("metadata", {}),
    )


def _status_of(status: WorkflowStatus) -> JobStatus:
    match status.status:
        case "ENQUEUED" | "DELAYED":
            return "queued"
        case "PENDING":
            return "running"
        case "CANCELLED":
            return "cancelled"
        case "SUCCESS":
            finish = _finish(status)
            return "failed" if finish is None else final_status(finish)
        case _:
            return "failed"


def _input(status: WorkflowStatus) -> JsonObject:
    given: Any = status.input
    body: JsonObject = loads(given["args"][0])
    return body


def _finish(status: WorkflowStatus) -> JsonObject | None:
    return loads(status.output) if status.status == "SUCCESS" and isinstance(status.output, str) else None


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()


def _place(status: WorkflowStatus) -> tuple[float, str]:
    """Where a job stands among its owner's: when it was made, and its id."""
    return made_at(status.workflow_id) or _input(status)["at"], status.workflow_id
