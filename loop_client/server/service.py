"""The chat service: one endpoint that streams runs to chat front ends, one that takes answers from outside."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from loop_client.client import LoopClient
from loop_client.events import RunFinish
from loop_client.jobs import JobEngine
from loop_client.jobs.engine import JobCounter
from loop_client.jsontext import dump_bytes
from loop_client.server.answered import answered, masked_failure
from loop_client.server.body import read_json_object
from loop_client.server.chat_jobs import ChatJobs
from loop_client.server.chat_request import ChatRequest, read_chat_request
from loop_client.server.hooks import Authenticate, OnFinish, Prepare, anybody, as_configured, forget
from loop_client.server.job_hooks import PrepareJob, within_profile
from loop_client.server.job_pages import JobPages, PageSettings
from loop_client.server.jobs import JobAccess, JobRoutes
from loop_client.server.metrics import Metrics
from loop_client.server.owners import OwnerOf, owner_in
from loop_client.server.relay import EventStream, Streams
from loop_client.server.runs import Events, Runs
from loop_client.server.tool_results import acknowledged, read_answer
from loop_client.steps import new_id
from loop_client.ui import DONE, DataPart, StreamOptions, UIMessageStream, encode_chunk
from loop_client.ui.stream import masked

_log: Final = logging.getLogger("loop_client.server")


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What a service shows and accepts."""

    reasoning: bool = True
    """Whether the model's readable reasoning goes to the browser."""
    sources: bool = True
    """Whether the sources it refers to do."""
    client_tools: bool = True
    """Whether the browser may bring tools of its own, to be answered there."""
    system_messages: bool = False
    """Whether the browser may write system messages."""
    allow_origins: tuple[str, ...] = ()
    """Origins whose pages may call (CORS), such as ``https://app.example.com``; ``*`` for all."""
    allow_credentials: bool = False
    """Whether those pages may send cookies; never together with ``*``."""
    max_body_bytes: int = 16 * 1024 * 1024
    keep_alive_seconds: float = 10.0
    """After so long a silence the stream says that it lives, so that no proxy ends it."""
    error_text: Callable[[RunFinish], str] = masked
    """What the user reads when a run fails."""
    data_part: DataPart | None = None
    """What a ``data-…`` part of a user message becomes for the model."""
    chat_jobs: bool = False
    """Whether the runs of chats are jobs, where there is an engine, so that a page may leave and come back;
    ``Prepared.as_job`` decides otherwise for one."""

    def __post_init__(self) -> None:
        """Refuse what would let every page act with its visitor's cookies."""
        if self.allow_credentials and "*" in self.allow_origins:
            raise ValueError("allow_credentials needs origins by name, not *")


