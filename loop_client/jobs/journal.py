"""What one execution of a job needs of whoever keeps it: work done once, events told in order, answers received."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Protocol, TypeAlias

from loop_client.jsontext import JsonObject

Tell: TypeAlias = Callable[[JsonObject], Awaitable[None]]
"""Tells an event from within recorded work. If the work is interrupted and done again, it is told again."""

Work: TypeAlias = Callable[[Tell], Awaitable[JsonObject]]
"""Gives what is to be recorded."""


class Entry(Protocol):
    """A place in the record that was taken before it is written to, so that it is found again in any order."""

    async def once(self, work: Work) -> JsonObject:
        """As ``Journal.once``; from any task."""
        ...


class Journal(Protocol):
    """The record of one job, seen by the execution that has it now.

    Another execution that finds the same record is given what was recorded, if it asks in the same order.
    """

    job_id: str
    execution: str
    """Different for every execution."""

    async def once(self, name: str, work: Work) -> JsonObject:
        """What is recorded here; where nothing is, do the work and record what it gives. Not from a task."""
        ...

    def enter(self, name: str) -> Entry:
        """Take the next place in the record. Not from a task."""
        ...

    async def tell(self, data: JsonObject) -> None:
        """Tell an event exactly once, after everything recorded before. Not from a task."""
        ...

    async def told(self) -> Sequence[JsonObject]:
        """Every event told so far, those of earlier executions too; only from within recorded work."""
        ...

    async def first(self, tasks: Sequence[asyncio.Task[Any]]) -> Collection[int]:
        """Wait until one of the tasks has ended; which ones have. That is recorded, too. Not from a task."""
        ...

    async def receive(self) -> JsonObject:
        """The next message for this job, each once, in order. Not from a task."""
        ...
