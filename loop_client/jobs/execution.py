"""Runs a job once through its journal, from the beginning or from wherever the record ends."""

from __future__ import annotations

import logging
from contextlib import aclosing
from typing import Final

from loop_client.errors import ErrorDetail
from loop_client.events import AnyEvent, RunFinish
from loop_client.jobs.errors import InvalidJob
from loop_client.jobs.gate import Gate
from loop_client.jobs.journal import Journal
from loop_client.jobs.place import Place
from loop_client.jobs.runtime import JobInfo, JobRuntime
from loop_client.jobs.settings import JobSettings
from loop_client.jobs.steps import JobSteps
from loop_client.jsontext import JsonObject
from loop_client.loop import run_loop
from loop_client.usage import Usage

_log: Final = logging.getLogger("loop_client.jobs")


async def run_job(
    job: JobInfo, journal: Journal, runtime: JobRuntime, place: Place, gate: Gate, settings: JobSettings
) -> JsonObject:
    """Run a job to its end, and tell of every step. Gives the JSON form of its ``RunFinish``, history included."""
    finish: RunFinish | None = None
    try:
        values = await place.run(lambda: _values(job, runtime))
        spec = runtime.run_spec(job.spec, journal.job_id, values)
        steps = JobSteps(journal, runtime.model(job.spec), place, gate, settings)
        async with aclosing(run_loop(spec, steps)) as events:
            async for event in events:
                if isinstance(event, RunFinish):
                    finish = event
                await journal.tell(_shown(event))
    except InvalidJob as error:
        # Deployed anew without the profile: the owner is told, and may try again when it is back.
        _log.exception("job %s cannot be run here", job.id)
        refused = _refused(journal.job_id, str(error))
        await journal.tell(refused)
        return refused
    finally:
        gate.leave()
    assert finish is not None, "a run ends with a RunFinish"  # noqa: S101  # the loop's own promise
    await journal.once("finish", lambda tell: place.run(lambda: _told(job, runtime, finish)))
    return finish.to_json()


async def _values(job: JobInfo, runtime: JobRuntime) -> dict[str, object]:
    try:
        return dict(await runtime.values(job))
    except Exception as error:
        raise InvalidJob(f"what its tools need is not to be had: {type(error).__name__}") from error


async def _told(job: JobInfo, runtime: JobRuntime, finish: RunFinish) -> JsonObject:
    try:
        await runtime.on_finish(job, finish)
    except Exception:  # noqa: BLE001  # the job is done whatever the hook does; that it failed is for the operator
        _log.exception("on_finish failed for job %s", job.id)
    return {}


def _shown(event: AnyEvent) -> JsonObject:
    """The event as it is told. The history of a finish would be its second copy."""
    data = event.to_json()
    return {**data, "messages": []} if isinstance(event, RunFinish) else data


def _refused(job_id: str, text: str) -> JsonObject:
    error = ErrorDetail("invalid_job", text)
    return RunFinish(job_id, "error", "", (), Usage(), 0, 0, 0.0, error).to_json()
