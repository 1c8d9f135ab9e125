"""Jobs as lines of text for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from loop_client.display_text import cleaned, one_line, token_text
from loop_client.jobs import Job, JobCall, JobRound

_TEXT: Final = 60
_LINE: Final = 160


def list_lines(jobs: Sequence[Job]) -> Iterator[str]:
    """One line for each job, the columns below each other."""
    width = max((len(job.id) for job in jobs), default=0)
    for job in jobs:
        words = job.text or ("" if job.error is None else job.error.message)
        line = (
            f"{job.id:<{width}}  {job.status:<9}  {_time(job.created_at)}  {job.model or ''}  {one_line(words, _TEXT)}"
        )
        yield cleaned(line.rstrip())


def job_lines(job: Job) -> Iterator[str]:
    """Everything that matters of a job: times, rounds, calls, the answer."""
    yield f"{job.id}: {job.status}" + ("" if job.finish_reason is None else f" ({job.finish_reason})")
    yield f"  started by {one_line(job.owner, _TEXT)}, {_time(job.created_at)}" + (
        "" if job.finished_at is None else f", ended {_time(job.finished_at)}"
    )
    if job.retry_of is not None:
        yield f"  goes on with {job.retry_of} (attempt {job.attempt})"
    cost = "" if job.cost is None else f", cost {job.cost:g}"
    rounds = f"{len(job.rounds)} round{'' if len(job.rounds) == 1 else 's'}"
    yield f"  model {cleaned(job.model or 'not known')}, {rounds}, {token_text(job.usage)}{cost}"
    for item in job.rounds:
        yield from _round_lines(item)
    if job.error is not None:
        error_id = "" if job.error_id is None else f" [{job.error_id}]"
        yield f"error {job.error.code}: {one_line(job.error.message, _LINE)}{error_id}"
    if job.text:
        yield ""
        yield cleaned(job.text)


def waiting_lines(job_id: str, calls: Sequence[JobCall]) -> Iterator[str]:
    """What somebody may do about calls that wait."""
    for call in calls:
        ways = "--approve or --deny" if call.kind == "approval" else "--value JSON, --text TEXT or --error TEXT"
        yield f"{one_line(call.tool_name, _TEXT)} waits: loop-client jobs answer {job_id} {call.call_id} {ways}"


def _round_lines(item: JobRound) -> Iterator[str]:
    yield f"round {item.number}: {item.finish_reason or _progress(item)}"
    for call in item.calls:
        attempt = f" (attempt {call.attempt})" if call.attempt > 1 else ""
        head = f"  {one_line(call.tool_name, _TEXT)} [{one_line(call.call_id, _TEXT)}] {call.state}{attempt}"
        yield f"{head} {one_line(call.arguments_text, _TEXT)}"
        result = call.output if call.error_code is None else f"{call.error_code}: {call.error_text or ''}"
        if result is not None:
            yield f"    {one_line(result, _LINE)}"


def _progress(item: JobRound) -> str:
    if item.restart is None:
        return "the model answers"
    again, error = item.restart, one_line(item.restart.error.message, _LINE)
    return f"the model is asked again (attempt {again.attempt}) at {_time(again.at)}, because {error}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
