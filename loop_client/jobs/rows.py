"""How events, specs and other things of a job are written down, whoever keeps them."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from typing import Any, Final

from loop_client.jobs.errors import InvalidJob
from loop_client.jobs.job import JobEvent
from loop_client.jobs.spec import JobSpec
from loop_client.jsontext import JsonObject, dumps, loads

_JOB_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NEW_ID: Final = re.compile(r"job_([0-9a-f]{11})[0-9a-f]{16}")
_LONG: Final = ("output", "arguments_text", "text", "error_text")
"""Members of events that may be long, the longest kind first."""


def now() -> float:
    """Seconds since 1970 in UTC, to the millisecond."""
    return round(time.time(), 3)


def event_row(data: JsonObject, max_bytes: int) -> str:
    """An event with the time of now, as JSON text of at most about so many bytes."""
    text = dumps({"time": now(), "data": data})
    if len(text) * 4 <= max_bytes or len(text.encode("utf-8", errors="surrogatepass")) <= max_bytes:
        return text
    kept = {name: value for name, value in data.items() if name != "parts"}
    for name in _LONG:
        value = kept.get(name)
        if isinstance(value, str) and len(value) > 256:
            kept[name] = _cut(value, max_bytes // 4)
        elif value is not None and not isinstance(value, str):
            # An output that is no text: a part of a JSON value would be another value.
            kept[name] = "[left out: too large]" if len(dumps(value)) > max_bytes // 4 else value
    return dumps({"time": now(), "data": kept})


def event_of(number: int, row: str, job_id: str) -> JobEvent:
    """The event of a row. A job that goes on with another's record is shown under its own id."""
    body = loads(row)
    data: JsonObject = body["data"]
    if "run_id" in data:
        data = {**data, "run_id": job_id}
    return JobEvent(number, body["time"], data["type"], data)


def end_event(number: int, when: float, job_id: str, status: str) -> JobEvent:
    """The last event of a job."""
    return JobEvent(number, when, "job-end", {"type": "job-end", "job_id": job_id, "status": status})


def new_job_id() -> str:
    """A new id, which tells when it was made: not every database keeps time to more than a second."""
    return f"job_{int(time.time() * 1000):011x}{secrets.token_hex(8)}"


def made_at(job_id: str) -> float | None:
    """When an id was made by ``new_job_id``, in seconds since 1970; None for any other."""
    found = _NEW_ID.fullmatch(job_id)
    return None if found is None else int(found[1], 16) / 1000


def asked_id(owner: str, idempotency_key: str | None, job_id: str | None) -> str | None:
    """The id that a start asks for, the key's before one that was chosen; None where any will do.

    Raises:
        InvalidJob: the chosen id is none.
    """
    if job_id is not None and _JOB_ID.fullmatch(job_id) is None:
        raise InvalidJob("job_id: up to 64 letters, digits, '_' and '-' are accepted")
    return job_id if idempotency_key is None else keyed_id(owner, idempotency_key)


def keyed_id(owner: str, key: str) -> str:
    """The id of the job that an owner asked for under a key."""
    digest = hashlib.sha256()
    for field in (owner, key):
        data = field.encode("utf-8", errors="surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return f"job_{digest.hexdigest()[:32]}"


def spec_digest(spec: JobSpec) -> str:
    """What tells a spec from others, and is the same for equal specs."""
    return hashlib.sha256(dumps(spec.to_json()).encode("utf-8", errors="surrogatepass")).hexdigest()


def written(value: Any) -> Any:
    """A value as it will be read again."""
    return loads(dumps(value))


def _cut(text: str, most: int) -> str:
    data = text.encode("utf-8", errors="surrogatepass")
    if len(data) <= most:
        return text
    return f"{data[:most].decode('utf-8', errors='ignore')}\n[cut: the first {most} of {len(data)} bytes]"
