"""The part of a process that runs durable jobs: holds a slot, and takes up what dead workers have left."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Final

from dbos import DBOS, DBOSClient, WorkflowStatus

from loop_client.errors import ConfigurationError
from loop_client.jobs.durable_journal import DurableJournal
from loop_client.jobs.durable_store import ANSWER, ATTEMPTS, INBOX, JOB, DurableStore
from loop_client.jobs.durable_waits import Waits
from loop_client.jobs.execution import run_job
from loop_client.jobs.gate import Gates
from loop_client.jobs.place import Place
from loop_client.jobs.rows import now
from loop_client.jobs.runtime import JobInfo, JobRuntime
from loop_client.jobs.settings import JobSettings
from loop_client.jobs.slots import Slots
from loop_client.jobs.spec import JobSpec
from loop_client.jsontext import dumps, loads
from loop_client.steps import new_id

_log: Final = logging.getLogger("loop_client.jobs")

_WATCH_SECONDS: Final = 0.3
"""How often the jobs that work here are looked at: cancelled, or taken by another worker?"""
_TAKEN_UP_AT_ONCE: Final = 1000
_DELETED_AT_ONCE: Final = 200
_RETENTION_SECONDS: Final = 600.0

_QUEUE_THREADS: Final = "queue-worker-"
"""What DBOS calls the threads that look into its queues."""
_WORK_THREADS: Final = "dbos-executor-"
"""What it calls those in which it asks the database."""
_THREAD_SECONDS: Final = 5.0

_worker: Worker | None = None


@DBOS.workflow(name=JOB, max_recovery_attempts=ATTEMPTS)
async def loop_job(text: str) -> str:
    """One job, from its beginning or from wherever its record ends."""
    if _worker is None:
        raise ConfigurationError("no worker is open in this process")
    return await _worker.run(text)


@DBOS.workflow(name=ANSWER, max_recovery_attempts=ATTEMPTS)
async def loop_answer(job_id: str, text: str) -> None:
    """One answer. Its own id, made of the call's, is what lets only the first one in."""
    await DBOS.send_async(job_id, text, topic=INBOX)


