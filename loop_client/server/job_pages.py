"""Jobs as chat front ends see them: the message of a chat's latest job, joined at any time, and its end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from loop_client.answers import Acknowledgement, Answer
from loop_client.events import RunFinish
from loop_client.jobs import JobAnswer, JobEngine, JobNotFound
from loop_client.jsontext import JsonObject, dump_bytes
from loop_client.server.answered import answered, masked_failure
from loop_client.server.body import read_json_object
from loop_client.server.chat_jobs import ChatJobs, Watched, as_job_answer
from loop_client.server.chat_request import ChatRequest
from loop_client.server.job_requests import refuse_members
from loop_client.server.job_ui import message_id_of, ui_chunks
from loop_client.server.jobs import JobAccess
from loop_client.server.metrics import Metrics
from loop_client.server.problems import InvalidRequest
from loop_client.server.relay import EventStream, Streams
from loop_client.server.runs import Plan
from loop_client.server.tool_results import acknowledged
from loop_client.ui import DONE, StreamOptions, encode_chunk


@dataclass(frozen=True, slots=True)
class PageSettings:
    """What pages are shown, and which runs are jobs."""

    reasoning: bool
    sources: bool
    error_text: Callable[[RunFinish], str]
    keep_alive_seconds: float
    usually: bool
    """Whether a chat's run is a job where the ``prepare`` hook does not decide."""


class JobPages:
    """Shows jobs as messages of a UI message stream."""

    def __init__(
        self, engine: JobEngine, chats: ChatJobs, settings: PageSettings, streams: Streams, metrics: Metrics
    ) -> None:
        self._engine = engine
        self._chats = chats
        self._settings = settings
        self._streams = streams
        self._metrics = metrics

    def routes(self, access: JobAccess) -> list[Route]:
        """The paths, relative to where the service is mounted."""

        async def owner(request: Request) -> str:
            return access.owner(await access.authenticate(request))

        async def stream(request: Request) -> Response:
            job = await self._chats.latest(await owner(request), str(request.path_params["chat_id"]))
            # What the AI SDK takes for: nothing to come back to.
            return Response(status_code=204) if job is None else self._shown(Watched(job), message_id_of(job))

        async def cancel(request: Request) -> Response:
            whose = await owner(request)
            refuse_members(await read_json_object(request, access.max_body_bytes))
            job = await self._chats.latest(whose, str(request.path_params["chat_id"]))
            if job is None:
                raise JobNotFound("the chat has no job")
            return _json((await self._engine.cancel(job.id, owner=whose)).to_json())

        async def message(request: Request) -> Response:
            job = await self._chats.find(str(request.path_params["job_id"]), await owner(request))
            if job is None:
                raise JobNotFound("there is no such job")
            return self._shown(Watched(job), message_id_of(job))

        return [
            Route("/chat/{chat_id}/stream", answered(stream), methods=["GET"]),
            Route("/chat/{chat_id}/cancel", answered(cancel), methods=["POST"]),
            Route("/jobs/{job_id}/ui", answered(message), methods=["GET"]),
        ]

    async def answer_to(self, asked: ChatRequest, plan: Plan, owner: Callable[[], str]) -> Response | None:
        """The message of the job that a chat request answers or begins; None where its run is no job.

        Raises:
            Problem: the request is refused.
            JobError: the engine refuses it, or an answer in it.
        """
        answers = asked.conversation.answers
        if answers:
            job = await self._chats.find(answers[0].run_id, owner())
            if job is None:
                return None
            if any(answer.run_id != job.id for answer in answers):
                raise InvalidRequest("messages: the last step answers more than one run", "INVALID_TOOL_RESULT")
            watched = await self._chats.take(job, map(as_job_answer, answers))
        elif self._settings.usually if plan.prepared.as_job is None else plan.prepared.as_job:
            watched = Watched(await self._chats.begin(asked, plan, owner()))
            self._metrics.job_started(watched.job.profile)
        else:
            return None
        return self._shown(watched, asked.continues or message_id_of(watched.job))

    async def taken(self, run_id: str, answer: Answer, owner: str, *, wants_stream: bool) -> Response | None:
        """The acknowledgement of an answer that came by itself, or the continuation; None where its run is no job.

        Raises:
            JobError: the answer is refused.
        """
        job = await self._chats.find(run_id, owner)
        if job is None:
            return None
        watched = await self._chats.take_one(job, _as_job_answer(answer))
        if wants_stream:
            return self._shown(watched, None)
        call = job.call(answer.call_id)
        name = "" if call is None else call.tool_name
        result = answer.value if answer.approved is None and answer.error is None else None
        return _json(acknowledged(Acknowledgement(job.id, answer.call_id, name, result, None, None, ()), answer))

    def _shown(self, watched: Watched, message_id: str | None) -> Response:
        seconds = self._settings.keep_alive_seconds
        return EventStream(self._encoded(watched, message_id), keep_alive=seconds, streams=self._streams)

    async def _encoded(self, watched: Watched, message_id: str | None) -> AsyncGenerator[bytes, None]:
        job, settings = watched.job, self._settings
        options = StreamOptions(message_id, settings.reasoning, settings.sources, settings.error_text)
        with self._metrics.viewing():
            try:
                async with (
                    aclosing(self._engine.events(job.id, owner=job.owner)) as events,
                    aclosing(ui_chunks(job, events, options, watched.answered)) as chunks,
                ):
                    async for chunk in chunks:
                        yield encode_chunk(chunk)
            except Exception:  # noqa: BLE001  # whatever it was, its text is for the log
                yield encode_chunk(
                    {"type": "error", "errorText": masked_failure(f"a viewer of job {job.id} was cut off")}
                )
        yield DONE


def _as_job_answer(answer: Answer) -> JobAnswer:
    return JobAnswer(
        call_id=answer.call_id,
        value=answer.value,
        error=answer.error,
        approved=answer.approved,
        reason=answer.reason,
        tool_name=answer.tool_name,
        token=answer.token,
        metadata=answer.metadata,
    )


def _json(body: JsonObject) -> Response:
    return Response(dump_bytes(body), media_type="application/json")
