"""Chunks of a Gemini stream that hold no more than the next piece of a text or a whole call, as nearly all of them do.

A compiled reader knows them from all others; what it reads adds to the answer what ``stream_decode`` would add,
spelling left aside.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from providers.wire.plain import blind_reader

# ruff: noqa: N815  # the wire's own words


class PlainCall(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A whole call."""

    name: str
    args: dict[str, Any] | None = None
    id: str | None = None


class PlainPart(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A text or a call."""

    text: str | UnsetType = UNSET
    functionCall: PlainCall | UnsetType = UNSET
    thoughtSignature: str | UnsetType = UNSET


class _Content(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    parts: tuple[PlainPart]
    role: Literal["model"] | UnsetType = UNSET


class PlainCandidate(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The candidate with this index goes on, or ends."""

    content: _Content
    index: int | UnsetType = UNSET
    finishReason: str | UnsetType = UNSET


class PlainChunk(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A chunk with one candidate."""

    candidates: tuple[PlainCandidate]
    usageMetadata: Raw | UnsetType = UNSET
    modelVersion: str | UnsetType = UNSET
    responseId: str | UnsetType = UNSET


read_chunk = blind_reader(PlainChunk)
"""``None`` for every other chunk, and for what is none.

Of its numbers only those in arguments are told apart from their negative: an index may be spelled in many ways.
"""
