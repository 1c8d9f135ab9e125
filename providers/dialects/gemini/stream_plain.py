"""Chunks of a Gemini stream that hold no more than the next piece of a text, which nearly all of them do.

A compiled reader knows them from all others; what it reads adds to an open part what ``stream_decode`` would add.
"""

from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from providers.wire.plain import plain_reader


class _Text(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    text: str


class _Content(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    parts: tuple[_Text]
    role: Literal["model"] | UnsetType = UNSET


class PlainCandidate(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The candidate with this index goes on, or ends."""

    content: _Content
    index: int | UnsetType = UNSET
    finishReason: str | UnsetType = UNSET  # noqa: N815  # the wire's own word


class PlainChunk(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A chunk with one candidate."""

    candidates: tuple[PlainCandidate]
    usageMetadata: Raw | UnsetType = UNSET  # noqa: N815  # the wire's own word
    modelVersion: str | UnsetType = UNSET  # noqa: N815
    responseId: str | UnsetType = UNSET  # noqa: N815


read_chunk = plain_reader(PlainChunk)
"""``None`` for every other chunk, and for what is none."""
