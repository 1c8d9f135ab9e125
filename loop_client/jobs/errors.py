"""What the job engines raise."""

from __future__ import annotations

from typing import ClassVar, Final

from loop_client.errors import LoopClientError


class JobError(LoopClientError):
    """Base of everything that is refused about a job; the text may be shown to whoever asked."""

    code: ClassVar[str] = "INVALID_REQUEST"
    """What a service calls it."""
    status: ClassVar[int] = 400
    """Of the response with which a service refuses so."""


class JobNotFound(JobError):
    """There is no such job, or it belongs to somebody else: nobody is told which."""

    code = "JOB_NOT_FOUND"
    status = 404


class CallNotFound(JobNotFound):
    """The job has no such call."""

    code = "UNKNOWN_CALL"


class JobConflict(JobError):
    """The job is not in a state for this: it is over, or the key was used for another job."""

    code = "JOB_CONFLICT"
    status = 409


class AnswerConflict(JobConflict):
    """The call has its answer, or the answer was made for other arguments."""

    code = "ANSWER_CONFLICT"


class InvalidAnswer(JobError):
    """The answer does not fit the call; it may be given again, mended."""

    code = "INVALID_TOOL_RESULT"


class InvalidJob(JobError):
    """What was asked for cannot be a job; the text says why."""

    code = "INVALID_JOB"


class QueueFull(JobError):
    """So many jobs wait to begin that no other is taken now; it may be asked for again later."""

    code = "QUEUE_FULL"
    status = 429


class StoreUnavailable(JobError):
    """The database of the jobs cannot be reached; nothing is known of what was asked for, and it may be asked again."""

    code = "STORE_UNAVAILABLE"
    status = 503


JOB_ERRORS: Final[dict[str, type[JobError]]] = {
    kind.code: kind
    for kind in (
        InvalidJob,
        InvalidAnswer,
        JobNotFound,
        CallNotFound,
        JobConflict,
        AnswerConflict,
        QueueFull,
        StoreUnavailable,
    )
}
"""Each kind of refusal by its code."""