class ChatService:
    """Serves the runs of one loop client to chat front ends. Keeps no conversation: the front end sends it each time.

    Args:
        client: Whose model, tools and limits the runs have.
        authenticate: Who may call, and what is known of them; everybody by default.
        prepare: What each run is made of; as the client was set up by default.
        on_finish: Told of the end of every run.
        settings: What is shown and accepted.
        metrics: Instruments to record in; those of the process's OpenTelemetry provider by default.
        jobs: An engine, not yet open: the service then has the paths of jobs, and opens and closes it
            (``async with service``).
        owner: Whose the jobs of a caller are, from what ``authenticate`` gives; by default its ``owner``.
        prepare_job: What callers may choose of a job; by default neither model nor limits nor instructions.
    """

    def __init__(
        self,
        client: LoopClient,
        *,
        authenticate: Authenticate = anybody,
        prepare: Prepare = as_configured,
        on_finish: OnFinish = forget,
        settings: ServiceSettings | None = None,
        metrics: Metrics | None = None,
        jobs: JobEngine | None = None,
        owner: OwnerOf = owner_in,
        prepare_job: PrepareJob = within_profile,
    ) -> None:
        self._settings = settings or ServiceSettings()
        self._runs = Runs(client, prepare, client_tools=self._settings.client_tools)
        self._authenticate = authenticate
        self._on_finish = on_finish
        self._metrics = metrics or Metrics()
        self._jobs = jobs
        self._job_streams = Streams()
        self._pages = None if jobs is None else self._made_pages(jobs)
        self._owner = owner
        self._prepare_job = prepare_job

    async def __aenter__(self) -> Self:
        """Open the engine of jobs, if there is one, on this event loop."""
        if self._jobs is not None:
            await self._jobs.open()
            if isinstance(self._jobs, JobCounter):
                self._metrics.count_jobs = self._jobs.counts
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let viewers go, and close the engine."""
        self.end_streams()
        self._metrics.count_jobs = None
        if self._jobs is not None:
            await self._jobs.aclose()

    def end_streams(self) -> None:
        """Let the viewers of jobs go, who come back to whichever process is there.

        For the beginning of a shutdown, which would otherwise wait for them.
        """
        self._job_streams.end()

    def _made_pages(self, engine: JobEngine) -> JobPages:
        settings = self._settings
        show = PageSettings(
            settings.reasoning, settings.sources, settings.error_text, settings.keep_alive_seconds, settings.chat_jobs
        )
        return JobPages(engine, ChatJobs(engine, self._runs), show, self._job_streams, self._metrics)

    def _access(self) -> JobAccess:
        settings = self._settings
        return JobAccess(
            authenticate=self._authenticate,
            owner=self._owner,
            prepare=self._prepare_job,
            outside_tools=settings.client_tools,
            max_body_bytes=settings.max_body_bytes,
            keep_alive_seconds=settings.keep_alive_seconds,
        )

    def app(self) -> Starlette:
        """The service as an ASGI app: ``POST /chat``, ``POST /runs/{id}/tool-results``, and with an engine ``/jobs``.

        Mount it into a FastAPI or Starlette app (``app.mount("/ai", service.app())``), or run it alone.
        """
        routes = [
            Route("/chat", answered(self._chat), methods=["POST"]),
            Route("/runs/{run_id}/tool-results", answered(self._tool_results), methods=["POST"]),
        ]
        settings = self._settings
        if self._jobs is not None and self._pages is not None:
            access = self._access()
            routes += JobRoutes(self._jobs, self._job_streams, access, self._metrics).routes()
            routes += self._pages.routes(access)
        cors = Middleware(
            CORSMiddleware,
            allow_origins=settings.allow_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            allow_credentials=settings.allow_credentials,
            expose_headers=["x-vercel-ai-ui-message-stream", "location", "retry-after"],
        )
        return Starlette(routes=routes, middleware=[cors] if settings.allow_origins else [])

    async def _chat(self, request: Request) -> Response:
        values = await self._authenticate(request)
        body = await read_json_object(request, self._settings.max_body_bytes)
        asked = read_chat_request(
            body, values, allow_system=self._settings.system_messages, data_part=self._settings.data_part
        )
        plan = await self._runs.plan(asked)
        if self._pages is not None:
            shown = await self._pages.answer_to(asked, plan, lambda: self._owner(values))
            if shown is not None:
                return shown
        events = await self._runs.begin(asked, plan)
        return self._streamed(asked, events, asked.continues or new_id("msg"))

    async def _tool_results(self, request: Request) -> Response:
        values = await self._authenticate(request)
        run_id = str(request.path_params["run_id"])
        answer, fields = read_answer(await read_json_object(request, self._settings.max_body_bytes))
        asked = ChatRequest.of_answer(fields, values)
        plan = await self._runs.plan(asked)
        wants_stream = "text/event-stream" in request.headers.get("accept", "")
        if self._pages is not None:
            shown = await self._pages.taken(run_id, answer, self._owner(values), wants_stream=wants_stream)
            if shown is not None:
                return shown
        acknowledgement = await self._runs.take(run_id, answer, plan)
        if wants_stream:
            return self._streamed(asked, await self._runs.go_on(run_id, plan), None)
        return Response(dump_bytes(acknowledged(acknowledgement, answer)), media_type="application/json")

    def _streamed(self, asked: ChatRequest, events: Events | None, message_id: str | None) -> EventStream:
        source = _nothing_yet(message_id) if events is None else self._encoded(asked, events, message_id)
        return EventStream(source, keep_alive=self._settings.keep_alive_seconds)

    async def _encoded(self, asked: ChatRequest, events: Events, message_id: str | None) -> AsyncGenerator[bytes, None]:
        settings = self._settings
        stream = UIMessageStream(StreamOptions(message_id, settings.reasoning, settings.sources, settings.error_text))
        observed = self._metrics.of_run()
        try:
            async with aclosing(events):
                async for event in events:
                    observed.observe(event)
                    if isinstance(event, RunFinish):
                        await self._tell(asked, event)
                    for chunk in stream.feed(event):
                        yield encode_chunk(chunk)
        except Exception:  # noqa: BLE001  # whatever it was, its text is for the log
            for chunk in stream.fail(masked_failure("a run failed")):
                yield encode_chunk(chunk)
        if not stream.ended:
            for chunk in stream.abort():
                yield encode_chunk(chunk)
        yield DONE

    async def _tell(self, asked: ChatRequest, finish: RunFinish) -> None:
        try:
            await self._on_finish(asked, finish)
        except Exception:  # noqa: BLE001  # the answer is there and is shown; that it was not kept is for the operator
            _log.exception("on_finish failed for run %s", finish.run_id)


async def _nothing_yet(message_id: str | None) -> AsyncGenerator[bytes, None]:
    """An answer was taken and others are still to come: the message stays as it is."""
    start = {"type": "start"} if message_id is None else {"type": "start", "messageId": message_id}
    yield encode_chunk(start)
    yield encode_chunk({"type": "finish", "finishReason": "tool-calls"})
    yield DONE
