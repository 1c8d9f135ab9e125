"""Signatures that show that a suspended run and the answers to it are of our own making and unaltered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from typing import Final, TypeAlias

from loop_client.errors import ConfigurationError

Secret: TypeAlias = str | bytes
"""At least 16 bytes; a string may be ``env:NAME``, to be read from the environment."""

_SHORTEST_SECRET: Final = 16


class Signer:
    """Signs with the first secret and accepts the signatures of all, so that secrets can be changed while runs wait.

    Raises:
        ConfigurationError: no secret, an empty variable, or a secret that is too short.
    """

    def __init__(self, secrets: Sequence[Secret]) -> None:
        self._keys = tuple(_key(secret) for secret in secrets)
        if not self._keys:
            raise ConfigurationError("there is no secret to sign with")

    def __repr__(self) -> str:
        """Nothing of the secrets."""
        return f"Signer({len(self._keys)} secrets)"

    def sign(self, purpose: str, *fields: str) -> str:
        """The signature of these fields for one purpose: 43 characters that are safe in URLs."""
        return _signature(self._keys[0], purpose, fields)

    def is_signed(self, signature: str, purpose: str, *fields: str) -> bool:
        """Whether this is the signature of these fields, compared in constant time."""
        given = signature.encode("utf-8", errors="surrogatepass")
        # No early end: which secret fits is nobody's business.
        fits = [hmac.compare_digest(given, _signature(key, purpose, fields).encode()) for key in self._keys]
        return any(fits)


def call_token(signer: Signer, run_id: str, call_id: str, name: str, arguments_text: str) -> str:
    """What the answer to a waiting call must bring: holds for this run, call, name and argument text only."""
    return signer.sign("call", run_id, call_id, name, arguments_text)


def call_digest(*fields: str) -> str:
    """As ``call_token``, made without a secret: tells calls and arguments apart, and proves nothing."""
    digest = hashlib.sha256()
    for field in fields:
        data = field.encode("utf-8", errors="surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()


def is_call_token(signer: Signer, token: str, run_id: str, call_id: str, name: str, arguments_text: str) -> bool:
    """Whether a token is that of this call."""
    return signer.is_signed(token, "call", run_id, call_id, name, arguments_text)


def _signature(key: bytes, purpose: str, fields: Sequence[str]) -> str:
    digest = hmac.new(key, digestmod=hashlib.sha256)
    for field in ("loop-client/1", purpose, *fields):
        data = field.encode("utf-8", errors="surrogatepass")
        # Each with its length, so that no two lists of fields look the same.
        digest.update(len(data).to_bytes(8, "big") + data)
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()


def _key(secret: Secret) -> bytes:
    if isinstance(secret, str) and secret.startswith("env:"):
        name = secret.removeprefix("env:")
        secret = os.environ.get(name, "")
        if not secret:
            raise ConfigurationError(f"the environment variable {name} is not set, so there is no secret to sign with")
    key = secret.encode() if isinstance(secret, str) else secret
    if len(key) < _SHORTEST_SECRET:
        raise ConfigurationError(f"a secret to sign with must have at least {_SHORTEST_SECRET} bytes")
    return key
