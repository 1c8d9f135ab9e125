"""The paths of jobs: start, look, watch, answer, cancel, do again."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from loop_client.jobs import Job, JobEngine, JobEvent, JobNotFound
from loop_client.jobs.rows import keyed_id
from loop_client.jsontext import JsonObject, dump_bytes
from loop_client.server.answered import answered
from loop_client.server.body import read_json_object
from loop_client.server.hooks import Authenticate
from loop_client.server.job_hooks import JobRequest, PrepareJob
from loop_client.server.job_requests import (
    read_answers,
    read_from_round,
    read_job,
    read_key,
    read_page,
    read_position,
    refuse_members,
)
from loop_client.server.metrics import Metrics
from loop_client.server.owners import OwnerOf
from loop_client.server.problems import InvalidRequest
from loop_client.server.relay import EventStream, Streams

_log: Final = logging.getLogger("loop_client.server")

_HEADERS: Final = {
    "content-type": "text/event-stream",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}
"""Keep proxies from storing, compressing or holding back the stream."""

_COME_AGAIN: Final = b"retry: 1000\n\n"
"""After a broken connection a browser waits so many milliseconds."""


@dataclass(frozen=True, slots=True)
class JobAccess:
    """Who may do what with jobs, and in which bounds."""

    authenticate: Authenticate
    owner: OwnerOf
    prepare: PrepareJob
    outside_tools: bool
    max_body_bytes: int
    keep_alive_seconds: float


class JobRoutes:
    """Serves an engine's jobs to their owners; others are told that there is no such job."""

    def __init__(self, engine: JobEngine, streams: Streams, access: JobAccess, metrics: Metrics) -> None:
        self._engine = engine
        self._streams = streams
        self._access = access
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """The paths, relative to where the service is mounted."""
        return [
            Route("/jobs", answered(self._start), methods=["POST"]),
            Route("/jobs", answered(self._list), methods=["GET"]),
            Route("/jobs/{job_id}", answered(self._show), methods=["GET"]),
            Route("/jobs/{job_id}/events", answered(self._events), methods=["GET"]),
            Route("/jobs/{job_id}/tool-results", answered(self._answer), methods=["POST"]),
            Route("/jobs/{job_id}/cancel", answered(self._cancel), methods=["POST"]),
            Route("/jobs/{job_id}/retry", answered(self._retry), methods=["POST"]),
        ]

    async def _start(self, request: Request) -> Response:
        values = await self._access.authenticate(request)
        owner = self._access.owner(values)
        key = read_key(request)
        spec = read_job(await self._body(request))
        if spec.outside_tools and not self._access.outside_tools:
            raise InvalidRequest("outside_tools: this service takes no tools of its callers", "CLIENT_TOOLS_OFF")
        spec = await self._access.prepare(JobRequest(spec, owner, values))
        is_known = key is not None and await self._is_there(keyed_id(owner, key), owner)
        job = await self._engine.start(spec, owner=owner, idempotency_key=key)
        if not is_known:
            self._metrics.job_started(job.profile)
        return _shown(job, 200 if is_known else 201, f"{request.url.path}/{job.id}")

    async def _is_there(self, job_id: str, owner: str) -> bool:
        try:
            await self._engine.get(job_id, owner=owner)
        except JobNotFound:
            return False
        return True

    async def _list(self, request: Request) -> Response:
        owner = await self._owner(request)
        page = read_page(request)
        jobs = await self._engine.list(owner, page.status, page.limit, page.before)
        body: JsonObject = {"jobs": [_brief(job) for job in jobs]}
        if len(jobs) == page.limit:
            body["next"] = jobs[-1].id
        return _json(body)

    async def _show(self, request: Request) -> Response:
        return _shown(await self._job(request))

    async def _events(self, request: Request) -> Response:
        position = read_position(request)
        owner, job_id = await self._owner(request), _job_id(request)
        if await self._engine.is_over(job_id, owner=owner) and position is not None:
            last = (await self._engine.get(job_id, owner=owner)).last_event
            if last is not None and position > last:
                # The one answer that keeps a browser from coming again: it has seen the end.
                return Response(status_code=204)
        events = self._encoded(job_id, owner, position)
        seconds = self._access.keep_alive_seconds
        return EventStream(events, keep_alive=seconds, headers=_HEADERS, streams=self._streams)

    async def _encoded(self, job_id: str, owner: str, position: int | None) -> AsyncGenerator[bytes, None]:
        yield _COME_AGAIN
        with self._metrics.viewing():
            try:
                async with aclosing(self._engine.events(job_id, owner=owner, after=position)) as events:
                    async for event in events:
                        yield encode_event(event)
            except Exception:  # noqa: BLE001  # whatever it was, the viewer comes again and knows where it was
                _log.exception("a viewer of job %s was cut off", job_id)

    async def _answer(self, request: Request) -> Response:
        owner, job_id = await self._owner(request), _job_id(request)
        answers = read_answers(await self._body(request))
        job = await self._engine.answer(job_id, answers, owner=owner)
        self._metrics.job_answers(len(answers))
        given = [answer.call_id for answer in answers]
        waiting = [call.call_id for call in job.active_calls if call.state == "waiting" and call.call_id not in given]
        return _json({"job_id": job.id, "answered": given, "waiting": waiting})

    async def _cancel(self, request: Request) -> Response:
        owner, job_id = await self._owner(request), _job_id(request)
        refuse_members(await self._body(request))
        return _shown(await self._engine.cancel(job_id, owner=owner))

    async def _retry(self, request: Request) -> Response:
        owner, job_id = await self._owner(request), _job_id(request)
        from_round = read_from_round(await self._body(request))
        job = await self._engine.retry(job_id, owner=owner, from_round=from_round)
        self._metrics.job_started(job.profile)
        return _shown(job, 201, f"{request.url.path.rsplit('/', 2)[0]}/{job.id}")

    async def _job(self, request: Request) -> Job:
        owner = await self._owner(request)
        return await self._engine.get(_job_id(request), owner=owner)

    async def _owner(self, request: Request) -> str:
        return self._access.owner(await self._access.authenticate(request))

    async def _body(self, request: Request) -> JsonObject:
        return await read_json_object(request, self._access.max_body_bytes)


def encode_event(event: JobEvent) -> bytes:
    """An event as a server-sent event; the last one has the name ``end``, so that a browser knows to stay away."""
    name = b"event: end\n" if event.type == "job-end" else b""
    return b"id: %d\n%sdata: %s\n\n" % (event.id, name, dump_bytes(event.to_json()))


def _job_id(request: Request) -> str:
    return str(request.path_params["job_id"])


def _shown(job: Job, status: int = 200, location: str | None = None) -> Response:
    return _json(job.to_json(), status, {} if location is None else {"location": location})


def _brief(job: Job) -> JsonObject:
    body = replace(job, rounds=(), messages=()).to_json()
    return {name: value for name, value in body.items() if name not in {"rounds", "messages", "active_calls"}}


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(dump_bytes(body), status, headers=headers, media_type="application/json")
