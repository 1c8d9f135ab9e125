"""What the tests of jobs run with: a scripted model, tools that keep account of what they did, and ways to wait."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from loop_client import LoopClient, Tool, ToolContext, tool
from loop_client.chat_stream import ChatStream, ModelAnswer, StreamEvent
from loop_client.errors import ModelStreamError
from loop_client.jobs import Job, JobEngine, JobEvent, JobRuntime
from loop_client.model_request import Model, ModelRequest
from loop_client.steps import new_id
from tests.loop_client import fake_server
from tests.loop_client.fake_server import WAIT, delta, finish, history_problem, usage

OWNER = "ada"


@dataclass
class RuleModel:
    """A model that does in each round of a history what the user's message says, whoever asks and however often.

    The message is a JSON list of rounds, each a list of calls ``[id, name, arguments]``; after the last it answers.
    """

    requests: list[ModelRequest] = field(default_factory=list)
    before: Callable[[ModelRequest], Any] | None = None
    """May wait or raise."""

    async def call(self, request: ModelRequest) -> AsyncGenerator[StreamEvent | ModelAnswer, None]:
        """As a transport does it."""
        self.requests.append(request)
        problem = history_problem(request.messages)
        assert problem is None, problem
        asked = next(message for message in request.messages if message["role"] == "user")
        rounds = json.loads(asked["content"])
        done = sum(message["role"] == "assistant" for message in request.messages)
        taken = {item["id"] for message in request.messages for item in message.get("tool_calls") or ()}
        stream = ChatStream(request.round, taken, lambda: new_id("call"))
        chunks = [delta(role="assistant", content=f"words of round {done + 1}")]
        calls = rounds[done] if done < len(rounds) else []
        chunks += [fake_server.call(place, item[0], item[1], json.dumps(item[2])) for place, item in enumerate(calls)]
        chunks += [usage(10, 5), finish("tool_calls" if calls else "stop")]
        for place, chunk in enumerate(chunks):
            for event in stream.feed(json.dumps(chunk)):
                yield event
            if place == 0 and self.before is not None:
                came = self.before(request)
                if asyncio.iscoroutine(came):
                    await came
        late, answer = stream.close()
        for event in late:
            yield event
        yield answer


@dataclass
class Account:
    """What the tools did."""

    starts: Counter[str] = field(default_factory=Counter)
    """By idempotency key."""
    attempts: dict[str, list[int]] = field(default_factory=dict)
    was_cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled_at: float = 0.0
    answered: list[tuple[str, Any]] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    may_end: asyncio.Event | None = None
    """What ``hold`` waits for."""


def tools_over(account: Account) -> list[Tool]:  # noqa: C901  # one small function for every kind of behaviour
    @tool
    async def add(context: ToolContext, a: int = 1, b: int = 2) -> int:
        """Add two numbers."""
        account.starts[context.idempotency_key] += 1
        account.attempts.setdefault(context.idempotency_key, []).append(context.attempt)
        account.values.append(dict(context.values))
        context.report_progress(1, 1, "done")
        return a + b

    @tool
    async def hold(context: ToolContext) -> str:
        """Work until it is let go."""
        account.starts[context.idempotency_key] += 1
        try:
            if account.may_end is None:
                await asyncio.sleep(WAIT * 3)
            else:
                await account.may_end.wait()
        except asyncio.CancelledError:
            account.cancelled_at = asyncio.get_running_loop().time()
            account.was_cancelled.set()
            raise
        return "held"

    async def begun(context: ToolContext) -> str:
        key = context.idempotency_key.partition("/")[2]
        account.attempts.setdefault(key, []).append(context.attempt)
        if len(account.attempts[key]) == 1:
            await asyncio.sleep(WAIT * 3)
        return f"attempt {context.attempt}"

    @tool(idempotent=True)
    async def again(context: ToolContext) -> str:
        """Hang the first time; may be repeated."""
        return await begun(context)

    @tool(on_interrupted="ask")
    async def asks(context: ToolContext) -> str:
        """Hang the first time; may be repeated if somebody says so."""
        return await begun(context)

    @tool(needs_approval=lambda arguments: arguments["euros"] > 100)
    async def pay(context: ToolContext, euros: int) -> str:
        """Pay."""
        account.starts[context.idempotency_key] += 1
        return f"paid {euros}"

    def taken(context: ToolContext, value: Any, metadata: dict[str, Any]) -> Any:
        account.answered.append((context.idempotency_key, value))
        return {"seat": value}

    @tool(deferred=True, answer=str)
    async def ask_user(question: str = "") -> None:
        """Ask the user."""

    @tool(deferred=True, answer=str, on_answer=taken)
    async def choose_seat(row: int = 1) -> None:
        """Let the user choose a seat."""

    return [add, hold, again, asks, pay, ask_user, choose_seat]


class JobClient(LoopClient):
    """A client whose model is a scripted one."""

    def __init__(self, model: Model, tools: Sequence[Any], **settings: Any) -> None:
        settings = {"secret": "a secret of some length", **settings}
        super().__init__(base_url="http://127.0.0.1:9/v1", model="test/model", tools=tools, **settings)
        self._scripted = model

    @property
    def transport(self) -> Model:
        """The scripted model."""
        return self._scripted


@dataclass
class Stage:
    """A runtime and what it did."""

    model: RuleModel = field(default_factory=RuleModel)
    account: Account = field(default_factory=Account)

    def runtime(self, **settings: Any) -> JobRuntime:
        client = JobClient(self.model, tools_over(self.account), **settings.pop("client", {}))
        return JobRuntime(client, **settings)


def script(*rounds: list[list[Any]]) -> str:
    """A message that makes the model do so."""
    return json.dumps(rounds)


async def read(engine: JobEngine, job_id: str, after: int | None = None, owner: str = OWNER) -> list[JobEvent]:
    """Every event to the end."""
    async with asyncio.timeout(WAIT), aclosing(engine.events(job_id, owner=owner, after=after)) as events:
        return [event async for event in events]


async def ended(engine: JobEngine, job_id: str, owner: str = OWNER) -> Job:
    """The job once it is over."""
    await read(engine, job_id, owner=owner)
    return await engine.get(job_id, owner=owner)


async def until(engine: JobEngine, job_id: str, kind: str, count: int = 1) -> list[JobEvent]:
    """The events up to the so many-th of a kind."""
    seen: list[JobEvent] = []
    async with asyncio.timeout(WAIT), aclosing(engine.events(job_id, owner=OWNER)) as events:
        async for event in events:
            seen.append(event)
            if sum(item.type == kind for item in seen) == count:
                return seen
    raise AssertionError(f"no {kind} among {[item.type for item in seen]}")


def failing(error: str = "as the script has it") -> Callable[[ModelRequest], Any]:
    """A model that breaks in the middle of its words."""

    def fail(request: ModelRequest) -> None:
        raise ModelStreamError(error)

    return fail
