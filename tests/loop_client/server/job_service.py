"""A service with jobs on a socket, and somebody who watches them over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from starlette.requests import Request

from loop_client import LoopClient
from loop_client.jobs import JobEngine, JobRuntime, JobSettings, job_engine
from loop_client.server import ChatService, as_asked
from tests.loop_client.fake_server import WAIT
from tests.loop_client.jobs.stage import JobClient, Stage, tools_over
from tests.loop_client.serving import serving


@dataclass
class Served:
    """A service, and what is behind it."""

    http: httpx2.AsyncClient
    """Its requests are Ada's unless they say otherwise."""
    address: str
    engine: JobEngine
    service: ChatService


async def by_header(request: Request) -> Mapping[str, Any]:
    """Believes whatever a caller says; the tests' own callers do not lie."""
    return {"owner": request.headers["x-owner"]}


@asynccontextmanager
async def job_service(
    stage: Stage, *, jobs: dict[str, Any] | None = None, engine: JobEngine | None = None, **options: Any
) -> AsyncIterator[Served]:
    """Jobs over the stage's model and tools, in memory unless ``jobs``, the engine's settings, say otherwise."""
    async with stage_client(stage) as client:
        settings = JobSettings(**{"event_seconds": 0.01, **(jobs or {})})
        engine = engine or job_engine(settings, JobRuntime(client))
        service = ChatService(client, **{"authenticate": by_header, "prepare_job": as_asked, **options}, jobs=engine)
        async with (
            service,
            serving(service.app()) as address,
            httpx2.AsyncClient(base_url=address, timeout=WAIT, headers={"x-owner": "ada"}) as http,
        ):
            yield Served(http, address, engine, service)


def stage_client(stage: Stage) -> LoopClient:
    """A client over the stage's model and tools."""
    return JobClient(stage.model, tools_over(stage.account))


def asked(script: str, **members: Any) -> dict[str, Any]:
    """The body that asks for a job."""
    return {"messages": [{"role": "user", "content": script}], **members}


async def start(http: httpx2.AsyncClient, script: str, **members: Any) -> str:
    """Start a job; its id."""
    response = await http.post("/jobs", json=asked(script, **members))
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


@dataclass(frozen=True)
class Seen:
    """A server-sent event."""

    id: int | None
    name: str
    data: Any


async def watch(http: httpx2.AsyncClient, job_id: str, after: int | None = None) -> AsyncGenerator[Seen, None]:
    """Every event, as a browser's ``EventSource`` would give it; comments have the name ``:``."""
    headers = {} if after is None else {"last-event-id": str(after)}
    async with http.stream("GET", f"/jobs/{job_id}/events", headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in response.aiter_lines():
            name, _, value = line.partition(":")
            if line.startswith(":"):
                yield Seen(None, ":", value.strip())
            elif line:
                fields[name] = value.removeprefix(" ")
            elif "data" in fields:
                yield Seen(int(fields["id"]), fields.get("event", "message"), json.loads(fields["data"]))
                fields = {}
            else:
                fields = {}


async def watched(http: httpx2.AsyncClient, job_id: str, after: int | None = None) -> list[Seen]:
    """Everything to the end."""
    async with aclosing(watch(http, job_id, after)) as events:
        return [event async for event in events if event.name != ":"]


async def until(http: httpx2.AsyncClient, job_id: str, kind: str) -> Any:
    """The data of the first event of a kind."""
    async with aclosing(watch(http, job_id)) as events:
        async for event in events:
            if event.name != ":" and event.data["type"] == kind:
                return event.data["data"]
    raise AssertionError(f"no {kind}")