class Worker:
    """Runs jobs in this process. There can be one.

    Raises:
        ConfigurationError: on opening: there is one already, or no slot is free.
    """

    def __init__(self, store: DurableStore, client: DBOSClient, runtime: JobRuntime, settings: JobSettings) -> None:
        self._store = store
        self._client = client
        self._runtime = runtime
        self._settings = settings
        self._slots: Slots = store.slots()
        self._place = Place()
        self._gates: Gates | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executor = ""
        self._dbos: DBOS | None = None
        self._works: dict[str, set[asyncio.Task[Any]]] = defaultdict(set)
        self._end = asyncio.Event()
        self._idle = threading.Event()
        self._waits = Waits()
        self._is_ending = False
        self._tasks: list[asyncio.Task[None]] = []
        self._free_before: set[int] = set()
        self._cleaned_at = 0.0

    async def open(self) -> None:
        """Take a slot and begin."""
        global _worker  # noqa: PLW0603  # DBOS is one per process, and so are the functions that it calls
        if _worker is not None:
            raise ConfigurationError("this process has a worker already: there can be one")
        _worker = self
        try:
            await self._launch()
        except BaseException:
            _worker = None
            raise
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._keep())]

    async def aclose(self) -> None:
        """Begin nothing more, wait for what runs, and end. What has not ended then is taken up by another worker."""
        global _worker  # noqa: PLW0603
        self._is_ending = True
        # Not cancelled: what they have begun in a thread would go on beside what follows.
        self._end.set()
        await asyncio.wait(self._tasks)
        await asyncio.to_thread(self._stop_dequeuing)
        await self.wait_until_idle(self._settings.drain_seconds)
        await self._stop()
        _worker = None

    async def wait_until_idle(self, seconds: float) -> None:
        """Wait until nothing is worked on here, at most so many seconds."""
        self._idle.clear()
        if self._works:
            await asyncio.to_thread(self._idle.wait, seconds)

    @property
    def name(self) -> str:
        """Of the slot."""
        return self._executor

    @property
    def waiting(self) -> int:
        """Jobs that wait for somebody in this process."""
        return len(self._waits)

    async def run(self, text: str) -> str:
        """Run the job of this workflow; in the engine's event loop."""
        self._loop = asyncio.get_running_loop()
        if self._gates is None:
            self._gates = Gates(self._settings.concurrency, self._settings.tool_concurrency)
        job_id = DBOS.workflow_id
        assert job_id is not None  # noqa: S101  # this is a workflow
        body = loads(text)
        info = JobInfo(job_id, body["owner"], JobSpec.from_json(body["spec"]))
        journal = DurableJournal(job_id, new_id("execution"), self, self._settings.max_event_bytes)
        finish = await run_job(info, journal, self._runtime, self._place, self._gates.gate(), self._settings)
        return dumps({**finish, "finished_at": now()})

    def wait(self, job_id: str) -> AbstractContextManager[None]:
        """Take note of a job that waits for somebody."""
        return self._waits.of(job_id)

    async def may_begin(self) -> None:
        """Wait until work may begin."""
        if self._is_ending:
            await asyncio.get_running_loop().create_future()

    def begin(self, job_id: str, task: asyncio.Task[Any]) -> Callable[[], None]:
        """Take note of work."""
        self._works[job_id].add(task)

        def end() -> None:
            self._works[job_id].discard(task)
            if not self._works[job_id]:
                del self._works[job_id]
            if not self._works:
                self._idle.set()

        return end

    def stop_work(self, job_id: str) -> None:
        """Cancel what is done here for a job."""
        for task in tuple(self._works.get(job_id, ())):
            task.get_loop().call_soon_threadsafe(task.cancel)

    async def _launch(self) -> None:
        slot = await asyncio.to_thread(self._slots.take)
        self._executor = _name(slot)
        self._gates, self._is_ending = None, False

        def launch() -> None:
            self._dbos = DBOS(config=self._store.config(self._executor))
            _quieten()
            DBOS.launch()

        # In a thread, so that DBOS makes an event loop of its own: what blocks the application's does not stop it.
        await asyncio.to_thread(launch)
        _log.info("worker %s is ready", self._executor)

    def _stop_dequeuing(self) -> None:
        """Take no more jobs from the queue. When DBOS ends it does not wait for threads that are about to begin one."""
        if self._dbos is not None:
            for event in self._dbos.background_thread_stop_events:
                event.set()
        _wait_for_threads(_QUEUE_THREADS)

    async def _stop(self) -> None:
        await asyncio.to_thread(self._stop_dequeuing)
        for job_id in tuple(self._works):
            self.stop_work(job_id)
        await asyncio.to_thread(DBOS.destroy)
        # It does not wait for what its threads have begun either; one that is left alone with a database that goes away
        # asks for it for ever, and the process cannot end.
        await asyncio.to_thread(_wait_for_threads, _WORK_THREADS)
        await asyncio.to_thread(self._slots.release)

    async def _watch(self) -> None:
        """Stop the work for jobs that were cancelled, or that another worker has taken."""
        while True:
            if await self._ends_within(_WATCH_SECONDS):
                return
            ids = list(self._works)
            if not ids:
                continue
            try:
                found = await self._client.list_workflows_async(workflow_ids=ids, load_input=False, load_output=False)
            except Exception as error:  # noqa: BLE001  # a database that restarts is no reason to stop looking
                _log.warning("the jobs that work here cannot be looked at: %s", type(error).__name__)
                continue
            here = {item.workflow_id for item in found if self._is_mine(item)}
            for job_id in set(ids) - here:
                self.stop_work(job_id)

    async def _ends_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._end.wait()
        except TimeoutError:
            return False
        return True

    def _is_mine(self, status: WorkflowStatus) -> bool:
        return status.status == "PENDING" and status.executor_id == self._executor

    async def _keep(self) -> None:
        """Keep the slot, take up what dead workers have left, wake whoever missed an answer, and drop what is old."""
        while True:
            if await self._ends_within(self._settings.sweep_seconds):
                return
            try:
                if not await asyncio.to_thread(self._slots.is_held):
                    await self._lost()
                await asyncio.to_thread(self._sweep)
                if self._store.listens:
                    await self._waits.wake_missed(self._client)
                await self._clean()
            except Exception as error:  # noqa: BLE001  # as above
                _log.warning("looking after the jobs failed: %s", type(error).__name__)

    async def _lost(self) -> None:
        """Another process may run under this one's name: stop, and begin again under a name that is free."""
        for _ in range(3):
            await asyncio.sleep(self._settings.sweep_seconds / 2)
            if await asyncio.to_thread(self._slots.is_held):
                return
        _log.warning("worker %s has lost its slot, and begins again with another", self._executor)
        await self._stop()
        await self._launch()

    def _sweep(self) -> None:
        """Give the jobs of slots that nobody holds back to the queue; any worker takes them.

        A slot counts as given up when it is free twice in a row: a living worker that lost its connection takes it
        again in between. One that does not is fenced by DBOS: nothing it still does is recorded.
        """
        free = set(self._slots.free())
        given_up, self._free_before = free & self._free_before, free
        if not given_up:
            return
        names = {_name(slot): slot for slot in given_up}
        left = self._client.list_workflows(
            status="PENDING", executor_id=list(names), limit=_TAKEN_UP_AT_ONCE, load_input=False, load_output=False
        )
        for executor in sorted({item.executor_id for item in left if item.executor_id is not None}):
            with self._slots.holding(names[executor]) as is_free:
                if is_free:
                    _log.warning("worker %s is dead; its jobs are taken up", executor)
                    # Private since DBOS 3, and the only way that neither revives cancelled jobs nor forgets attempts.
                    DBOS._recover_pending_workflows([executor])

    async def _clean(self) -> None:
        keep = self._settings.retention
        if keep is None or time.monotonic() < self._cleaned_at + min(_RETENTION_SECONDS, keep):
            return
        before = datetime.fromtimestamp(time.time() - keep, UTC).isoformat()
        old = await self._client.list_workflows_async(
            status=["SUCCESS", "ERROR", "CANCELLED"],
            completed_before=before,
            name=[JOB, ANSWER],
            limit=_DELETED_AT_ONCE,
            load_input=False,
            load_output=False,
        )
        if old:
            await self._client.delete_workflows_async([item.workflow_id for item in old])
        if len(old) < _DELETED_AT_ONCE:
            self._cleaned_at = time.monotonic()


def worker_here() -> Worker | None:
    """The worker of this process."""
    return _worker


def _wait_for_threads(prefix: str) -> None:
    """Wait until no thread has a name that begins so; not for ever."""
    until = time.monotonic() + _THREAD_SECONDS
    while time.monotonic() < until:
        threads = [thread for thread in threading.enumerate() if thread.name.startswith(prefix)]
        if not threads:
            return
        with contextlib.suppress(RuntimeError):  # one that is about to start cannot be waited for
            threads[0].join(until - time.monotonic())


def _name(slot: int) -> str:
    return f"slot-{slot}"


def _quieten() -> None:
    """Let DBOS log through the application's handlers. That a job was cancelled or taken is no error."""
    logger = logging.getLogger("dbos")
    for handler in tuple(logger.handlers):
        logger.removeHandler(handler)
    logger.propagate = True
