"""What callers may choose of a job: decided by the code around the service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from loop_client.jobs import JobSpec
from loop_client.server.problems import Forbidden


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A job that somebody asks for."""

    spec: JobSpec
    owner: str
    values: Mapping[str, Any] = field(repr=False)
    """What the authentication hook said of the caller."""


PrepareJob: TypeAlias = Callable[[JobRequest], Awaitable[JobSpec]]
"""Decides from what is asked what is run; what it adds is stored with the job, so nothing secret.

Raises ``Problem`` where the job is not to be.
"""

_DECIDED_HERE: Final = ("model", "system", "limits", "options", "credentials", "profile")


async def as_asked(request: JobRequest) -> JobSpec:
    """Everything is the caller's choice: for a service whose callers are your own programs."""
    return request.spec


async def within_profile(request: JobRequest) -> JobSpec:
    """The caller chooses the words, which of the tools are offered, and tools that it answers itself; model, limits and
    instructions are those of the client. For a service that browsers call."""
    usual = JobSpec(request.spec.messages)
    for name in _DECIDED_HERE:
        if getattr(request.spec, name) != getattr(usual, name):
            raise Forbidden(f"{name}: this service decides it")
    for index, message in enumerate(request.spec.messages):
        if message.get("role") in {"system", "developer"}:
            raise Forbidden(f"messages[{index}].role: this service decides on instructions")
    return request.spec
