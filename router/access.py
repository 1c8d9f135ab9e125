"""Who is let in: declared by each route, so that a route without it is seen to be open."""

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from fastapi import HTTPException, Request

from providers.spec.errors import AuthenticationError
from router.keys import presented_keys


async def require_key(request: Request) -> None:
    """FastAPI dependency: pass with a router key; without any key configured, callers of this machine.

    Raises AuthenticationError. The text never says which part of a key was wrong.
    """
    router = request.app.state.router
    if not router.keys:
        _require_local(request, is_open=router.config.server.open)
        return
    presented = presented_keys(request.headers)
    if not presented:
        raise AuthenticationError("a router key is required: Authorization: Bearer, or x-api-key, or x-goog-api-key")
    names = [name for key in presented if (name := router.keys.verify(key))]
    if not names:
        raise AuthenticationError("this router key is not known")
    request.state.record.key = names[0]


async def may_read_metrics(request: Request) -> None:
    """FastAPI dependency of ``/metrics``: pass as ``[metrics] access`` says.

    Raises AuthenticationError, HTTPException.
    """
    match request.app.state.router.config.metrics.access:
        case "key":
            await require_key(request)
        case "off":
            raise HTTPException(404)
        case _:
            pass


def _require_local(request: Request, *, is_open: bool) -> None:
    """Without keys the machine itself is the key, whatever server runs the application.

    A web page that a user of this machine looks at is not the user: its requests name the page's origin, or reach us
    under a name that was made to point here (DNS rebinding).
    """
    if is_open:
        return
    server = request.scope.get("server")
    if server and not is_loopback_address(server[0]):
        raise AuthenticationError(
            "this router has no keys and is reached from outside its machine: "
            "set AI_ROUTER_KEYS, or [server] open = true"
        )
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    if not _is_this_machine(host) or (origin is not None and urlsplit(origin).netloc != host):
        raise AuthenticationError(
            "this router has no keys and answers nobody but programs of its own machine, "
            "by a loopback address: set AI_ROUTER_KEYS, or [server] open = true"
        )


@lru_cache(maxsize=64)
def _is_this_machine(host: str) -> bool:
    """Whether a Host header names this machine as seen from itself. A request without one comes from no browser."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in ("", "localhost") or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=64)
def is_loopback_address(host: str) -> bool:
    """Whether this is an address of the machine itself. What is no address (a socket's path) counts as one."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True
