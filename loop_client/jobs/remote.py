"""The jobs of a service, over HTTP: the same calls as on an engine that is here."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

import httpx2

from loop_client.errors import ConfigurationError, LoopClientError
from loop_client.headers import check_value, checked_headers
from loop_client.jobs.answer import JobAnswer
from loop_client.jobs.errors import JOB_ERRORS, InvalidJob, JobNotFound, StoreUnavailable
from loop_client.jobs.job import Job, JobEvent, JobStatus
from loop_client.jobs.spec import JobSpec
from loop_client.jsontext import JsonObject, dump_bytes, loads
from loop_client.sse import EventReader, EventTooLarge

_SILENCE_SECONDS: Final = 35.0
"""A service says every ten seconds that a stream lives."""
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 10.0
_ATTEMPTS: Final = 4
"""Of a request that changes nothing when it is made again."""
_PASSING: Final = frozenset({408, 425, 500, 502, 503, 504})
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NO_CONTENT: Final = 204


class JobServiceError(LoopClientError):
    """The service cannot be reached, fails, or does not let the caller in."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """Of the response; None where there was none."""


class RemoteJobs:
    """A ``JobEngine`` that is a service elsewhere. Whose the jobs are is decided there, by the key, so ``owner`` counts
    for nothing here.

    Args:
        base_url: Where the service is mounted, such as ``http://127.0.0.1:8090``.
        api_key: Sent as a bearer token; None for none.
        headers: Further headers of every request.
        give_up_seconds: So long a stream that broke is asked for again before that is an error.

    Raises:
        ConfigurationError: the address is none, or the key or a header cannot be sent.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        give_up_seconds: float = 300.0,
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ConfigurationError("the address of the service must begin with http:// or https://")
        own = {}
        if api_key is not None:
            check_value(api_key, "api_key")
            own["authorization"] = f"Bearer {api_key}"
        self._http = httpx2.AsyncClient(
            base_url=base_url.rstrip("/"),
            headers=own | checked_headers(headers or {}, "headers"),
            timeout=httpx2.Timeout(30.0, read=60.0),
        )
        self._give_up_seconds = give_up_seconds

    async def open(self) -> None:
        """Nothing is opened before the first call."""

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def start(
        self, spec: JobSpec, *, owner: str = "", idempotency_key: str | None = None, job_id: str | None = None
    ) -> Job:
        """Begin a job. With a key it is asked for again where the connection breaks.

        Raises:
            JobServiceError: the service cannot be asked.
            JobError: as the engine behind the service raises it; also ``InvalidJob`` for an id, which only the service
                gives.
        """
        if job_id is not None:
            raise InvalidJob("job_id: a service gives the ids itself; use idempotency_key")
        headers = {} if idempotency_key is None else {"idempotency-key": idempotency_key}
        attempts = 1 if idempotency_key is None else _ATTEMPTS
        return Job.from_json(await self._call("POST", "/jobs", spec.to_json(), headers=headers, attempts=attempts))

    async def get(self, job_id: str, *, owner: str = "") -> Job:
        """The job as it is now."""
        return Job.from_json(await self._call("GET", _path(job_id)))

    async def is_over(self, job_id: str, *, owner: str = "") -> bool:
        """Whether nothing more will happen."""
        return (await self.get(job_id)).is_over

    async def list(
        self,
        owner: str = "",
        status: JobStatus | None = None,
        limit: int = 50,
        before: str | None = None,
        prefix: str | None = None,
    ) -> Sequence[Job]:
        """The caller's jobs, the latest first. A service does not look for prefixes."""
        if prefix is not None:
            raise InvalidJob("prefix: a service does not look for it")
        given = {"status": status, "limit": str(limit), "before": before}
        query = {name: value for name, value in given.items() if value is not None}
        body = await self._call("GET", "/jobs", query=query)
        return [Job.from_json(item) for item in body["jobs"]]

    async def events(self, job_id: str, *, owner: str = "", after: int | None = None) -> AsyncGenerator[JobEvent, None]:
        """What happened and will happen. A stream that breaks is asked for again, from where it was.

        Raises:
            JobServiceError: the service cannot be reached for ``give_up_seconds``.
            JobNotFound: there is no such job.
        """
        clock = asyncio.get_running_loop()
        lost_at: float | None = None
        wait = _FIRST_WAIT
        while True:
            try:
                async with aclosing(self._stream(job_id, after)) as events:
                    async for event in events:
                        if event is None:  # it stands
                            lost_at, wait = None, _FIRST_WAIT
                            continue
                        yield event
                        after = event.id
                        if event.type == "job-end":
                            return
                lost: JobServiceError | None = None
            except JobServiceError as error:
                if error.status is not None and error.status not in _PASSING:
                    raise
                lost = error
            except _SeenTheEnd:
                return
            lost_at = clock.time() if lost_at is None else lost_at
            if clock.time() - lost_at >= self._give_up_seconds:
                raise lost or JobServiceError("the service ends the stream again and again before the job is over")
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def answer(self, job_id: str, answers: Sequence[JobAnswer], *, owner: str = "") -> Job:
        """Take answers: all of them, or none."""
        body = {"answers": [answer.to_json() for answer in answers]}
        await self._call("POST", f"{_path(job_id)}/tool-results", body)
        return await self.get(job_id)

    async def cancel(self, job_id: str, *, owner: str = "") -> Job:
        """End it now."""
        return Job.from_json(await self._call("POST", f"{_path(job_id)}/cancel", {}, attempts=_ATTEMPTS))

    async def retry(self, job_id: str, *, owner: str = "", from_round: int | None = None) -> Job:
        """Make a new job of one that is over."""
        body = {} if from_round is None else {"from_round": from_round}
        return Job.from_json(await self._call("POST", f"{_path(job_id)}/retry", body))

    async def _call(
        self,
        method: str,
        path: str,
        body: JsonObject | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        attempts: int | None = None,
    ) -> JsonObject:
        left = attempts or (_ATTEMPTS if method == "GET" else 1)
        wait = _FIRST_WAIT
        while True:
            left -= 1
            try:
                return await self._send(method, path, body, query, headers)
            except JobServiceError as error:
                if not left or (error.status is not None and error.status not in _PASSING):
                    raise
            await asyncio.sleep(wait)
            wait *= 2

    async def _send(
        self,
        method: str,
        path: str,
        body: JsonObject | None,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> JsonObject:
        content = None if body is None else dump_bytes(body)
        kind = {} if body is None else {"content-type": "application/json"}
        try:
            response = await self._http.request(
                method, path, content=content, params=dict(query or {}), headers={**kind, **(headers or {})}
            )
        except httpx2.TransportError as error:
            raise _unreachable(error) from None
        if not response.is_success:
            raise _refusal(response.status_code, response.content)
        return _object(response.content, response.status_code)

    async def _stream(self, job_id: str, after: int | None) -> AsyncGenerator[JobEvent | None, None]:
        """None once the stream stands, then the events."""
        headers = {"accept": "text/event-stream"} | ({} if after is None else {"last-event-id": str(after)})
        timeout = httpx2.Timeout(30.0, read=_SILENCE_SECONDS)
        path, reader = f"{_path(job_id)}/events", EventReader()
        try:
            async with self._http.stream("GET", path, headers=headers, timeout=timeout) as response:
                if response.status_code == _NO_CONTENT:
                    raise _SeenTheEnd
                if not response.is_success:
                    raise _refusal(response.status_code, await response.aread())
                yield None
                async for chunk in response.aiter_bytes():
                    for data in reader.feed(chunk):
                        yield JobEvent.from_json(_object(data.encode(), 200))
        except httpx2.TransportError as error:
            raise _unreachable(error) from None
        except (EventTooLarge, UnicodeDecodeError):
            raise JobServiceError("the service's stream is none of events", 200) from None


class _SeenTheEnd(Exception):
    """There is nothing behind the last event that is known."""


def _path(job_id: str) -> str:
    # What is no id must not lead to another path.
    if _ID.fullmatch(job_id) is None:
        raise JobNotFound("there is no such job")
    return f"/jobs/{job_id}"


def _unreachable(error: httpx2.TransportError) -> JobServiceError:
    return JobServiceError(f"the service cannot be reached: {type(error).__name__}")


def _object(content: bytes, status: int) -> JsonObject:
    try:
        body: Any = loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise JobServiceError("what answers is no service of jobs", status)
    return body


def _refusal(status: int, content: bytes) -> LoopClientError:
    try:
        error = loads(content)["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        return JobServiceError(f"the service answered with status {status}", status)
    kind = JOB_ERRORS.get(code)
    if kind is None or kind is StoreUnavailable:  # a service whose database is away is itself as good as away
        return JobServiceError(f"{message} (status {status})", status)
    return kind(message)
