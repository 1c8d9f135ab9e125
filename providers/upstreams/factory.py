"""Opens the way to a provider: over the shared pool, or through the SDK of its dialect where the row asks for it."""

import asyncio
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, cast

import msgspec

from providers.upstreams.base import ProviderRow, Upstream
from providers.upstreams.pool import Pool
from providers.upstreams.pooled import PooledUpstream

__all__ = ["DIALECTS", "SCRIPTED", "open_upstream"]

SCRIPTED = "scripted:"
"""What the base URL of a scripted row begins with; its dialect does not matter then."""


class _Way(msgspec.Struct, frozen=True):
    """How hosts of one dialect are called."""

    key_header: str
    """The header that takes the key, unless the row names another."""
    sdk: tuple[str, str]
    """Module and class of the transport through the SDK."""


_OPENAI = _Way("authorization", ("providers.upstreams.sdk_openai", "OpenAIUpstream"))

_WAYS: Mapping[str, _Way] = {
    # https://platform.openai.com/docs/api-reference/authentication
    "openai-chat": _OPENAI,
    "openai-responses": _OPENAI,
    # https://platform.claude.com/docs/en/api/overview, and what compatible hosts expect. The SDK itself sends
    # ``Authorization: Bearer`` since its version 2; a row that needs that names the header.
    "anthropic-messages": _Way("x-api-key", ("providers.upstreams.sdk_anthropic", "AnthropicUpstream")),
    # https://ai.google.dev/api: the key also goes as a query parameter, which ends up in logs.
    "google-generate-content": _Way("x-goog-api-key", ("providers.upstreams.sdk_google", "GoogleUpstream")),
}

_TOKENS: Mapping[str, tuple[str, str]] = {
    "google": ("providers.upstreams.google_tokens", "GoogleTokens"),
    "azure": ("providers.upstreams.azure_tokens", "AzureTokens"),
}
"""Module and class of the source of each kind of token."""

DIALECTS = frozenset(_WAYS)
"""Dialects that there is a transport for."""


async def open_upstream(row: ProviderRow, pool: Pool) -> Upstream:
    """The upstream of a row; connections come from ``pool``, which stays the caller's to close.

    Raises ValueError for a dialect that there is no transport for and for a row that could not be sent, ScriptError
    for a script that cannot be read.
    """
    # In a thread: a script is read, and an SDK takes seconds to import.
    return await asyncio.to_thread(_open, row, pool)


def _open(row: ProviderRow, pool: Pool) -> Upstream:
    if row.base_url.startswith(SCRIPTED):
        from providers.upstreams.scripted import ScriptedUpstream

        return ScriptedUpstream(row)
    if row.dialect not in _WAYS:
        raise ValueError(f"provider {row.name}: no transport for dialect {row.dialect!r}; known: {sorted(DIALECTS)}")
    way = _WAYS[row.dialect]
    if row.tokens is not None:
        from providers.upstreams.tokened import TokenUpstream

        module, name = _TOKENS[row.tokens]
        return TokenUpstream(row, pool, getattr(import_module(module), name)(row))
    credentials = _credentials(row, way)
    if row.transport == "pool":
        return PooledUpstream(row, pool, credentials)
    from providers.upstreams.sdk_carrier import new_client

    module, name = way.sdk
    opener = cast(Callable[[ProviderRow, Mapping[str, str], Any], Upstream], getattr(import_module(module), name))
    return opener(row, credentials, pool.companion(new_client))


def _credentials(row: ProviderRow, way: _Way) -> dict[str, str]:
    """The key in its header. HTTP's own header takes it with the scheme for tokens (RFC 6750), any other as it is."""
    if row.api_key is None:
        return {}
    header = (row.key_header or way.key_header).lower()
    return {header: f"Bearer {row.api_key}" if header == "authorization" else row.api_key}
