"""The words and limits of Anthropic Messages that several modules here share."""

import re
from functools import partial
from typing import Final

from providers.spec.errors import InvalidRequestError
from providers.spec.response import FinishReason
from providers.spec.values import Form
from providers.wire.foreign import report_foreign_fields

NAME: Final = "anthropic-messages"

CALL_ID: Final = r"[a-zA-Z0-9_-]{1,64}"
"""What a ``tool_use`` id must match. The characters are Anthropic's, the length is the shortest limit of its surfaces
(provider-rules.md, sections 1 and 6)."""

CALL_ID_LENGTH: Final = 64

PATH: Final = "/v1/messages"

HEADERS: Final = {"anthropic-version": "2023-06-01"}
"""The version whose grammar this codec writes; 2026-10-21 refuses temperature, top_p and top_k (sdk-facts.md, 6)."""

FINISH_REASONS: Final[dict[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "refusal": "refusal",
}

STOP_REASONS: Final[dict[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
}
"""Unified reasons in Anthropic's words. What has none is sent as the unified word: never as ``end_turn``."""

CUT_REASONS: Final = frozenset({"max_tokens", "model_context_window_exceeded"})
"""Reasons after which the last call may be incomplete."""


def is_native(form: Form | None) -> bool:
    """Whether a node was written in this dialect."""
    return form is not None and form.dialect == NAME


def was_written(form: Form | None, key: str) -> bool:
    """Whether a node of this dialect had this key, with a value other than ``null``."""
    return form is not None and form.dialect == NAME and key in form.keys and key not in form.nulls


report_foreign_ext: Final = partial(report_foreign_fields, NAME)
"""Reports every carried field of another dialect as dropped: of a node's ``ext``, under its path."""


def check_tool_name(name: str, pattern: str, path: str) -> None:
    """Raise InvalidRequestError naming a tool whose name the target would refuse."""
    if not re.fullmatch(pattern, name):
        raise InvalidRequestError(f"{path}: tool name {name!r} must match {pattern}", path=path)
