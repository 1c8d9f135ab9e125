"""What a service is told by the code around it: who calls, what a run is made of, and what to do when it ends."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from starlette.requests import Request

from loop_client.events import Message, RunFinish
from loop_client.jsontext import JsonObject
from loop_client.limits import Limits
from loop_client.model_request import ToolChoice
from loop_client.server.chat_request import ChatRequest
from loop_client.server.owners import owner_of_key
from loop_client.server.problems import Forbidden, Unauthorized
from loop_client.tools import Tool

Authenticate: TypeAlias = Callable[[Request], Awaitable[Mapping[str, Any]]]
"""Looks at a request and gives the caller's own values (user, workspace, secrets) for hooks and tools.

Raises ``Unauthorized`` or ``Forbidden`` where the caller may not come in.
"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What one run is made of; whatever is None is the client's own."""

    system: str | None = None
    """Put before the history, unless that has a system message."""
    model: str | None = None
    """A run that was suspended keeps the model it had."""
    tools: Sequence[Tool] = ()
    """Of this run alone, beside the client's; none may have the name of another."""
    messages: Sequence[Message] | None = field(default=None, repr=False)
    """The history, instead of what the browser sent: for a service that keeps conversations itself."""
    limits: Limits | None = None
    tool_choice: ToolChoice | None = None
    options: Mapping[str, Any] | None = None
    """Further members of the model requests, such as ``temperature``."""
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Further values for the tools, over those of the authentication hook. A job has those of its ``JobRuntime``."""
    as_job: bool | None = None
    """Whether the run is a job, which goes on when the page is closed; None for what the service's settings say. What
    follows is for jobs only, and is stored with them."""
    profile: str = "default"
    """Which of the runtime's clients runs it."""
    metadata: JsonObject = field(default_factory=dict)
    """For the runtime's ``values`` and ``on_finish``."""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """References, never keys."""


Prepare: TypeAlias = Callable[[ChatRequest], Awaitable[Prepared]]
"""Decides from a chat request what its run is made of. Called again when an answer comes and a suspended run goes on.

Raises ``Problem`` where the request is not to be answered.
"""

OnFinish: TypeAlias = Callable[[ChatRequest, RunFinish], Awaitable[None]]
"""Told of the end of every run that was not cut off, such as to store its history."""


async def anybody(request: Request) -> Mapping[str, Any]:
    """Lets everybody in: for a service that listens on the loopback address, or behind something that asks."""
    return {}


async def this_machine(request: Request) -> Mapping[str, Any]:
    """Lets programs of this machine in, for a service without keys that listens on the loopback address.

    A web page that somebody here looks at is not one of them: it could reach us under a name of its own that was made
    to point here (DNS rebinding), and would then read what is kept.
    """
    if not _is_this_machine(request.headers.get("host", "")):
        raise Forbidden(
            "this service has no keys and answers nobody but programs of its own machine, by a loopback address:"
            " set server.keys, or server.open = true"
        )
    return {}


def _is_this_machine(host: str) -> bool:
    """Whether a Host header names this machine as seen from itself. A request without one comes from no browser."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name in {"", "localhost"} or name.endswith(".localhost") or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


async def as_configured(request: ChatRequest) -> Prepared:
    """Leaves everything to the client."""
    return Prepared()


async def forget(request: ChatRequest, finish: RunFinish) -> None:
    """Keeps nothing."""


def bearer(keys: Collection[str] | Mapping[str, str]) -> Authenticate:
    """Lets those in who send one of the keys as ``Authorization: Bearer …``.

    What it gives is ``{"owner": …}``: whose the caller's jobs are.

    Args:
        keys: The keys, or the owner by key. The owner of a key that stands alone is named after a digest of it.

    Raises:
        ValueError: there is no key, or an empty one.
    """
    owners = dict(keys) if isinstance(keys, Mapping) else {key: owner_of_key(key) for key in keys}
    expected = [(key.encode(), owner) for key, owner in owners.items()]
    if not expected or "" in owners:
        raise ValueError("at least one key is needed, and none may be empty")

    async def authenticate(request: Request) -> Mapping[str, Any]:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        # Every key is compared, so that the time says nothing about which one was close.
        matches = [owner for key, owner in expected if hmac.compare_digest(given.strip().encode(), key)]
        if scheme.lower() != "bearer" or not matches:
            raise Unauthorized
        return {"owner": matches[0]}

    return authenticate
