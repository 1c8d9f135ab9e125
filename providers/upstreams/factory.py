"""Opens the way to a provider: the SDK of its dialect is imported when a row first needs it."""

import asyncio
import importlib
from collections.abc import Callable, Mapping
from typing import cast

import httpx2

from providers.upstreams.base import ProviderRow, Upstream
from providers.upstreams.pool import new_pool

__all__ = ["DIALECTS", "SCRIPTED", "new_pool", "open_upstream"]

SCRIPTED = "scripted:"
"""What the base URL of a scripted row begins with; its dialect does not matter then."""

_OPENERS: Mapping[str, tuple[str, str]] = {
    "openai-chat": ("providers.upstreams.sdk_openai", "OpenAIUpstream"),
    "openai-responses": ("providers.upstreams.sdk_openai", "OpenAIUpstream"),
    "anthropic-messages": ("providers.upstreams.sdk_anthropic", "AnthropicUpstream"),
    "google-generate-content": ("providers.upstreams.sdk_google", "GoogleUpstream"),
}

DIALECTS = frozenset(_OPENERS)
"""Dialects that there is a transport for."""


async def open_upstream(row: ProviderRow, pool: httpx2.AsyncClient) -> Upstream:
    """The upstream of a row; connections come from ``pool``, which stays the caller's to close.

    Importing an SDK takes seconds, so it happens in a thread. Raises ValueError for a dialect that there is no
    transport for and for a row that could not be sent, ScriptError for a script that cannot be read.
    """
    return await asyncio.to_thread(_open, row, pool)


def _open(row: ProviderRow, pool: httpx2.AsyncClient) -> Upstream:
    if row.base_url.startswith(SCRIPTED):
        from providers.upstreams.scripted import ScriptedUpstream

        return ScriptedUpstream(row)
    if row.dialect not in _OPENERS:
        raise ValueError(f"provider {row.name}: no transport for dialect {row.dialect!r}; known: {sorted(DIALECTS)}")
    module, name = _OPENERS[row.dialect]
    opener = cast(Callable[[ProviderRow, httpx2.AsyncClient], Upstream], getattr(importlib.import_module(module), name))
    return opener(row, pool)
