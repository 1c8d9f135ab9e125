"""Runs a chat service and the work on its jobs by itself, as `loop-client serve` does."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, fields
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from loop_client.client import LoopClient
from loop_client.errors import ConfigurationError
from loop_client.events import RunFinish
from loop_client.jobs import JobEngine, JobInfo, JobRuntime, JobSettings, job_engine
from loop_client.server.hooks import Authenticate, anybody, bearer, this_machine
from loop_client.server.job_hooks import as_asked
from loop_client.server.metrics import Metrics
from loop_client.server.owners import owners_of_keys
from loop_client.server.service import ChatService, ServiceSettings

_SHOWN: Final = (
    "reasoning",
    "sources",
    "client_tools",
    "system_messages",
    "allow_origins",
    "allow_credentials",
    "chat_jobs",
)
_BOUNDS: Final = ("max_body_bytes", "keep_alive_seconds")
_log: Final = logging.getLogger("loop_client.server")
_READY_SECONDS: Final = 3.0
_NOT_STARTED: Final = 3
"""Exit code, as uvicorn's."""
_NOBODY: Final = "nobody: asked by readyz"
_KINDS: Final[dict[str, type | tuple[type, ...]]] = {"bool": bool, "int": int, "float": (int, float)}


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, and whom to let in."""

    host: str = "127.0.0.1"
    port: int = 8090
    keys: tuple[str, ...] = ()
    """Accepted as ``Authorization: Bearer …``; everybody comes in where there are none. ``name:key`` says whose the key
    and its jobs are; a key alone is an owner of its own."""
    open: bool = False
    """Whether to listen beyond this machine without keys."""

    def __post_init__(self) -> None:
        """Not open by accident.

        Raises:
            ConfigurationError: it would be.
        """
        if not self.keys and not self.open and not _is_loopback(self.host):
            raise ConfigurationError(
                f"server.host {self.host} is reachable from other machines: set server.keys, or server.open = true"
            )


def read_server_table(table: Mapping[str, Any]) -> tuple[Address, ServiceSettings]:
    """Read the table ``[server]`` of a configuration.

    Keys: ``host``, ``port``, ``keys`` (``env:NAME`` of a variable with keys, separated by commas), ``open``, and those
    of ``ServiceSettings`` that are plain values.

    Raises:
        ConfigurationError: a key is unknown, or its value is not what it should be; the text names it.
    """
    known = {"host", "port", "keys", "open", *_SHOWN, *_BOUNDS}
    unknown = sorted(table.keys() - known)
    if unknown:
        raise ConfigurationError(
            f"server.{unknown[0]}: there is no such setting; there are: {', '.join(sorted(known))}"
        )
    settings: dict[str, Any] = {}
    for item in fields(ServiceSettings):
        if item.name in table:
            settings[item.name] = _setting(item.name, str(item.type), table[item.name])
    try:
        service = ServiceSettings(**settings)
    except ValueError as error:
        raise ConfigurationError(f"server: {error}") from None
    return _address(table), service


@dataclass(frozen=True, slots=True)
class Alone:
    """A service as a process of its own."""

    app: Starlette
    service: ChatService


def alone(client: LoopClient, address: Address, settings: ServiceSettings, jobs: JobSettings | None = None) -> Alone:
    """The service as an app of its own, with ``GET /healthz`` (the process lives) and ``GET /readyz`` (jobs can be
    started or worked on here); it closes the client when it ends. A worker has these two paths and no other.

    Raises:
        ConfigurationError: the settings of the jobs cannot work.
    """
    jobs = jobs or JobSettings()
    metrics = Metrics()
    engine = job_engine(jobs, JobRuntime(client, on_finish=_counting(metrics)))
    authenticate: Authenticate = anybody if address.open else this_machine
    if address.keys:
        authenticate = bearer(owners_of_keys(address.keys))
    # Whoever has a key of this service is a program of its owner, who also wrote the configuration.
    service = ChatService(
        client, authenticate=authenticate, settings=settings, metrics=metrics, jobs=engine, prepare_job=as_asked
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with client, service:
            yield

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(request: Request) -> Response:
        return PlainTextResponse("ok") if await _works(engine) else PlainTextResponse("the jobs' store fails", 503)

    routes: list[BaseRoute] = [Route("/healthz", healthz), Route("/readyz", readyz)]
    if jobs.role != "worker":
        routes.append(Mount("/", service.app()))
    return Alone(Starlette(routes=routes, lifespan=lifespan), service)


def run_alone(client: LoopClient, address: Address, settings: ServiceSettings, jobs: JobSettings | None = None) -> None:
    """Serve until the process is told to stop.

    Raises:
        ConfigurationError: as ``alone``.
    """
    served = alone(client, address, settings, jobs)
    config = uvicorn.Config(
        served.app, host=address.host, port=address.port, access_log=False, timeout_graceful_shutdown=5
    )
    server = _Server(config, served.service)
    # As uvicorn's own command does it: after an interrupt everything has been closed, so that it is an end like others.
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(_NOT_STARTED)


class _Server(uvicorn.Server):
    """Lets the viewers of jobs go when the process is told to stop: their streams would not end by themselves."""

    def __init__(self, config: uvicorn.Config, service: ChatService) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Told to stop: what is under way may end."""
        self._service.end_streams()
        await super().shutdown(sockets)


def _counting(metrics: Metrics) -> Callable[[JobInfo, RunFinish], Awaitable[None]]:
    async def count(job: JobInfo, finish: RunFinish) -> None:
        metrics.job_ended(job.spec.profile, finish)

    return count


async def _works(engine: JobEngine) -> bool:
    """Whether the store answers."""
    try:
        async with asyncio.timeout(_READY_SECONDS):
            await engine.list(_NOBODY, limit=1)
    except Exception:  # noqa: BLE001  # whatever it was, the answer is no
        _log.warning("the store of the jobs does not answer", exc_info=True)
        return False
    return True


def _address(table: Mapping[str, Any]) -> Address:
    given: dict[str, Any] = {}
    for name, kind in (("host", str), ("port", int), ("open", bool)):
        if name in table:
            if not isinstance(table[name], kind) or (kind is int and isinstance(table[name], bool)):
                raise ConfigurationError(f"server.{name}: a value of type {kind.__name__} is expected")
            given[name] = table[name]
    return Address(**given, keys=_keys(table.get("keys")))


def _keys(reference: object) -> tuple[str, ...]:
    if reference is None:
        return ()
    if not isinstance(reference, str) or not reference.startswith("env:"):
        # The text is not repeated: it may be a key.
        raise ConfigurationError("server.keys: env:NAME is expected; keys do not belong into a file")
    name = reference.removeprefix("env:")
    keys = tuple(key.strip() for key in os.environ.get(name, "").split(",") if key.strip())
    if not keys:
        raise ConfigurationError(f"server.keys: the environment variable {name} is not set")
    return keys


def _setting(name: str, kind: str, value: object) -> object:
    if kind.startswith("tuple"):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigurationError(f"server.{name}: a list of strings is expected")
        return tuple(value)
    expected = _KINDS[kind]
    if not isinstance(value, expected) or (kind != "bool" and isinstance(value, bool)):
        raise ConfigurationError(f"server.{name}: a value of type {kind} is expected")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
