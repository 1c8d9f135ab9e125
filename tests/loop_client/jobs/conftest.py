"""The engines under test: each test of their common behaviour runs with every one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from loop_client.jobs import JobEngine, JobRuntime, JobSettings, open_jobs
from tests.loop_client.jobs.stage import Stage
from tests.postgres import PostgresServer, postgres_server

Opening: TypeAlias = Callable[..., AbstractAsyncContextManager[JobEngine]]


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server of PostgreSQL."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.needs_postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where the jobs of the test are kept."""
    match request.param:
        case "memory":
            yield "memory"
        case "sqlite":
            yield f"sqlite:///{tmp_path}/jobs.db"
        case _:
            with request.getfixturevalue("postgres").database() as url:
                yield url


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
