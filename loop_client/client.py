"""The loop client as a service uses it: a server, a model and some tools, asked a question."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, TypeAlias

import httpx2

from loop_client.errors import ConfigurationError
from loop_client.events import AnyEvent, Message, RunFinish
from loop_client.function_tool import tool
from loop_client.limits import Limits
from loop_client.loop import RunSpec, run_loop
from loop_client.result import RunResult
from loop_client.steps import LiveSteps, ToolChoice
from loop_client.tools import Tool, ToolRegistry
from loop_client.transport import ChatTransport, Timeouts

Question: TypeAlias = str | Sequence[Message]
"""A user's words, or a whole history of chat messages to go on from."""


class LoopClient:
    """Asks a model questions and runs the tools it calls. Holds connections, no conversation.

    One client serves any number of runs at once. Use it as an async context manager, or call ``aclose``.

    Args:
        base_url: Of the router or of any OpenAI-compatible server, such as ``http://127.0.0.1:8080/v1``.
        model: Such as ``anthropic/claude-…`` for the router.
        tools: Functions with type hints and docstrings, or ``Tool`` values; sent in every round.
        api_key: The key, or ``env:NAME`` to read it from the environment; None for none.
        system: Put before the question; a history is taken as it is.
        limits: Bounds of one run.
        tool_choice: Of the first round: ``auto``, ``none``, ``required`` or an object as the chat wire has it.
        timeouts: How long to wait for the server.
        headers: Further headers of every request.
        options: Further members of the request body, such as ``temperature``; None leaves one out.
        http_client: Instead of an own connection pool; it is not closed here.

    Raises:
        ConfigurationError: something of this cannot work; the text says what.
    """

    def __init__(  # noqa: PLR0913  # settings, all by keyword
        self,
        *,
        base_url: str,
        model: str,
        tools: Iterable[Tool | Callable[..., object]] = (),
        api_key: str | None = None,
        system: str | None = None,
        limits: Limits | None = None,
        tool_choice: ToolChoice | None = None,
        timeouts: Timeouts | None = None,
        headers: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        self._model = model
        self._registry = ToolRegistry(tuple(item if isinstance(item, Tool) else tool(item) for item in tools))
        self._system = system
        self._limits = limits or Limits()
        self._tool_choice = tool_choice
        self._transport = ChatTransport(
            base_url=base_url,
            model=model,
            api_key=_resolved(api_key),
            timeouts=timeouts,
            headers=headers,
            options=options,
            http_client=http_client,
        )

    async def __aenter__(self) -> Self:
        """Nothing is opened before the first question."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    def stream(self, question: Question, *, values: Mapping[str, Any] | None = None) -> AsyncGenerator[AnyEvent, None]:
        """Run, and give every event as it happens; the last one is a ``RunFinish``. Raises no ``RunError``.

        Leaving the loop early cancels the run; wrap it in ``contextlib.aclosing`` to have that happen at once.

        Args:
            question: What is asked.
            values: The caller's own, for the tools' contexts.
        """
        spec = RunSpec(
            self._model, self._messages(question), self._registry, self._limits, self._tool_choice, values or {}
        )
        return run_loop(spec, LiveSteps(self._transport))

    async def ask(self, question: Question) -> RunResult:
        """Run to the end. A limit is a result (see ``finish_reason``), a failed model call an exception.

        Raises:
            RunError: the run ended without an answer; its ``result`` holds the history up to there.
        """
        finish: RunFinish | None = None
        async with aclosing(self.stream(question)) as events:
            async for event in events:
                if isinstance(event, RunFinish):
                    finish = event
        assert finish is not None, "a run ends with a RunFinish"  # noqa: S101  # the loop's own promise
        result = RunResult.of(finish)
        if finish.exception is not None:
            finish.exception.result = result
            raise finish.exception
        return result

    def _messages(self, question: Question) -> tuple[Message, ...]:
        if not isinstance(question, str):
            return tuple(question)
        system: tuple[Message, ...] = ({"role": "system", "content": self._system},) if self._system else ()
        return (*system, {"role": "user", "content": question})


def ask(question: Question, **settings: Any) -> RunResult:
    """``LoopClient(**settings).ask(question)`` for code that is not async.

    Raises:
        RunError: as ``LoopClient.ask``.
        ConfigurationError: as ``LoopClient``.
        RuntimeError: called within a running event loop.
    """

    async def run() -> RunResult:
        async with LoopClient(**settings) as client:
            return await client.ask(question)

    return asyncio.run(run())


def _resolved(api_key: str | None) -> str | None:
    if api_key is None or not api_key.startswith("env:"):
        return api_key
    name = api_key.removeprefix("env:")
    value = os.environ.get(name)
    if not value:
        raise ConfigurationError(f"the environment variable {name} is not set, so there is no API key")
    return value
