"""The loop client as a service uses it: a server, a model and some tools, asked a question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, Unpack

import httpx2

from loop_client.answer_desk import AnswerDesk
from loop_client.answers import Acknowledgement, Answer, AnswerRefused
from loop_client.callbacks import Callbacks, observed
from loop_client.client_tools import AnyTool, split_tools, toolbox_of
from loop_client.environment import from_environment
from loop_client.errors import ConfigurationError
from loop_client.events import AnyEvent, Message
from loop_client.hooks import PrepareRound, RepairCall
from loop_client.limits import Limits
from loop_client.loop import run_loop
from loop_client.model_request import Model, ToolChoice, checked_options
from loop_client.prices import Price
from loop_client.result import RunResult, result_of
from loop_client.retry import Retry
from loop_client.run_settings import Question, RunSettings
from loop_client.run_state import LoopRules, ResultImages, Resumed, RunSpec
from loop_client.run_store import MemoryRunStore, RunStore
from loop_client.signing import Secret, Signer
from loop_client.steps import LiveSteps
from loop_client.stop import StopCondition
from loop_client.suspend import outside_tool
from loop_client.suspension import Suspension
from loop_client.toolbox import DEFAULT_MAX_TOOLS, OpenSources, Toolbox
from loop_client.tools import Tool
from loop_client.transport import ChatTransport, Timeouts


class LoopClient:
    """Asks a model questions and runs the tools it calls. Holds connections and suspended runs, no conversation.

    One client serves any number of runs at once. Use it as an async context manager, or call ``aclose``.

    Args:
        base_url: Of the router or of any OpenAI-compatible server, such as ``http://127.0.0.1:8080/v1``.
        model: Such as ``anthropic/claude-…`` for the router.
        tools: Functions with type hints and docstrings, ``Tool`` values, and sources of tools.
        api_key: The key, or ``env:NAME`` to read it from the environment; None for none.
        system: Put before the question; a history is taken as it is.
        limits: Bounds of one run.
        tool_choice: Of the first round: ``auto``, ``none``, ``required`` or an object as the chat wire has it.
        timeouts: How long to wait for the server.
        headers: Further headers of every request.
        options: Further members of the request body, such as ``temperature``; None leaves one out.
        http_client: Instead of an own connection pool; it is not closed here.
        secret: What suspended runs and their tokens are signed with, at least 16 bytes, or ``env:NAME``. Of several,
            the first signs and all are accepted. Without one, no tool may need an approval or an answer from outside.
        store: Where suspended runs are kept; by default in this process. It is closed with the client.
        expires_after: Seconds after which a suspended run takes no answers any more; None for never.
        stop: Conditions that end a run although the model would go on.
        retry: How often a failed model call is made again.
        prepare_round: May change each round's model, tools, messages and tool choice.
        repair: May mend calls that the model wrote wrong.
        prices: By model, for the cost of a run and its limit.
        callbacks: Told of every step.
        max_tools: Tools offered in one round at most.
        result_images: Where images and files of tool results go.

    Raises:
        ConfigurationError: something of this cannot work; the text says what.
    """

    def __init__(  # noqa: PLR0913  # settings, all by keyword
        self,
        *,
        base_url: str,
        model: str,
        tools: Iterable[AnyTool] = (),
        api_key: str | None = None,
        system: str | None = None,
        limits: Limits | None = None,
        tool_choice: ToolChoice | None = None,
        timeouts: Timeouts | None = None,
        headers: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
        http_client: httpx2.AsyncClient | None = None,
        secret: Secret | Sequence[Secret] | None = None,
        store: RunStore | None = None,
        expires_after: float | None = None,
        stop: StopCondition | Sequence[StopCondition] = (),
        retry: Retry | None = None,
        prepare_round: PrepareRound | None = None,
        repair: RepairCall | None = None,
        prices: Mapping[str, Price] | None = None,
        callbacks: Callbacks | None = None,
        max_tools: int = DEFAULT_MAX_TOOLS,
        result_images: ResultImages = "tool",
    ) -> None:
        self._model = model
        self._system = system
        self._limits = limits or Limits()
        self._tool_choice = tool_choice
        self._callbacks = callbacks or Callbacks()
        self._max_tools = max_tools
        self._rules = LoopRules(
            stop=(stop,) if callable(stop) else tuple(stop),
            retry=retry or Retry(),
            prepare_round=prepare_round,
            repair=repair,
            prices=dict(prices or {}),
            result_images=result_images,
        )
        if self._limits.max_cost is not None and not self._rules.prices:
            raise ConfigurationError("max_cost needs prices: nothing is known here of what models cost")
        self._desk = None if secret is None else _desk(secret, store, expires_after)
        fixed, sources = split_tools(tools)
        self._sources = OpenSources(sources)
        self._toolbox = toolbox_of(fixed, (), self._sources, max_tools, can_suspend=self._desk is not None)
        self._transport = ChatTransport(
            base_url=base_url,
            model=model,
            api_key=None if api_key is None else from_environment(api_key, "api_key"),
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
        """Close everything."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, the sources of tools and the store, after answers that are being worked on."""
        if self._desk is not None:
            await self._desk.aclose()
        await self._sources.aclose()
        await self._transport.aclose()

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools that are fixed; those of sources come with each round."""
        return self._toolbox.fixed

    @property
    def system(self) -> str | None:
        """What is put before a question; a history is taken as it is."""
        return self._system

    @property
    def model(self) -> str:
        """What is asked unless a run says otherwise."""
        return self._model

    @property
    def limits(self) -> Limits:
        """Bounds of a run that brings none."""
        return self._limits

    @property
    def tool_choice(self) -> ToolChoice | None:
        """Of the first round of a run that brings none."""
        return self._tool_choice

    @property
    def transport(self) -> Model:
        """What answers model requests."""
        return self._transport

    @property
    def can_suspend(self) -> bool:
        """Whether there is a secret, so that calls may wait for somebody outside."""
        return self._desk is not None

    def stream(self, question: Question, **settings: Unpack[RunSettings]) -> AsyncGenerator[AnyEvent, None]:
        """Run, and give every event as it happens; the last one is a ``RunFinish``. Raises no ``RunError``.

        Leaving the loop early cancels the run; wrap it in ``contextlib.aclosing`` to have that happen at once.

        Args:
            question: What is asked.
            settings: As in ``RunSettings``.

        Raises:
            ConfigurationError: something of this cannot work.
        """
        return observed(run_loop(self.run_spec(question, **settings), LiveSteps(self._transport)), self._callbacks)

    def run_spec(
        self, question: Question, *, only: Collection[str] | None = None, **settings: Unpack[RunSettings]
    ) -> RunSpec:
        """What ``stream`` would run, for whoever runs it otherwise, as jobs do.

        Args:
            question: What is asked.
            only: Names of the client's fixed tools that are offered; None for all of them.
            settings: As in ``RunSettings``.

        Raises:
            ConfigurationError: something of this cannot work.
        """
        toolbox = self._toolbox_with(settings.get("tools", ()))
        if only is not None:
            toolbox = toolbox.without(self._left_out(only))
        system, tool_choice = settings.get("system"), settings.get("tool_choice")
        return RunSpec(
            model=settings.get("model") or self._model,
            messages=_messages(question, self._system if system is None else system),
            toolbox=toolbox,
            limits=settings.get("limits") or self._limits,
            tool_choice=self._tool_choice if tool_choice is None else tool_choice,
            values=dict(settings.get("values") or {}),
            options=checked_options(settings.get("options") or {}),
            rules=self._rules,
            desk=self._desk,
            run_id=settings.get("run_id"),
        )

    async def ask(self, question: Question, **settings: Unpack[RunSettings]) -> RunResult:
        """Run to the end. A limit is a result (see ``finish_reason``), a failed model call an exception.

        Args:
            question: What is asked.
            settings: As in ``RunSettings``.

        Raises:
            RunError: the run ended without an answer; its ``result`` holds the history up to there.
        """
        return await result_of(self.stream(question, **settings))

    async def answer(
        self,
        run: str,
        answer: Answer,
        *,
        tools: Iterable[AnyTool] = (),
        values: Mapping[str, Any] | None = None,
    ) -> Acknowledgement:
        """Take one answer to a suspended run, once; the run does not go on by this. Works in any process.

        Args:
            run: The run's id, where its store is this client's; or its signed state.
            answer: For one of its calls.
            tools: Those that were given for that run alone and have code that runs here.
            values: The caller's own, for the context of the tool's ``on_answer``.

        Raises:
            AnswerRefused: late, repeated, unknown, forged, or not what the call takes; ``code`` says which.
        """
        toolbox = self._toolbox_with(tools)

        def find(suspension: Suspension, name: str) -> Tool | None:
            known = {tool.name: tool for tool in (*_outside(suspension), *toolbox.outside, *toolbox.fixed)}
            return known.get(name)

        return await self._open_desk().take_answer(run, answer, find, dict(values or {}))

    async def resume(
        self,
        run: str,
        *,
        tools: Iterable[AnyTool] = (),
        limits: Limits | None = None,
        options: Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[AnyEvent, None]:
        """Go on with a run whose calls are all answered; nobody else can then. Gives events as ``stream`` does.

        Args:
            run: The run's id, where its store is this client's; or its signed state.
            tools: Those that were given for that run alone and have code that runs here.
            limits: Instead of the client's; what the run has used already counts.
            options: As in ``RunSettings``.
            values: As in ``RunSettings``.

        Raises:
            AnswerRefused: calls still wait, somebody else went on with the run, or there is no such run.
            ConfigurationError: something of this cannot work.
        """
        toolbox, options = self._toolbox_with(tools), checked_options(options or {})
        suspension, settled = await self._open_desk().take_run(run)
        known = {tool.name for tool in (*toolbox.fixed, *toolbox.outside)}
        outside = tuple(tool for tool in _outside(suspension) if tool.name not in known)
        spec = RunSpec(
            model=suspension.model,
            messages=suspension.messages,
            toolbox=Toolbox(toolbox.fixed, (*toolbox.outside, *outside), toolbox.sources, toolbox.max_tools),
            limits=limits or self._limits,
            values=dict(values or {}),
            options=options,
            rules=self._rules,
            desk=self._desk,
        )
        events = run_loop(spec, LiveSteps(self._transport), Resumed(suspension, settled))
        return observed(events, self._callbacks)

    async def submit(
        self,
        run: str,
        answers: Iterable[Answer],
        *,
        tools: Iterable[AnyTool] = (),
        values: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> AsyncGenerator[AnyEvent, None]:
        """Take the answers to a suspended run and go on with it: ``answer`` for each, then ``resume``.

        Args:
            run: The run's id, where its store is this client's; or its signed state.
            answers: For all calls that still wait.
            tools: As in ``resume``.
            values: As in ``resume``.
            settings: As ``resume`` takes them.

        Raises:
            AnswerRefused: as ``answer`` and ``resume``; answers before the refused one were taken.
        """
        own = tuple(tools)
        for answer in answers:
            await self.answer(run, answer, tools=own, values=values)
        return await self.resume(run, tools=own, values=values, **settings)

    async def look(self, run: str) -> Suspension:
        """A suspended run, unchanged: its history, and the calls that wait.

        Raises:
            AnswerRefused: there is none to answer any more, or the state is not ours.
        """
        return await self._open_desk().look(run)

    def _open_desk(self) -> AnswerDesk:
        if self._desk is None:
            raise AnswerRefused("CANNOT_SUSPEND", "no secret is configured, so no run can have been suspended here")
        return self._desk

    def _toolbox_with(self, tools: Iterable[AnyTool]) -> Toolbox:
        own, sources = split_tools(tools)
        if sources:
            raise ConfigurationError("a source of tools belongs to the client, which opens and closes it")
        if not own:
            return self._toolbox
        can_suspend = self._desk is not None
        return toolbox_of(self._toolbox.fixed, own, self._sources, self._max_tools, can_suspend=can_suspend)

    def _left_out(self, only: Collection[str]) -> set[str]:
        own = {tool.name for tool in self._toolbox.fixed}
        if unknown := sorted(set(only) - own):
            raise ConfigurationError(f"there is no tool {unknown[0]}")
        return own - set(only)


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


def _desk(secret: Secret | Sequence[Secret], store: RunStore | None, expires_after: float | None) -> AnswerDesk:
    if expires_after is not None and not expires_after > 0:
        raise ConfigurationError("expires_after must be above 0 seconds")
    secrets = (secret,) if isinstance(secret, (str, bytes)) else tuple(secret)
    return AnswerDesk(Signer(secrets), store or MemoryRunStore(), expires_after)


def _outside(suspension: Suspension) -> list[Tool]:
    return [outside_tool(body) for body in suspension.outside_tools]


def _messages(question: Question, system: str | None) -> tuple[Message, ...]:
    if not isinstance(question, str):
        return tuple(question)
    first: tuple[Message, ...] = ({"role": "system", "content": system},) if system else ()
    return (*first, {"role": "user", "content": question})
