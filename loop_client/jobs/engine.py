"""What every job engine does, whoever keeps its jobs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol, runtime_checkable

from loop_client.jobs.answer import JobAnswer
from loop_client.jobs.job import Job, JobCounts, JobEvent, JobStatus
from loop_client.jobs.spec import JobSpec


class JobEngine(Protocol):
    """Runs jobs that outlive whoever asked for them.

    Every job belongs to an owner; for anybody else it is not there. Where jobs are kept in a database, everything may
    also raise ``StoreUnavailable``.
    """

    async def open(self) -> None:
        """Begin to work, on this event loop. Called once, before anything else."""
        ...

    async def aclose(self) -> None:
        """Stop working. Jobs that are kept elsewhere go on there, or when somebody opens an engine again."""
        ...

    async def start(
        self, spec: JobSpec, *, owner: str, idempotency_key: str | None = None, job_id: str | None = None
    ) -> Job:
        """Begin a job.

        Args:
            spec: What it is about.
            owner: Whose it is.
            idempotency_key: The same key of the same owner gives the same job, however often it is asked for.
            job_id: Instead of a new one: up to 64 letters, digits, ``_``, ``-``. One that the owner has used for the
                same job gives that job.

        Raises:
            InvalidJob: it cannot be run here.
            JobConflict: key or id were used for another job.
            QueueFull: too many jobs wait already.
        """
        ...

    async def get(self, job_id: str, *, owner: str) -> Job:
        """The job as it is now.

        Raises:
            JobNotFound: there is none of that id, or not of this owner.
        """
        ...

    async def is_over(self, job_id: str, *, owner: str) -> bool:
        """Whether nothing more will happen to the job; all that is looked at is that, so it costs less than ``get``.

        Raises:
            JobNotFound: there is none of that id, or not of this owner.
        """
        ...

    async def list(
        self,
        owner: str,
        status: JobStatus | None = None,
        limit: int = 50,
        before: str | None = None,
        prefix: str | None = None,
    ) -> Sequence[Job]:
        """The owner's jobs, the latest first, without their rounds and histories.

        Args:
            owner: Whose.
            status: Only those that are so now.
            limit: At most so many, 1 to 200.
            before: Only those older than the job of this id, to turn pages.
            prefix: Only those whose ids begin so.

        Raises:
            JobNotFound: there is no job ``before`` of this owner.
        """
        ...

    def events(self, job_id: str, *, owner: str, after: int | None = None) -> AsyncGenerator[JobEvent, None]:
        """What happened, and what happens from now on; ends after the last event of all, ``job-end``.

        Args:
            job_id: Of the job.
            owner: Whose.
            after: Only events with a higher id; None for all.

        Raises:
            JobNotFound: when the first event is asked for: there is no such job of this owner.
        """
        ...

    async def answer(self, job_id: str, answers: Sequence[JobAnswer], *, owner: str) -> Job:
        """Take answers to calls that wait: all of them, or none where one is refused at once. The first answer to a
        call counts.

        Raises:
            JobNotFound: no such job of this owner, or (``CallNotFound``) no such call.
            AnswerConflict: a call has its answer, or the answer is for other arguments.
            InvalidAnswer: an answer does not fit its call.
        """
        ...

    async def cancel(self, job_id: str, *, owner: str) -> Job:
        """End a job now; a running async tool is cancelled. A job that is over stays as it is.

        Raises:
            JobNotFound: no such job of this owner.
        """
        ...

    async def retry(self, job_id: str, *, owner: str, from_round: int | None = None) -> Job:
        """Make a new job of one that is over: it goes on behind what was recorded, which is not run again.

        Args:
            job_id: Of the job; it stays as it is.
            owner: Whose.
            from_round: Keep only what was recorded before this round; None to keep all of a cancelled job, and of a
                failed one all but the round that failed.

        Raises:
            JobNotFound: no such job of this owner.
            JobConflict: it is not over, is completed and no round is named, or has no such round.
        """
        ...


@runtime_checkable
class JobCounter(Protocol):
    """An engine that keeps its jobs itself, and can tell how many there are."""

    def counts(self) -> JobCounts:
        """How many jobs are not over, whoever's they are. Blocking; from any thread.

        Raises:
            Exception: whatever the store raises while it is away.
        """
        ...
