"""What the job engines raise."""

from __future__ import annotations

from loop_client.errors import LoopClientError


class JobError(LoopClientError):
    """Base of everything that is refused about a job; the text may be shown to whoever asked."""


class JobNotFound(JobError):
    """There is no such job, or it belongs to somebody else: nobody is told which."""


class CallNotFound(JobNotFound):
    """The job has no such call."""


class JobConflict(JobError):
    """The job is not in a state for this: it is over, or the key was used for another job."""


class AnswerConflict(JobConflict):
    """The call has its answer, or the answer was made for other arguments."""


class InvalidAnswer(JobError):
    """The answer does not fit the call; it may be given again, mended."""


class InvalidJob(JobError):
    """What was asked for cannot be a job; the text says why."""


class QueueFull(JobError):
    """So many jobs wait to begin that no other is taken now; it may be asked for again later."""


class StoreUnavailable(JobError):
    """The database of the jobs cannot be reached; nothing is known of what was asked for, and it may be asked again."""
