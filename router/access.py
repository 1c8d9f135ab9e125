"""Who is let in: declared by each path, so that a path without it is seen to be open."""

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from providers.spec.errors import AuthenticationError, InvalidRequestError
from router.asgi import HttpCall
from router.config import Config
from router.keys import KeyRing, presented_keys


def require_key(call: HttpCall, keys: KeyRing, *, is_open: bool) -> None:
    """Pass with a router key; without any key configured, callers of this machine, or all where it ``is_open``.

    Raises AuthenticationError. The text never says which part of a key was wrong.
    """
    if not keys:
        _require_local(call, is_open=is_open)
        return
    presented = presented_keys(call.headers)
    if not presented:
        raise AuthenticationError("a router key is required: Authorization: Bearer, or x-api-key, or x-goog-api-key")
    for key in presented:
        name = keys.verify(key)
        if name is not None:
            call.record.key = name
            return
    raise AuthenticationError("this router key is not known")


def may_read_metrics(call: HttpCall, keys: KeyRing, config: Config) -> None:
    """Pass as ``[metrics] access`` says. Raises AuthenticationError, and InvalidRequestError (404) where it is off."""
    match config.metrics.access:
        case "key":
            require_key(call, keys, is_open=config.server.open)
        case "off":
            raise no_such_path(call)
        case _:
            pass


def no_such_path(call: HttpCall) -> InvalidRequestError:
    """The error where nobody answers."""
    text = f"no such path: {call.record.method} {call.record.path}"
    return InvalidRequestError(text, status=404, type="not_found_error")


def _require_local(call: HttpCall, *, is_open: bool) -> None:
    """Without keys the machine itself is the key, whatever server runs the application.

    A web page that a user of this machine looks at is not the user: its requests name the page's origin, or reach us
    under a name that was made to point here (DNS rebinding).
    """
    if is_open:
        return
    server = call.scope.get("server")
    if server and not is_loopback_address(server[0]):
        raise AuthenticationError(
            "this router has no keys and is reached from outside its machine: "
            "set AI_ROUTER_KEYS, or [server] open = true"
        )
    host, origin = call.headers.get("host", ""), call.headers.get("origin")
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
