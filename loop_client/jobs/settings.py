"""Where jobs are kept and how many of them run: the table `[jobs]`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from loop_client.config_values import value_of
from loop_client.errors import ConfigurationError
from loop_client.retry import PATIENT, Retry

URL_VARIABLE: Final = "LOOP_CLIENT_JOBS_URL"
"""Environment variable that wins over ``store``."""
FOR_EVER: Final = "forever"
"""In the table, the ``retention`` of jobs that are kept until somebody deletes the store."""


@dataclass(frozen=True, slots=True)
class JobSettings:
    """How jobs are kept and run.

    Raises:
        ConfigurationError: a value cannot work; the text names it.
    """

    store: str = "memory"
    """``memory``, ``sqlite:///path`` (one machine) or ``postgresql://…`` (any number)."""
    role: Literal["all", "api", "worker"] = "all"
    """``api`` only takes and shows jobs, ``worker`` and ``all`` run them, too."""
    concurrency: int = 16
    """Jobs that work at once in this process; those that wait for somebody do not count."""
    open_jobs: int = 1000
    """Jobs that this process has taken up at most, waiting ones included. A burst goes to whichever worker asks first,
    so lower it where several workers share long jobs."""
    tool_concurrency: Mapping[str, int] = field(default_factory=dict)
    """Calls of a tool that run at once in this process, by its name; unbounded where it is not named."""
    queue_length: int = 1000
    """Jobs that wait for a worker at most; beyond, none is taken (``QueueFull``)."""
    retry: Retry = PATIENT
    """How often a failed model call of a job is made again; what the client says of it is for live runs."""
    retention: float | None = 30 * 24 * 3600.0
    """Seconds after its end for which a job is kept; None for ever (in the table ``"forever"``)."""
    max_event_bytes: int = 256 * 1024
    """Of one event; what is beyond is cut, and the event says so. The model's history keeps all of it."""
    max_result_bytes: int = 1024 * 1024
    """Of one tool's result, where the tool itself allows more."""
    event_seconds: float = 0.25
    """Words of the model and progress of tools are told so often."""
    poll_seconds: float = 0.1
    """How often a worker looks for new jobs, and a SQLite store for new events and answers."""
    sweep_seconds: float = 1.0
    """How often a worker looks for jobs whose worker has died; they are taken up when it finds them dead twice."""
    drain_seconds: float = 10.0
    """How long a worker that is told to end waits for the model calls and tools that run; they are interrupted then."""
    slots: int = 64
    """Workers that one store can have at once."""
    locks: str | None = None
    """A folder for the locks of a SQLite store (beside its file by default), or a PostgreSQL URL that leads to the
    server itself where ``store`` leads to a transaction pooler."""
    listen: bool = True
    """Whether PostgreSQL tells of news by itself; false behind a transaction pooler."""

    def __post_init__(self) -> None:
        """Refuse what could not work."""
        if not (self.store == "memory" or self.store.startswith(("sqlite:///", "postgresql://", "postgres://"))):
            # Not repeated: it may hold a password.
            raise ConfigurationError("jobs.store: memory, sqlite:///path or postgresql://… is expected")
        for name in ("concurrency", "open_jobs", "queue_length", "slots"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"jobs.{name} must be at least 1")
        for name in ("max_event_bytes", "max_result_bytes"):
            if getattr(self, name) < 1024:
                raise ConfigurationError(f"jobs.{name} must be at least 1024")
        for name in ("event_seconds", "poll_seconds", "sweep_seconds"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"jobs.{name} must be above 0")
        if self.retention is not None and not self.retention > 0:
            raise ConfigurationError("jobs.retention must be above 0")
        if any(count < 1 for count in self.tool_concurrency.values()):
            raise ConfigurationError("jobs.tool_concurrency: at least 1 is expected")

    @property
    def runs_jobs(self) -> bool:
        """Whether this process works on jobs."""
        return self.role != "api"


def read_jobs_table(table: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> JobSettings:
    """Read the table ``[jobs]`` of a configuration; ``LOOP_CLIENT_JOBS_URL`` wins over its ``store``.

    Raises:
        ConfigurationError: a key is unknown, or its value is not what it should be; the text names it.
    """
    environment = os.environ if environment is None else environment
    given = dict(table)
    if environment.get(URL_VARIABLE):
        given["store"] = environment[URL_VARIABLE]
    if "retention" in given:
        given["retention"] = _retention(given["retention"])
    if "retry" in given:
        if not isinstance(given["retry"], dict):
            raise ConfigurationError("jobs.retry: a table is expected")
        # What the table does not say is as in the default for jobs, not as in that for live runs.
        given["retry"] = value_of(Retry, {**asdict(PATIENT), **given["retry"]}, ("jobs", "retry"))
    return value_of(JobSettings, given, ("jobs",))


def _retention(value: object) -> object:
    """TOML has no None."""
    if not isinstance(value, str):
        return value
    if value != FOR_EVER:
        raise ConfigurationError(f'jobs.retention: seconds are expected, or "{FOR_EVER}"')
    return None
