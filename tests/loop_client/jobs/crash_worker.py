"""A worker process of the crash tests: says that it is ready, and runs jobs until it is killed."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Literal

from loop_client import Tool, ToolContext, tool
from loop_client.jobs import JobRuntime, JobSettings, open_jobs
from tests.loop_client.jobs.stage import JobClient, RuleModel


class Log:
    """What tools did, as lines of a file that survives any kill."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def write(self, what: str, key: str, attempt: int) -> None:
        """One line, whole or not at all."""
        line = json.dumps({"what": what, "key": key, "attempt": attempt, "pid": os.getpid(), "time": time.time()})
        os.write(self._file, line.encode() + b"\n")


def tools_over(log: Log, longest: float) -> list[Tool]:
    """Tools that may be repeated, must not be, and wait for somebody."""

    async def work(context: ToolContext, n: int) -> str:
        log.write("start", context.idempotency_key, context.attempt)
        await asyncio.sleep(random.uniform(0, longest))
        log.write("end", context.idempotency_key, context.attempt)
        return f"result of {context.call_id} for {n}"

    @tool(idempotent=True)
    async def again(context: ToolContext, n: int = 0) -> str:
        """May be repeated."""
        return await work(context, n)

    @tool
    async def never(context: ToolContext, n: int = 0) -> str:
        """Must not be repeated."""
        return await work(context, n)

    @tool(on_interrupted="ask")
    async def asked(context: ToolContext, n: int = 0) -> str:
        """Is repeated if somebody says so."""
        return await work(context, n)

    @tool(deferred=True)
    async def human(n: int = 0) -> None:
        """Is answered from outside."""

    return [again, never, asked, human]


def runtime_of(log: Path, longest: float) -> JobRuntime:
    """What the processes of the crash tests run jobs with."""

    def slow(request: object) -> object:
        return asyncio.sleep(random.uniform(0, longest / 2))

    return JobRuntime(JobClient(RuleModel(before=slow), tools_over(Log(log), longest)))


def settings_of(store: str, role: Literal["all", "api", "worker"]) -> JobSettings:
    """Quick enough for a test."""
    return JobSettings(store=store, role=role, event_seconds=0.02, poll_seconds=0.05, sweep_seconds=0.5)


async def main() -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("log", type=Path)
    parser.add_argument("--longest", type=float, default=0.15)
    given = parser.parse_args()
    async with open_jobs(settings_of(given.store, "worker"), runtime_of(given.log, given.longest)):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)  # until whoever started this ends


if __name__ == "__main__":
    asyncio.run(main())
