"""The events of jobs for any number of viewers: one reader per job and process, whoever looks, wherever they are."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from loop_client.jobs import Job, JobEngine, JobEvent

END: Final = "job-end"
"""Type of the last event of every job."""

_KEPT: Final = 64
"""Latest events of a job that its viewers share. One who is further behind reads for himself until he is there."""


class JobViewers:
    """Gives each viewer every event once and in order. Nothing is kept for one who is slow."""

    def __init__(self, engine: JobEngine) -> None:
        self._engine = engine
        self._tails: dict[str, _Tail] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def events(self, job: Job, after: int | None = None) -> AsyncGenerator[JobEvent, None]:
        """What happened in a job and what happens from now on, up to its end; or up to the end of this process, without
        ``job-end``.

        Args:
            job: As its owner sees it now.
            after: Only events with a higher id; None for all.
        """
        if job.is_over:
            async with aclosing(self._engine.events(job.id, owner=job.owner, after=after)) as own:
                async for event in own:
                    yield event
                    if self._is_closed:
                        return
            return
        tail = self._join(job)
        try:
            async with aclosing(self._follow(tail, job, -1 if after is None else after)) as events:
                async for event in events:
                    yield event
        finally:
            self._leave(tail)

    async def aclose(self) -> None:
        """Let all viewers go: they come back to another process, with the id of the event they saw last."""
        self._is_closed = True
        for tail in self._tails.values():
            tail.tell_news()
        ending = self._ending | {tail.task for tail in self._tails.values()}
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    async def _follow(self, tail: _Tail, job: Job, position: int) -> AsyncGenerator[JobEvent, None]:
        while not self._is_closed:
            news = tail.news
            if position + 1 < tail.first:
                async with aclosing(self._read(job, position)) as own:
                    async for event in own:
                        yield event
                        position = event.id
                        if event.type == END or self._is_closed:
                            return
                        if position + 1 >= tail.first:
                            break
                continue
            for event in tail.newer(position):
                yield event
                position = event.id
                if event.type == END:
                    return
            if tail.news is not news:
                continue
            if tail.task.done() and not tail.task.cancelled():
                tail.task.result()  # raises what ended it
                return
            await news.wait()

    def _read(self, job: Job, position: int) -> AsyncGenerator[JobEvent, None]:
        return self._engine.events(job.id, owner=job.owner, after=None if position < 0 else position)

    def _join(self, job: Job) -> _Tail:
        tail = self._tails.get(job.id)
        if tail is None or tail.task.done():
            start = -1 if job.last_event is None else job.last_event
            tail = self._tails[job.id] = _Tail(self._read(job, start), start)
        tail.viewers += 1
        return tail

    def _leave(self, tail: _Tail) -> None:
        tail.viewers -= 1
        if tail.viewers:
            return
        for job_id in [job_id for job_id, other in self._tails.items() if other is tail]:
            del self._tails[job_id]
        tail.task.cancel()
        self._ending.add(tail.task)
        tail.task.add_done_callback(self._ending.discard)


class _Tail:
    """The one reader of a job, and its latest events."""

    def __init__(self, events: AsyncGenerator[JobEvent, None], start: int) -> None:
        self.viewers = 0
        self.news = asyncio.Event()
        self._recent: deque[JobEvent] = deque(maxlen=_KEPT)
        self._start = start
        self.task = asyncio.create_task(self._read(events))
        self.task.add_done_callback(self._ended)

    @property
    def first(self) -> int:
        """Id of the first event that is to be had here, or will be."""
        return self._recent[0].id if self._recent else self._start + 1

    def newer(self, position: int) -> list[JobEvent]:
        """The events here behind this one."""
        return [event for event in self._recent if event.id > position]

    def tell_news(self) -> None:
        """Wake who waits."""
        news, self.news = self.news, asyncio.Event()
        news.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # looked at: the last viewer may have left meanwhile
        self.tell_news()

    async def _read(self, events: AsyncGenerator[JobEvent, None]) -> None:
        async with aclosing(events):
            async for event in events:
                self._recent.append(event)
                self.tell_news()
