"""What an engine refuses about a job, as a response."""

from __future__ import annotations

from typing import Final

from loop_client.jobs import (
    AnswerConflict,
    CallNotFound,
    InvalidAnswer,
    InvalidJob,
    JobConflict,
    JobError,
    JobNotFound,
    QueueFull,
    StoreUnavailable,
)
from loop_client.server.problems import Problem

RETRY_AFTER_SECONDS: Final = 5
"""When to ask again while the queue is full or the store away: a worker takes up jobs in less, if it has room."""

_ANSWERS: Final[tuple[tuple[type[JobError], int, str], ...]] = (
    # A kind stands before the kinds it is one of.
    (InvalidJob, 400, "INVALID_JOB"),
    (InvalidAnswer, 400, "INVALID_TOOL_RESULT"),
    (CallNotFound, 404, "UNKNOWN_CALL"),
    (JobNotFound, 404, "JOB_NOT_FOUND"),
    (AnswerConflict, 409, "ANSWER_CONFLICT"),
    (JobConflict, 409, "JOB_CONFLICT"),
    (QueueFull, 429, "QUEUE_FULL"),
    (StoreUnavailable, 503, "STORE_UNAVAILABLE"),
)


def job_problem(error: JobError) -> Problem:
    """The response that tells of a refusal."""
    status, code = next(
        ((status, code) for kind, status, code in _ANSWERS if isinstance(error, kind)), (400, "INVALID_REQUEST")
    )
    headers = {"retry-after": str(RETRY_AFTER_SECONDS)} if status in {429, 503} else None
    return Problem(status, code, str(error), headers=headers)
