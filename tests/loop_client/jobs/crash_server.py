"""A whole web service that takes and runs jobs, as one process of the crash tests."""

from __future__ import annotations

import argparse
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from loop_client.jobs import open_jobs
from tests.loop_client.jobs.crash_worker import runtime_of, settings_of


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("log", type=Path)
    parser.add_argument("--longest", type=float, default=0.15)
    given = parser.parse_args()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None, None]:
        async with open_jobs(settings_of(given.store, "all"), runtime_of(given.log, given.longest)):
            print("ready", flush=True)
            yield

    uvicorn.run(Starlette(lifespan=lifespan), host="127.0.0.1", port=0, log_level="warning")


if __name__ == "__main__":
    main()
