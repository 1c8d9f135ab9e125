"""Router keys: made, hashed, and compared in constant time.

Only hashes are kept. Plain SHA-256 is the right hash here: a key made by ``new_key`` has 256 random bits, so there is
nothing to guess and a slow password hash would only make every request slow. That does not hold for keys that people
think up, which is why ``AI_ROUTER_KEYS`` warns about short ones.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping

import msgspec

KEY_PREFIX = "air_"
"""Begins every key that we make, so that scanners for leaked secrets can know it."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_ENTRY = re.compile(rf"(?:(?P<name>{_NAME}):)?sha256:(?P<digest>[0-9a-fA-F]{{64}})")


class RouterKey(msgspec.Struct, frozen=True):
    """One caller that is let in."""

    name: str
    """Who it is; appears in logs."""
    digest: bytes
    """SHA-256 of the key."""

    def __repr__(self) -> str:
        """Without the digest: it has no business in logs."""
        return f"RouterKey(name={self.name!r})"


def new_key() -> tuple[str, str]:
    """A fresh key and the hash to store for it (``sha256:…``). The key cannot be had from the hash."""
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    return key, hash_of(key)


def hash_of(key: str) -> str:
    """What is stored for a key: ``sha256:`` and 64 hexadecimal digits."""
    return f"sha256:{_digest(key).hex()}"


def is_name(name: str) -> bool:
    """Whether a key may be called so: up to 64 letters, digits, dots, dashes and underscores."""
    return re.fullmatch(_NAME, name) is not None


def stored_key(entry: str, default_name: str) -> RouterKey:
    """Read ``name:sha256:…`` or ``sha256:…``. Raises ValueError for anything else; its text does not hold the entry."""
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise ValueError("expected sha256: and 64 hexadecimal digits, as printed by `ai-router keys new`")
    return RouterKey(match["name"] or default_name, bytes.fromhex(match["digest"]))


def plain_key(key: str, name: str) -> RouterKey:
    """A key that was given as it is; only its hash is kept."""
    return RouterKey(name, _digest(key))


class KeyRing:
    """The keys that are let in."""

    def __init__(self, keys: Iterable[RouterKey]) -> None:
        self._keys = tuple(keys)

    def __bool__(self) -> bool:
        """Whether there is any key at all: without one nobody is asked for it."""
        return bool(self._keys)

    def verify(self, presented: str) -> str | None:
        """The name of the key, or ``None``. Takes the same time whichever entry matches, or none."""
        digest = _digest(presented)
        found: str | None = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, digest):
                found = key.name
        return found


def presented_keys(headers: Mapping[str, str]) -> list[str]:
    """The keys a request carries, wherever the caller's SDK puts them: OpenAI's, Anthropic's or Google's header."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    bearer = credentials.strip() if scheme.lower() == "bearer" else ""
    return [key for key in (bearer, headers.get("x-api-key", ""), headers.get("x-goog-api-key", "")) if key]


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
