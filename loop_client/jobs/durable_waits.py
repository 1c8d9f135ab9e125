"""The jobs of this process that wait for somebody, and those among them that were not told of their answer."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from dbos import DBOSClient

from loop_client.jobs.durable_store import ANSWER, INBOX
from loop_client.jsontext import dumps

WAKE: Final = dumps({"wake": True})
"""A message that is no answer: who waits looks up, finds what is there, and waits on."""
_LOOK_BACK: Final = 15.0
_LISTENER_SECONDS: Final = 2.0
"""DBOS's listener waits for one before it connects again; a job that is woken earlier would not hear it either."""
_BETWEEN: Final = "/answer/"

_log: Final = logging.getLogger("loop_client.jobs")


def answer_id(job_id: str, token: str) -> str:
    """The id of the workflow that takes the answer to a waiting call: there is one, so the first answer counts."""
    return f"{job_id}{_BETWEEN}{token}"


@dataclass(frozen=True, slots=True, eq=False)
class _Wait:
    since: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class _Missed:
    """An answer that came in a wait, which did not end."""

    wait: _Wait
    since: float
    """``time.monotonic()`` when that was noticed, or the job woken last."""


class Waits:
    """The jobs that wait here.

    PostgreSQL tells DBOS's listener of a new message, once. One that comes while the listener's connection is gone (the
    database restarted, the network cut it) is in its table, but DBOS looks there only after a minute. ``wake_missed``
    looks earlier.
    """

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}
        self._missed: dict[str, _Missed] = {}

    def __len__(self) -> int:
        """How many jobs wait."""
        return len(self._waits)

    @contextlib.contextmanager
    def of(self, job_id: str) -> Iterator[None]:
        """Take note of a job for as long as it waits; in any thread."""
        wait = self._waits[job_id] = _Wait(time.time())
        try:
            yield
        finally:
            if self._waits.get(job_id) is wait:
                del self._waits[job_id]

    async def wake_missed(self, client: DBOSClient) -> None:
        """Wake every job that was sent an answer while it waited, and waits still though the listener had its time."""
        waits, before, now = self._waits.copy(), self._missed, time.monotonic()
        self._missed = {}
        if not waits:
            return
        since = datetime.fromtimestamp(time.time() - _LOOK_BACK, UTC).isoformat()
        answers = await client.list_workflows_async(
            name=ANSWER, status="SUCCESS", completed_after=since, load_input=False, load_output=False
        )
        for answer in answers:
            job_id = answer.workflow_id.partition(_BETWEEN)[0]
            wait = waits.get(job_id)
            # One that began to wait later has looked into the table itself.
            if wait is None or answer.completed_at is None or wait.since > answer.completed_at / 1000:
                continue
            missed = before.get(answer.workflow_id)
            if missed is None or missed.wait is not wait:
                missed = _Missed(wait, now)
            elif now > missed.since + _LISTENER_SECONDS:
                _log.warning("job %s was not told of its answer, and is woken", job_id)
                await client.send_async(job_id, WAKE, topic=INBOX)
                missed = _Missed(wait, now)
            self._missed[answer.workflow_id] = missed
