"""Jobs: runs that go on when whoever asked for them leaves, and that survive a crash."""

from __future__ import annotations

from loop_client.jobs.answer import JobAnswer
from loop_client.jobs.engine import JobEngine
from loop_client.jobs.errors import (
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
from loop_client.jobs.job import CallState, Job, JobCall, JobCounts, JobEvent, JobRestart, JobRound, JobStatus
from loop_client.jobs.memory import MemoryJobs
from loop_client.jobs.opening import job_engine, open_jobs
from loop_client.jobs.remote import JobServiceError, RemoteJobs
from loop_client.jobs.runtime import JobInfo, JobRuntime
from loop_client.jobs.settings import JobSettings, read_jobs_table
from loop_client.jobs.spec import JobSpec

__all__ = [
    "AnswerConflict",
    "CallNotFound",
    "CallState",
    "InvalidAnswer",
    "InvalidJob",
    "Job",
    "JobAnswer",
    "JobCall",
    "JobConflict",
    "JobCounts",
    "JobEngine",
    "JobError",
    "JobEvent",
    "JobInfo",
    "JobNotFound",
    "JobRestart",
    "JobRound",
    "JobRuntime",
    "JobServiceError",
    "JobSettings",
    "JobSpec",
    "JobStatus",
    "MemoryJobs",
    "QueueFull",
    "RemoteJobs",
    "StoreUnavailable",
    "job_engine",
    "open_jobs",
    "read_jobs_table",
]
