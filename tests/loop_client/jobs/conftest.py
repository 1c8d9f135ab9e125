"""The engines under test: each test of their common behaviour runs with every one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from loop_client.jobs import JobEngine, JobRuntime, JobSettings, open_jobs
from tests.loop_client.jobs.stage import Stage

Opening: TypeAlias = Callable[..., AbstractAsyncContextManager[JobEngine]]


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the jobs of the test are kept."""
    return "memory" if request.param == "memory" else f"sqlite:///{tmp_path}/jobs.db"


@pytest.fixture
def opening(store: str) -> Opening:
    """Opens an engine over the store."""

    def make(runtime: JobRuntime, **settings: Any) -> AbstractAsyncContextManager[JobEngine]:
        return open_jobs(JobSettings(store=store, event_seconds=0.01, poll_seconds=0.02, **settings), runtime)

    return make


@pytest.fixture
async def engine(stage: Stage, opening: Opening) -> AsyncIterator[JobEngine]:
    async with opening(stage.runtime()) as made:
        yield made
