"""Picks the engine that the settings ask for."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from loop_client.errors import ConfigurationError
from loop_client.extras import missing_extra
from loop_client.jobs.engine import JobEngine
from loop_client.jobs.memory import MemoryJobs
from loop_client.jobs.runtime import JobRuntime
from loop_client.jobs.settings import JobSettings


def job_engine(settings: JobSettings, runtime: JobRuntime) -> JobEngine:
    """The engine, not yet open.

    Raises:
        ConfigurationError: the extra ``jobs`` is needed and not installed, or the settings cannot work.
    """
    if settings.store == "memory":
        if settings.role != "all":
            raise ConfigurationError("jobs.role: with store = memory there is only this process, which does all")
        return MemoryJobs(runtime, settings)
    try:
        from loop_client.jobs.durable import DurableJobs
    except ModuleNotFoundError as error:
        raise missing_extra("jobs", error) from None
    return DurableJobs(runtime, settings)


@asynccontextmanager
async def open_jobs(settings: JobSettings, runtime: JobRuntime) -> AsyncGenerator[JobEngine, None]:
    """The engine that the settings ask for, open for as long as the block runs.

    Raises:
        ConfigurationError: as ``job_engine``.
    """
    engine = job_engine(settings, runtime)
    await engine.open()
    try:
        yield engine
    finally:
        await engine.aclose()
