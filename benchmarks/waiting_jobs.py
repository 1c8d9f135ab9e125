"""Jobs that wait for somebody: what each costs in memory and on disk, and how long a restart takes until all wait.

Run it from the repository: `python -m benchmarks.waiting_jobs [--jobs 1000] [--store postgresql://…]`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import os
import tempfile
import time
from collections.abc import AsyncGenerator
from multiprocessing.connection import Connection
from pathlib import Path

from loop_client import LoopClient, tool
from loop_client.chat_stream import ChatStream, ModelAnswer, StreamEvent
from loop_client.jobs import JobRuntime, JobSettings, JobSpec, open_jobs
from loop_client.jobs.durable_worker import worker_here
from loop_client.model_request import Model, ModelRequest

OWNER = "benchmark"


class AskingModel:
    """Calls the human at once."""

    async def call(self, request: ModelRequest) -> AsyncGenerator[StreamEvent | ModelAnswer, None]:
        """As a transport does it."""
        stream = ChatStream(request.round, set(), lambda: "call_1")
        function = {"name": "human", "arguments": '{"question": "May I?"}'}
        delta = {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}
        for event in stream.feed(json.dumps({"choices": [{"delta": delta, "finish_reason": "tool_calls"}]})):
            yield event
        late, answer = stream.close()
        for event in late:
            yield event
        yield answer


class AskingClient(LoopClient):
    """A client of that model."""

    @property
    def transport(self) -> Model:
        """The model."""
        return AskingModel()


@tool(deferred=True)
async def human(question: str) -> None:
    """Ask a human.

    Args:
        question: What is asked.
    """


def runtime() -> JobRuntime:
    """What the jobs run with."""
    client = AskingClient(base_url="http://127.0.0.1:9/v1", model="none", tools=[human], secret="of no importance")  # noqa: S106
    return JobRuntime(client)


def memory() -> int:
    """Bytes that this process has in memory."""
    with Path("/proc/self/statm").open(encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def process_seconds() -> float:
    """Seconds of CPU that this process has used."""
    return time.process_time()


async def work(store: str, jobs: int, answers: Connection) -> None:
    """Open the engine, have all jobs wait, and tell what that took."""
    settings = JobSettings(store=store, poll_seconds=1.0, open_jobs=jobs + 100, queue_length=jobs + 100)
    began = time.monotonic()
    async with open_jobs(settings, runtime()) as engine:
        ready, before, cpu = time.monotonic() - began, memory(), process_seconds()
        for number in range(jobs):
            await engine.start(JobSpec.of("Ask."), owner=OWNER, job_id=f"waiting-{number}")
        worker = worker_here()
        if worker is None:
            raise RuntimeError("the engine is open, and there is no worker")
        while worker.waiting < jobs:  # noqa: ASYNC110  # a worker tells nobody
            await asyncio.sleep(0.05)
        seconds, used = time.monotonic() - began, process_seconds() - cpu
        await asyncio.sleep(1.0)
        answers.send({"ready": ready, "seconds": seconds, "cpu": used, "bytes": (memory() - before) / jobs})
        idle, since = process_seconds(), time.monotonic()
        await asyncio.sleep(5.0)
        answers.send({"idle": (process_seconds() - idle) / (time.monotonic() - since)})
        await asyncio.sleep(3600)


def run(store: str, jobs: int, answers: Connection) -> None:
    """A process of its own, so that it can be killed."""
    logging.disable(logging.WARNING)
    asyncio.run(work(store, jobs, answers))


def measured(store: str, jobs: int) -> dict[str, float]:
    """Run a process until all jobs wait, and kill it."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=run, args=(store, jobs, there))
    process.start()
    there.close()
    try:
        return {**here.recv(), **here.recv()}
    finally:
        process.kill()
        process.join()


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--store", help="sqlite:///path or postgresql://…; a SQLite file that is deleted by default")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = given.store or f"sqlite:///{folder}/jobs.db"
        first = measured(store, given.jobs)
        again = measured(store, given.jobs)
        print(f"jobs that wait:                    {given.jobs}")
        each = {name: values["cpu"] / given.jobs * 1000 for name, values in (("first", first), ("again", again))}
        print(f"until all wait, from nothing:      {first['seconds']:.1f} s ({each['first']:.1f} ms CPU each)")
        print(f"memory per waiting job:            {first['bytes'] / 1024:.1f} KiB")
        print(f"CPU while all wait:                {first['idle']:.1%}")
        print(f"restart after kill -9, ready:      {again['ready']:.1f} s")
        print(f"restart, until all wait again:     {again['seconds']:.1f} s ({each['again']:.1f} ms CPU each)")
        print(f"memory per job after the restart:  {again['bytes'] / 1024:.1f} KiB")
        if given.store is None:
            size = sum(path.stat().st_size for path in Path(folder).glob("jobs.db*"))
            print(f"disk per job:                      {size / given.jobs / 1024:.1f} KiB")


if __name__ == "__main__":
    main()
