"""What a service runs jobs with: its clients by profile, and what it knows of a job's owner when the job runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from loop_client.client import LoopClient
from loop_client.errors import ConfigurationError, LoopClientError
from loop_client.event_base import json_fields
from loop_client.jobs.errors import InvalidJob
from loop_client.jobs.spec import JobSpec
from loop_client.jsontext import JsonObject
from loop_client.limits import Limits
from loop_client.model_request import Model
from loop_client.run_events import RunFinish
from loop_client.run_state import RunSpec
from loop_client.suspend import outside_tool

DEFAULT_PROFILE: Final = "default"


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A job, as the service's own functions see it when it runs."""

    id: str
    owner: str
    spec: JobSpec = field(repr=False)


JobValues: TypeAlias = Callable[[JobInfo], Awaitable[Mapping[str, Any]]]
"""Gives the tools' own values (user, workspace, secrets behind the job's credential references) each time a job is
taken up. They reach tool contexts and nothing else."""

JobFinish: TypeAlias = Callable[[JobInfo, RunFinish], Awaitable[None]]
"""Told of the end of a job's run, at least once: again if the process dies meanwhile."""


async def no_values(job: JobInfo) -> Mapping[str, Any]:
    """Nothing is known."""
    return {}


async def forget(job: JobInfo, finish: RunFinish) -> None:
    """Nothing is done."""


class JobRuntime:
    """Makes runs of jobs.

    Args:
        clients: One client, or several by profile name; ``default`` is that of jobs which name none. They are not
            closed here.
        values: What the tools of a job may know of its owner.
        on_finish: Told of the end of every run; what it raises is logged.

    Raises:
        ConfigurationError: there is no client.
    """

    def __init__(
        self,
        clients: LoopClient | Mapping[str, LoopClient],
        *,
        values: JobValues = no_values,
        on_finish: JobFinish = forget,
    ) -> None:
        self._clients = {DEFAULT_PROFILE: clients} if isinstance(clients, LoopClient) else dict(clients)
        if not self._clients:
            raise ConfigurationError("jobs need at least one client")
        self.values = values
        self.on_finish = on_finish

    @property
    def profiles(self) -> tuple[str, ...]:
        """Names of the profiles."""
        return tuple(self._clients)

    def resolved(self, spec: JobSpec) -> JobSpec:
        """The job with everything that its profile decides now: what is deployed later does not change it.

        Raises:
            InvalidJob: it cannot be run here.
        """
        client = self._client(spec)
        limits = json_fields(client.limits) | (spec.limits or {})
        system = client.system if spec.system is None else spec.system
        messages = spec.messages
        if system and messages[0].get("role") != "system":
            messages = ({"role": "system", "content": system}, *messages)
        tool_choice = client.tool_choice if spec.tool_choice is None else spec.tool_choice
        filled = replace(
            spec,
            model=spec.model or client.model,
            system=None,
            messages=messages,
            limits=limits,
            tool_choice=tool_choice,
        )
        self.run_spec(filled, "job", {})
        return filled

    def run_spec(self, spec: JobSpec, job_id: str, values: Mapping[str, Any]) -> RunSpec:
        """The run that a job asks for.

        Raises:
            InvalidJob: it cannot be run here.
        """
        client = self._client(spec)
        try:
            return client.run_spec(
                spec.messages,
                model=spec.model,
                system="",
                tools=[outside_tool(body) for body in spec.outside_tools],
                only=spec.tools,
                tool_choice=spec.tool_choice,
                limits=_limits(spec.limits),
                options=spec.options,
                values=values,
                run_id=job_id,
            )
        except (LoopClientError, KeyError, TypeError) as error:
            raise InvalidJob(f"the job cannot be run: {error}") from None

    def model(self, spec: JobSpec) -> Model:
        """What answers the job's model requests.

        Raises:
            InvalidJob: there is no such profile.
        """
        return self._client(spec).transport

    def _client(self, spec: JobSpec) -> LoopClient:
        client = self._clients.get(spec.profile)
        if client is None:
            raise InvalidJob(f"profile: there is none named {spec.profile!r}")
        return client


def _limits(body: JsonObject | None) -> Limits | None:
    # Absent means the bound is lifted: that is how a resolved job has it.
    if body is None:
        return None
    lifted = dict.fromkeys(("max_calls", "max_seconds", "warn_repeats", "max_repeats"))
    return Limits(**{**lifted, **body})


__all__ = ["DEFAULT_PROFILE", "JobFinish", "JobInfo", "JobRuntime", "JobValues"]
