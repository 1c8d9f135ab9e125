"""Chunks of a chat stream that tell of texts, calls, the reason and usage as nearly every host spells them.

A compiled reader knows them from all others; what it reads adds to the answer what ``stream_decode`` would add.
"""

from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from providers.wire.plain import blind_reader


class _Function(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    arguments: str
    name: str | UnsetType | None = UNSET


class CallPiece(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A fragment of the call with this index."""

    index: int
    function: _Function
    id: str | UnsetType | None = UNSET
    type: Literal["function"] | UnsetType | None = UNSET


class Delta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What a choice says next."""

    content: str | UnsetType | None = UNSET
    tool_calls: list[CallPiece] | UnsetType | None = UNSET
    role: Literal["assistant"] | UnsetType | None = UNSET
    refusal: UnsetType | None = UNSET
    function_call: UnsetType | None = UNSET
    reasoning_content: str | UnsetType | None = UNSET


class PlainChoice(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The choice with this index goes on, or ends."""

    index: int
    delta: Delta
    logprobs: UnsetType | None = UNSET
    finish_reason: str | UnsetType | None = UNSET


class PlainChunk(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A chunk."""

    choices: list[PlainChoice]
    id: str | UnsetType = UNSET
    object: str | UnsetType = UNSET
    created: int | UnsetType = UNSET
    model: str | UnsetType = UNSET
    service_tier: str | UnsetType | None = UNSET
    system_fingerprint: str | UnsetType | None = UNSET
    usage: Raw | UnsetType = UNSET
    obfuscation: str | UnsetType = UNSET
    p: str | UnsetType = UNSET


read_chunk = blind_reader(PlainChunk)
"""``None`` for every other chunk, and for what is none. Reads ``-0`` as 0, which no index is."""
