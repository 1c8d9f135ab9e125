"""Runs a chat service by itself, as `loop-client serve` does."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from loop_client.client import LoopClient
from loop_client.errors import ConfigurationError
from loop_client.server.hooks import Authenticate, anybody, bearer
from loop_client.server.service import ChatService, ServiceSettings

_SHOWN: Final = ("reasoning", "sources", "client_tools", "system_messages", "allow_origins", "allow_credentials")
_BOUNDS: Final = ("max_body_bytes", "keep_alive_seconds")
_KINDS: Final[dict[str, type | tuple[type, ...]]] = {"bool": bool, "int": int, "float": (int, float)}


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, and whom to let in."""

    host: str = "127.0.0.1"
    port: int = 8090
    keys: tuple[str, ...] = ()
    """Accepted as ``Authorization: Bearer …``; everybody comes in where there are none."""
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


def alone(client: LoopClient, address: Address, settings: ServiceSettings) -> Starlette:
    """The service as an app of its own, with ``GET /healthz``; it closes the client when it ends."""
    authenticate: Authenticate = bearer(address.keys) if address.keys else anybody
    service = ChatService(client, authenticate=authenticate, settings=settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with client:
            yield

    async def healthz(request: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(routes=[Route("/healthz", healthz), Mount("/", service.app())], lifespan=lifespan)


def run_alone(client: LoopClient, address: Address, settings: ServiceSettings) -> None:
    """Serve until the process is told to stop."""
    app = alone(client, address, settings)
    uvicorn.run(app, host=address.host, port=address.port, access_log=False, timeout_graceful_shutdown=5)


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
