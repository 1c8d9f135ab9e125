"""The words and limits of Gemini's generateContent that several modules here share."""

import re
from base64 import b64encode
from functools import partial
from typing import Final
from urllib.parse import quote

from providers.spec.errors import InvalidRequestError
from providers.wire.foreign import report_foreign_fields
from providers.wire.ids import base62_digest

NAME: Final = "google-generate-content"

SIGNATURE: Final = "thought_signature"
"""The kind of state that this dialect issues."""

PLACEHOLDER_SIGNATURE: Final = "skip_thought_signature_validator"
"""What Google documents for calls that its API did not sign
(https://ai.google.dev/gemini-api/docs/thought-signatures, "transferring history from other models")."""

_NO_SIGNATURES: Final = (PLACEHOLDER_SIGNATURE, "context_engineering_is_the_way_to_go")
NO_SIGNATURES: Final = frozenset({*_NO_SIGNATURES, *(b64encode(text.encode()).decode() for text in _NO_SIGNATURES)})
"""Both that Google documents, as such and as the base64 that a field of bytes is written in: Gemini CLI writes one
wherever an answer's call had no signature."""

_COLLECTIONS: Final = ("models/", "tunedModels/")
_UNQUOTED: Final = re.compile(r"[a-zA-Z0-9_.~-]+")
"""Names that stand in a path as they are, as nearly every one does."""
_PREFIX: Final = "call_gemini_"
_MINTED: Final = re.compile(rf"{_PREFIX}[0-9A-Za-z]{{22}}")


def path_of(model: str, *, stream: bool) -> str:
    """The path and query of one call. The model may name its collection (``models/…``, ``tunedModels/…``).

    A stream is asked for as server-sent events; without ``alt=sse`` it would be one JSON array.
    """
    named = model.startswith(_COLLECTIONS)
    collection, _, name = model.partition("/") if named else ("models", "", model)
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    written = name if _UNQUOTED.fullmatch(name) else quote(name, safe="")
    return f"/v1beta/{collection}/{written}:{method}"


def minted_id(answer: str, candidate: int, index: int, name: str) -> str:
    """An id for a call that came without one: the same in a body and in every reading of a stream (ID-06).

    ``answer`` is what tells this answer from others: the provider's ``responseId``, which is random (ID-07, ID-09).
    """
    return f"{_PREFIX}{base62_digest(f'{answer}:{candidate}:{index}:{name}', 22)}"


def is_minted(call_id: str) -> bool:
    """Whether an id is one of ours. It is never sent to Google, which gave the call none."""
    return call_id.startswith(_PREFIX) and _MINTED.fullmatch(call_id) is not None


report_foreign_ext: Final = partial(report_foreign_fields, NAME)
"""Reports every carried field of another dialect as dropped: of a node's ``ext``, under its path."""


def check_tool_name(name: str, pattern: str, path: str) -> None:
    """Raise InvalidRequestError naming a tool whose name the target would refuse (SCHEMA-17)."""
    if not re.fullmatch(pattern, name):
        raise InvalidRequestError(f"{path}: tool name {name!r} must match {pattern}", path=path)
