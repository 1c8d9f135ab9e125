"""Follows the events of a job once for all who look at it in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from dbos import DBOSClient

from loop_client.jobs.durable_access import is_away
from loop_client.jobs.durable_store import STREAM

_AWAY_SECONDS: Final = 0.5


@dataclass(slots=True)
class _Tail:
    rows: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    viewers: int = 0
    error: BaseException | None = None
    is_over: bool = False
    task: asyncio.Task[None] | None = None

    def tell(self) -> None:
        news, self.news = self.news, asyncio.Event()
        news.set()


class Tails:
    """The streams that somebody looks at."""

    def __init__(self, client: DBOSClient, poll_seconds: float) -> None:
        self._client = client
        self._poll_seconds = poll_seconds
        self._tails: dict[str, _Tail] = {}

    async def rows(self, job_id: str, number: int) -> AsyncGenerator[str, None]:
        """The rows from this one on; ends when the job is over and nothing more can come."""
        tail = self._tails.get(job_id)
        if tail is None:
            tail = self._tails[job_id] = _Tail()
            tail.task = asyncio.create_task(self._follow(job_id, tail))
        tail.viewers += 1
        try:
            while True:
                news = tail.news
                while number < len(tail.rows):
                    yield tail.rows[number]
                    number += 1
                if tail.error is not None:
                    raise tail.error
                if tail.is_over:
                    return
                await news.wait()
        finally:
            tail.viewers -= 1
            if tail.viewers == 0:
                self._drop(job_id, tail)

    async def aclose(self) -> None:
        """Follow nothing any more."""
        tasks = [tail.task for tail in self._tails.values() if tail.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _drop(self, job_id: str, tail: _Tail) -> None:
        if self._tails.get(job_id) is tail:
            del self._tails[job_id]
        if tail.task is not None:
            tail.task.cancel()

    async def _follow(self, job_id: str, tail: _Tail) -> None:
        try:
            while not tail.is_over:
                try:
                    await self._read(job_id, tail)
                except Exception as error:
                    if not is_away(error):
                        raise
                    # Whoever looks is told nothing: what is there comes when the database does.
                    await asyncio.sleep(_AWAY_SECONDS)
        except Exception as error:  # noqa: BLE001  # whoever looks is told
            tail.error = error
        finally:
            tail.tell()

    async def _read(self, job_id: str, tail: _Tail) -> None:
        rows: AsyncGenerator[Any, None] = self._client.read_stream_async(
            job_id, STREAM, offset=len(tail.rows), polling_interval_sec=self._poll_seconds
        )
        async with aclosing(rows):
            async for row in rows:
                tail.rows.append(row)
                tail.tell()
        tail.is_over = True
