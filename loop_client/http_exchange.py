"""Sends one request of a tool and reads the response, bounded, and with nothing of a failure told but its kind."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

import httpx2

from loop_client.content import FilePart, ImagePart, ToolContent
from loop_client.errors import LoopClientError, ToolError

_MOST_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_KEEPING_THE_METHOD: Final = frozenset({307, 308})
_PASSING: Final = frozenset({408, 425, 429})
_LONGEST_ERROR: Final = 2000
_TEXT_TYPES: Final = frozenset({"application/json", "application/xml", "application/x-ndjson", "application/yaml", ""})

_log = logging.getLogger("loop_client")


class ServiceUnavailable(LoopClientError):
    """An endpoint could not be reached, or failed in a way that may pass: a retry may help."""


@dataclass(frozen=True, slots=True)
class HttpRules:
    """What holds for every request of one tool."""

    tool_name: str
    headers: Mapping[str, str] = field(repr=False)
    max_response_bytes: int
    show_errors: bool


async def exchange(client: httpx2.AsyncClient, request: httpx2.Request, rules: HttpRules) -> ToolContent:
    """Send the request; the body of a successful response.

    Text and JSON come as they are, images and files as content parts.

    Raises:
        ToolError: the endpoint refused, redirected elsewhere, or answered with what cannot be taken.
        ServiceUnavailable: it could not be reached, or failed in a way that may pass.
    """
    # A compressed body could be a thousand times what the bound lets through.
    request.headers["accept-encoding"] = "identity"
    try:
        for _ in range(_MOST_REDIRECTS + 1):
            response = await client.send(request, stream=True, follow_redirects=False)
            async with aclosing(response):
                if response.status_code not in _REDIRECTS:
                    return await _content(response, rules)
                request = _followed(response, rules)
    except httpx2.TransportError as error:
        _log.warning("tool %s: the endpoint cannot be reached: %s", rules.tool_name, type(error).__name__)
        raise ServiceUnavailable("the endpoint cannot be reached") from None
    raise ToolError("the service redirects again and again")


def _followed(response: httpx2.Response, rules: HttpRules) -> httpx2.Request:
    """The request to where a response leads, if that is the same host and the call stays the same call."""
    sent, following = response.request, response.next_request
    stays = following is not None and _origin(following.url) == _origin(sent.url) and not following.url.userinfo
    keeps = response.status_code in _KEEPING_THE_METHOD or sent.method == "GET"
    if following is None or not stays or not keeps:
        _log.warning("tool %s: a redirect (HTTP %d) is not followed", rules.tool_name, response.status_code)
        raise ToolError("the service sent the call elsewhere, and it was not sent there")
    return following


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


async def _content(response: httpx2.Response, rules: HttpRules) -> ToolContent:
    if not response.is_success:
        raise await _failure(response, rules)
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise ToolError("the service answered in a compressed form that was not asked for")
    body = await _read_at_most(response, rules.max_response_bytes)
    if len(body) > rules.max_response_bytes:
        raise ToolError(f"the service's answer is larger than {rules.max_response_bytes} bytes")
    return _taken(response, body)


def _taken(response: httpx2.Response, body: bytes) -> ToolContent:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not body:
        return f"done (HTTP {response.status_code}, no content)"
    if kind.startswith("image/") and kind != "image/svg+xml":
        return [ImagePart(base64.b64encode(body).decode(), kind)]
    if kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith(("+json", "+xml")):
        return _decoded(response, body)
    return [FilePart(base64.b64encode(body).decode(), kind)]


def _decoded(response: httpx2.Response, body: bytes) -> str:
    try:
        return body.decode(response.charset_encoding or "utf-8", errors="replace")
    except LookupError:  # a character set that Python does not know
        return body.decode("utf-8", errors="replace")


async def _failure(response: httpx2.Response, rules: HttpRules) -> LoopClientError:
    """What a refusal becomes. What the endpoint says may hold what the model must not see, so that is not told."""
    status = response.status_code
    _log.warning("tool %s: the endpoint answered HTTP %d", rules.tool_name, status)
    if status >= 500 or status in _PASSING:
        return ServiceUnavailable(f"HTTP {status}")
    text = f"the service refused the call (HTTP {status})"
    if rules.show_errors and "content-encoding" not in response.headers:
        said = _decoded(response, await _read_at_most(response, _LONGEST_ERROR))[:_LONGEST_ERROR].strip()
        text = f"{text}: {said}" if said else text
    return ToolError(text)


async def _read_at_most(response: httpx2.Response, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > limit:
            break
    return bytes(body[: limit + 1])
