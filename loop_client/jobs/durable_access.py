"""Asks the database of durable jobs, and asks again while it is away for a moment."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from dbos import DBOSClient
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from loop_client.jobs.errors import StoreUnavailable

Returned = TypeVar("Returned")

_PATIENCE: Final = 15.0
"""Seconds for which a question waits for a database that is away: as long as one takes to start again."""
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 2.0

_log: Final = logging.getLogger("loop_client.jobs")


class Access:
    """The way to the database for everything but running jobs."""

    def __init__(self, client: DBOSClient) -> None:
        self._client = client
        self._running: set[asyncio.Future[Any]] = set()

    async def aclose(self) -> None:
        """Wait for what was asked and is not waited for any more: its thread has a connection."""
        if self._running:
            await asyncio.wait(self._running)

    async def ask(self, work: Callable[[DBOSClient], Returned]) -> Returned:
        """Do this with the client, in a thread. It may be done again after a failure, so it must not matter how often.

        Raises:
            StoreUnavailable: the database does not come back.
        """
        until, wait = time.monotonic() + _PATIENCE, _FIRST_WAIT
        while True:
            try:
                return await self._in_thread(work)
            except Exception as error:
                if not is_away(error):
                    raise
                if time.monotonic() + wait > until:
                    raise StoreUnavailable("the jobs cannot be reached now; try again later") from error
                _log.warning("the database of the jobs is away: %s", type(error).__name__)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _in_thread(self, work: Callable[[DBOSClient], Returned]) -> Returned:
        running = asyncio.ensure_future(asyncio.to_thread(work, self._client))
        self._running.add(running)
        running.add_done_callback(self._end)
        return await asyncio.shield(running)

    def _end(self, running: asyncio.Future[Any]) -> None:
        self._running.discard(running)
        if not running.cancelled():
            running.exception()  # looked at, in case nobody waits any more


def is_away(error: BaseException) -> bool:
    """Whether a database could not be reached, so that it may be asked again."""
    if isinstance(error, (OperationalError, InterfaceError, PoolTimeoutError)):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated
