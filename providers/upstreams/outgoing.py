"""The headers that leave for a provider: named by us, by the row and by the dialect, and no others."""

import re
from collections.abc import Mapping, Set

import httpx2

from providers.spec.dialect import EncodedRequest
from providers.upstreams.base import PreparedCall, ProviderRow
from providers.wire.json import dumps

_FRAMING = frozenset({"connection", "content-length", "te", "trailer", "transfer-encoding", "upgrade"})
_VALUE = re.compile(r"[\x20-\x7e]*")
_KEY = re.compile(r"[\x21-\x7e]+")

STANDARD: Mapping[str, str] = {
    "accept": "application/json",
    # Not compressed: the text is small, a compressor may hold a stream back, and bytes can then be relayed as they are.
    "accept-encoding": "identity",
    "content-type": "application/json",
    "user-agent": "ai-router",
}


def check_row(row: ProviderRow) -> None:
    """Refuse what could not be sent, before it is met in the middle of a call.

    Raises ValueError, whose text has neither the key nor a header's value.
    """
    url = httpx2.URL(row.base_url)
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError(f"provider {row.name}: base_url must be an http or https address")
    if url.userinfo:
        raise ValueError(f"provider {row.name}: base_url holds a user name; put credentials into headers")
    if row.api_key is not None and not _KEY.fullmatch(row.api_key):
        raise ValueError(f"provider {row.name}: api_key is empty or holds a space, a line break or a non-ASCII letter")
    for name, value in row.headers.items():
        if name.lower() in _FRAMING:
            raise ValueError(f"provider {row.name}: header {name} is not the row's to set")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"provider {row.name}: header {name} holds a line break or a non-ASCII letter")


def content_of(encoded: EncodedRequest) -> bytes:
    """The bytes of a request: those it came in where it is relayed, else its body as compact JSON."""
    return dumps(encoded.body) if encoded.content is None else encoded.content


def headers_of(row: ProviderRow, encoded: EncodedRequest, credentials: Mapping[str, str]) -> dict[str, str]:
    """Every header that will leave but ``host`` and ``content-length``; names in lower case.

    A later one of these wins: the standard ones, the key, the dialect's, the row's (an operator who names a header
    means it).
    """
    layers = (STANDARD, credentials, encoded.headers, row.headers)
    return {name.lower(): value for layer in layers for name, value in layer.items()}


def named_only(request: httpx2.Request, named: Set[str]) -> httpx2.Request:
    """Take off a request every header that was not named for it, in place.

    The SDKs add what they find in the environment (``OPENAI_ORG_ID``, ``OPENAI_CUSTOM_HEADERS``,
    ``ANTHROPIC_CUSTOM_HEADERS``, …) and a description of the machine (``x-stainless-*``), whatever the address.
    """
    keep = {name.lower() for name in named} | {"host", "content-length"}
    for name in [name for name in request.headers if name.lower() not in keep]:
        del request.headers[name]
    return request


def prepared(request: httpx2.Request, *, stream: bool) -> PreparedCall:
    """A built request as what will leave."""
    headers = {name: value for name, value in request.headers.items() if name not in {"host", "content-length"}}
    return PreparedCall(
        method=request.method, url=str(request.url), headers=headers, body=request.content, stream=stream
    )
