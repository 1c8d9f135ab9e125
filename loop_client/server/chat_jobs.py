"""Chats whose runs are jobs: a page may leave in the middle, come back, and find the answer."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from loop_client.errors import ConfigurationError
from loop_client.event_base import json_fields
from loop_client.jobs import AnswerConflict, Job, JobAnswer, JobEngine, JobNotFound, JobSpec
from loop_client.jsontext import JsonObject
from loop_client.server.chat_request import ChatRequest
from loop_client.server.job_ui import chat_metadata
from loop_client.server.runs import Plan, Runs
from loop_client.suspend import outside_tool_to_json
from loop_client.tools import Tool
from loop_client.ui import BroughtAnswer

_RANDOM_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Watched:
    """A job that a page is shown."""

    job: Job
    answered: frozenset[str] = frozenset()
    """Tokens of the calls that it has answered."""


class ChatJobs:
    """The jobs behind the chats of a service. The latest job of a chat is what a page that comes back is shown."""

    def __init__(self, engine: JobEngine, runs: Runs) -> None:
        self._engine = engine
        self._runs = runs

    async def begin(self, asked: ChatRequest, plan: Plan, owner: str) -> Job:
        """Start a job for what a page asks. One of the same chat that is not over is cancelled: the page has gone on.

        Raises:
            JobError: it cannot be a job.
            ConfigurationError: the ``prepare`` hook gave tools with code, which no other process would have.
        """
        spec = self._spec(asked, plan)
        prefix = _prefix(owner, asked.chat_id)
        latest = await self._engine.list(owner, limit=1, prefix=prefix)
        # Begun first: where that is refused, what goes on is not given up.
        job = await self._engine.start(spec, owner=owner, job_id=f"{prefix}{secrets.token_hex(_RANDOM_BYTES)}")
        for before in latest:
            if not before.is_over:
                await self._engine.cancel(before.id, owner=owner)
        return job

    async def latest(self, owner: str, chat_id: str) -> Job | None:
        """The chat's latest job; None where it has none."""
        for job in await self._engine.list(owner, limit=1, prefix=_prefix(owner, chat_id)):
            return await self._engine.get(job.id, owner=owner)
        return None

    async def find(self, run_id: str, owner: str) -> Job | None:
        """The job that a waiting call names as its run; None where that is no job."""
        try:
            return await self._engine.get(run_id, owner=owner)
        except JobNotFound:
            return None

    async def take(self, job: Job, answers: Iterable[JobAnswer]) -> Watched:
        """Take answers to the job's calls. One to a call that has its answer changes nothing, as when a page sends
        again what it did not see the end of.

        Raises:
            JobError: one is refused, or none of them is for a call of the job.
        """
        given = tuple(answers)
        refused: list[AnswerConflict] = []
        for answer in given:
            try:
                await self._engine.answer(job.id, [answer], owner=job.owner)
            except AnswerConflict as conflict:
                refused.append(conflict)
        if len(refused) == len(given) and not await self._knows(job, given):
            raise refused[0]
        return Watched(job, frozenset(answer.token for answer in given if answer.token is not None))

    async def take_one(self, job: Job, answer: JobAnswer) -> Watched:
        """Take an answer that came by itself.

        Raises:
            JobError: it is refused, also where the call has one.
        """
        await self._engine.answer(job.id, [answer], owner=job.owner)
        return Watched(job, frozenset() if answer.token is None else frozenset({answer.token}))

    async def _knows(self, job: Job, answers: tuple[JobAnswer, ...]) -> bool:
        """Whether any of these was for a call as it was put to somebody."""
        tokens = {answer.token for answer in answers}
        latest = await self._engine.get(job.id, owner=job.owner)
        async with aclosing(self._engine.events(job.id, owner=job.owner)) as events:
            async for event in events:
                if event.data.get("token") in tokens:
                    return True
                if latest.last_event is None or event.id >= latest.last_event:
                    break
        return False

    def _spec(self, asked: ChatRequest, plan: Plan) -> JobSpec:
        prepared = plan.prepared
        return JobSpec(
            messages=tuple(self._runs.history(asked, prepared)),
            profile=prepared.profile,
            model=prepared.model,
            outside_tools=tuple(_as_json(tool) for tool in plan.tools),
            tool_choice=prepared.tool_choice,
            limits=None if prepared.limits is None else json_fields(prepared.limits),
            options=dict(prepared.options or {}),
            credentials=dict(prepared.credentials),
            metadata={**prepared.metadata, **chat_metadata(asked.continues)},
        )


def as_job_answer(brought: BroughtAnswer) -> JobAnswer:
    """An answer that a page brought, as jobs take it."""
    values = {"value": brought.value} if brought.outcome == "value" else {}
    is_decision = brought.outcome in {"approved", "denied"}
    return JobAnswer(
        brought.call_id,
        **values,
        error=(brought.text or "") if brought.outcome == "error" else None,
        approved=brought.outcome == "approved" if is_decision else None,
        reason=brought.text if is_decision else None,
        tool_name=brought.tool_name,
        token=brought.token,
    )


def _as_json(tool: Tool) -> JsonObject:
    if tool.handler is not None or tool.on_answer is not None:
        raise ConfigurationError(
            f"tool {tool.name} has code, and a job may run in another process: give it to the client of a profile"
        )
    return outside_tool_to_json(tool)


def _prefix(owner: str, chat_id: str | None) -> str:
    """With what the ids of a chat's jobs begin. A chat without a name is one that nobody comes back to."""
    if chat_id is None:
        return f"chat_{secrets.token_hex(12)}_"
    digest = hashlib.sha256()
    for field in (owner, chat_id):
        data = field.encode("utf-8", errors="surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return f"chat_{digest.hexdigest()[:24]}_"
