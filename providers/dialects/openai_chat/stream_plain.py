"""Chunks of a chat stream that hold no more than the next piece of a text or of a call, which nearly all of them do.

A compiled reader knows them from all others; what it reads adds to an open part what ``stream_decode`` would add.
"""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType


class _Function(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    arguments: str


class CallPiece(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """More arguments of the call with this index."""

    index: int
    function: _Function


class Delta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What a choice says next."""

    content: str | UnsetType | None = UNSET
    tool_calls: tuple[CallPiece] | UnsetType | None = UNSET
    role: Literal["assistant"] | UnsetType | None = UNSET
    refusal: UnsetType | None = UNSET
    function_call: UnsetType | None = UNSET
    reasoning_content: UnsetType | None = UNSET


class _Choice(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    index: int
    delta: Delta
    logprobs: UnsetType | None = UNSET
    finish_reason: UnsetType | None = UNSET


class PlainChunk(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A chunk with one choice that has not ended."""

    choices: tuple[_Choice]
    id: str | UnsetType = UNSET
    object: str | UnsetType = UNSET
    created: int | UnsetType = UNSET
    model: str | UnsetType = UNSET
    service_tier: str | UnsetType | None = UNSET
    system_fingerprint: str | UnsetType | None = UNSET
    usage: UnsetType | None = UNSET
    obfuscation: str | UnsetType = UNSET
    p: str | UnsetType = UNSET


read_chunk = msgspec.json.Decoder(PlainChunk).decode
"""Raises DecodeError for every other chunk, and for what is none."""
