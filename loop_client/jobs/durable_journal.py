"""The record of a job in DBOS: every piece of work is a step of the job's workflow, events are its stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, TypeAlias

from dbos import DBOS, StepOptions, StepReservation, error

from loop_client.jobs.durable_store import INBOX, STREAM
from loop_client.jobs.journal import Work
from loop_client.jobs.rows import event_row
from loop_client.jsontext import JsonObject, dumps, loads

_WAIT_SECONDS: Final = 7 * 24 * 3600.0
"""After so long a wait is begun anew; it has no other meaning."""


class Works(Protocol):
    """Keeps count of the work that is done in this process."""

    async def may_begin(self) -> None:
        """Wait until work may begin: for ever, where the process is about to end."""
        ...

    def wait(self, job_id: str) -> AbstractContextManager[None]:
        """Take note of a job that waits for somebody, for as long as it does."""
        ...

    def begin(self, job_id: str, task: asyncio.Task[Any]) -> Callable[[], None]:
        """Take note of work, which may be cancelled from now on; gives what says that it has ended."""
        ...


class DurableJournal:
    """The record of the job whose workflow runs in this context."""

    def __init__(self, job_id: str, execution: str, works: Works, max_event_bytes: int) -> None:
        self.job_id = job_id
        self.execution = execution
        self._works = works
        self._max_event_bytes = max_event_bytes

    async def once(self, name: str, work: Work) -> JsonObject:
        """A step of the workflow."""
        return await self.enter(name).once(work)

    def enter(self, name: str) -> DurableEntry:
        """Reserve a step."""
        return DurableEntry(name, DBOS.reserve_step(), self._do)

    async def tell(self, data: JsonObject) -> None:
        """Write to the stream; DBOS records that, too."""
        await DBOS.write_stream_async(STREAM, event_row(data, self._max_event_bytes))

    async def told(self) -> Sequence[JsonObject]:
        """Read the stream."""
        rows: list[JsonObject] = []
        try:
            async for row in DBOS.read_stream_async(self.job_id, STREAM, timeout_seconds=0):
                rows.append(loads(row)["data"])  # noqa: PERF401  # what was read counts, although the end is an error
        except error.DBOSStreamTimeoutError:
            pass
        return rows

    async def first(self, tasks: Sequence[asyncio.Task[Any]]) -> Collection[int]:
        """Wait; DBOS records which ended."""
        done, _ = await DBOS.asyncio_wait(list(tasks), return_when=asyncio.FIRST_COMPLETED)
        return [index for index, task in enumerate(tasks) if task in done]

    async def receive(self) -> JsonObject:
        """The next message; DBOS records it."""
        while True:
            with self._works.wait(self.job_id):
                text = await DBOS.recv_async(INBOX, timeout_seconds=_WAIT_SECONDS)
            if text is not None:
                message: JsonObject = loads(text)
                return message

    async def _do(self, work: Work, ends: list[Callable[[], None]]) -> str:
        async def tell(data: JsonObject) -> None:
            await DBOS.write_stream_async(STREAM, event_row(data, self._max_event_bytes))

        await self._works.may_begin()
        task = asyncio.ensure_future(_written(work(tell)))
        ends.append(self._works.begin(self.job_id, task))
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            # The work alone was cancelled: the job was, or another worker has it. Neither is a result.
            raise error.DBOSWorkflowConflictIDError(self.job_id) from None
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})


Do: TypeAlias = Callable[[Work, list[Callable[[], None]]], Coroutine[Any, Any, str]]
"""Does the work, and leaves what is to be called when it is recorded."""


class DurableEntry:
    """A step that was reserved."""

    def __init__(self, name: str, reservation: StepReservation, do: Do) -> None:
        self._name = name
        self._reservation = reservation
        self._do = do

    async def once(self, work: Work) -> JsonObject:
        """What is recorded, or is now."""
        ends: list[Callable[[], None]] = []
        try:
            text = await self._reservation.run_async(StepOptions(name=self._name), self._do, work, ends)
        finally:
            # Not before it is recorded: a process that ends waits for that.
            for end in ends:
                end()
        recorded: JsonObject = loads(text)
        return recorded


async def _written(value: Awaitable[JsonObject]) -> str:
    return dumps(await value)
