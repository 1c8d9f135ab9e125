"""Follows the events of a job once for all who look at it in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from dbos import DBOSClient, error

from loop_client.jobs.durable_access import is_away
from loop_client.jobs.durable_store import STREAM

_AWAY_SECONDS: Final = 0.5
_LOOK_UP_SECONDS: Final = 1.0
"""How often whoever waits for the next event looks whether anybody still wants it."""


@dataclass(slots=True)
class _Tail:
    rows: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    viewers: int = 0
    error: BaseException | None = None
    is_over: bool = False
    is_left: bool = False
    """Whether nobody looks; it is followed on for a moment, in case somebody comes back."""

    def tell(self) -> None:
        news, self.news = self.news, asyncio.Event()
        news.set()


class Tails:
    """The streams that somebody looks at."""

    def __init__(self, client: DBOSClient, poll_seconds: float) -> None:
        self._client = client
        self._poll_seconds = poll_seconds
        self._tails: dict[str, _Tail] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def rows(self, job_id: str, number: int) -> AsyncGenerator[str, None]:
        """The rows from this one on; ends when the job is over and nothing more can come."""
        tail = self._tails.get(job_id) or self._begin(job_id)
        tail.viewers += 1
        tail.is_left = False
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
            tail.is_left = tail.viewers == 0

    async def aclose(self) -> None:
        """Follow nothing any more."""
        for tail in self._tails.values():
            tail.is_left = True
        # Not cancelled: the thread that reads would go on, and has a connection.
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, job_id: str) -> _Tail:
        tail = self._tails[job_id] = _Tail()
        task = asyncio.create_task(self._follow(job_id, tail))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return tail

    async def _follow(self, job_id: str, tail: _Tail) -> None:
        try:
            while not (tail.is_over or tail.is_left):
                try:
                    await self._read(job_id, tail)
                except error.DBOSStreamTimeoutError:
                    continue
                except Exception as failure:
                    if not is_away(failure):
                        raise
                    # Whoever looks is told nothing: what is there comes when the database does.
                    await asyncio.sleep(_AWAY_SECONDS)
        except Exception as failure:  # noqa: BLE001  # whoever looks is told
            tail.error = failure
        finally:
            if self._tails.get(job_id) is tail:
                del self._tails[job_id]
            tail.tell()

    async def _read(self, job_id: str, tail: _Tail) -> None:
        """Read on, until the job is over or nothing has come for a while."""
        rows: AsyncGenerator[Any, None] = self._client.read_stream_async(
            job_id,
            STREAM,
            offset=len(tail.rows),
            polling_interval_sec=self._poll_seconds,
            timeout_seconds=_LOOK_UP_SECONDS,
        )
        async with aclosing(rows):
            async for row in rows:
                tail.rows.append(row)
                tail.tell()
                if tail.is_left:
                    return
        tail.is_over = True
