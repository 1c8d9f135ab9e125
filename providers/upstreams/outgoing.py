"""The headers that leave for a provider: named by us, by the row and by the dialect, and no others."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from providers.spec.dialect import EncodedRequest
from providers.spec.errors import InvalidRequestError
from providers.upstreams.base import PreparedCall, ProviderRow
from providers.upstreams.placing import placed
from providers.wire.json import dumps

_FRAMING = frozenset({"connection", "content-length", "te", "trailer", "transfer-encoding", "upgrade"})
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
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
    url = urlsplit(row.base_url)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError(f"provider {row.name}: base_url must be an http or https address")
    if url.username is not None or url.password is not None:
        raise ValueError(f"provider {row.name}: base_url holds a user name; put credentials into headers")
    if not row.base_url.isascii() or not row.base_url.isprintable() or " " in row.base_url:
        raise ValueError(f"provider {row.name}: base_url holds characters that no URL can")
    if row.api_key is not None and not _KEY.fullmatch(row.api_key):
        raise ValueError(f"provider {row.name}: api_key is empty or holds a space, a line break or a non-ASCII letter")
    for name, value in row.headers.items():
        if name.lower() in _FRAMING:
            raise ValueError(f"provider {row.name}: header {name} is not the row's to set")
        if not _NAME.fullmatch(name):
            raise ValueError(f"provider {row.name}: a header has a name that no header can have")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"provider {row.name}: header {name} holds a line break or a non-ASCII letter")
    if row.key_header is not None and (not _NAME.fullmatch(row.key_header) or row.key_header.lower() in _FRAMING):
        raise ValueError(f"provider {row.name}: key_header is no name of a header that can take a key")


def content_of(encoded: EncodedRequest) -> bytes:
    """The bytes of a request: those it came in where it is relayed, else its body as compact JSON."""
    return dumps(encoded.body) if encoded.content is None else encoded.content


class Preparing:
    """Makes the calls of one row ready; what all of them share is made once.

    Every header that will leave but ``host`` and ``content-length`` is named here, in lower case. A later one of these
    wins: the standard ones, the key, the dialect's, the row's (an operator who names a header means it).
    """

    def __init__(self, row: ProviderRow, credentials: Mapping[str, str]) -> None:
        self._address = row.base_url.rstrip("/")
        self._call = row.call
        self._under = {**STANDARD, **credentials}
        self._over = {name.lower(): value for name, value in row.headers.items()}

    def call(self, encoded: EncodedRequest, *, stream: bool) -> PreparedCall:
        """What will leave. Raises InvalidRequestError for a header of the caller's that HTTP cannot carry."""
        for name, value in encoded.headers.items():
            if not _VALUE.fullmatch(value):
                raise InvalidRequestError(f"header {name} holds what no header can carry", path=f"headers.{name}")
        if self._call is not None:
            encoded = placed(encoded, self._call, stream=stream)
        return PreparedCall(
            method="POST",
            url=self._address + encoded.path,
            headers={**self._under, **encoded.headers, **self._over},
            body=content_of(encoded),
            stream=stream,
        )
