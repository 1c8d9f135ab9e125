"""How much one process works on at once: jobs that work, and calls of single tools."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping


class Gates:
    """What all jobs of a process share; belongs to the event loop that the engine works in."""

    def __init__(self, concurrency: int, tools: Mapping[str, int]) -> None:
        self._jobs = asyncio.Semaphore(concurrency)
        self._tools = {name: asyncio.Semaphore(count) for name, count in tools.items()}

    def gate(self) -> Gate:
        """For one job."""
        return Gate(self._jobs, self._tools)


class Gate:
    """One job's way to work: it enters before it does anything, and leaves when it waits for somebody."""

    def __init__(self, jobs: asyncio.Semaphore, tools: Mapping[str, asyncio.Semaphore]) -> None:
        self._jobs = jobs
        self._tools = tools
        self._is_in = False
        self._lock = asyncio.Lock()

    async def enter(self) -> None:
        """Wait until the job may work."""
        async with self._lock:
            if not self._is_in:
                await self._jobs.acquire()
                self._is_in = True

    def leave(self) -> None:
        """Let another job work."""
        if self._is_in:
            self._is_in = False
            self._jobs.release()

    def tool(self, name: str) -> asyncio.Semaphore | None:
        """What bounds the calls of a tool, if anything does."""
        return self._tools.get(name)
