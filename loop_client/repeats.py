"""Notices a model that makes the same call with the same arguments again and again."""

from __future__ import annotations

import hashlib
from typing import Any

from loop_client.call_stream import ToolCall
from loop_client.jsontext import loads


class Repeats:
    """Counts, for every call, the rounds in which it was made."""

    def __init__(self, counts: dict[str, int] | None = None) -> None:
        self._counts = dict(counts or {})

    def count(self, calls: tuple[ToolCall, ...]) -> dict[str, int]:
        """Take the calls of a round; the number of rounds in which each was made, this one included, by call id.

        The same call twice in one round counts once: parallel calls may well be equal.
        """
        prints = {call.id: _fingerprint(call) for call in calls}
        for fingerprint in set(prints.values()):
            self._counts[fingerprint] = self._counts.get(fingerprint, 0) + 1
        return {call_id: self._counts[fingerprint] for call_id, fingerprint in prints.items()}

    def to_json(self) -> dict[str, int]:
        """For the state of a suspended run."""
        return dict(self._counts)


def _fingerprint(call: ToolCall) -> str:
    try:
        arguments = repr(_ordered(loads(call.arguments_text)))
    except (ValueError, RecursionError):
        arguments = call.arguments_text
    data = f"{call.name}\n{arguments}".encode("utf-8", errors="surrogatepass")
    return hashlib.sha256(data).hexdigest()[:16]


def _ordered(value: Any) -> Any:
    """The value without what does not matter: order of members, and how a number is written."""
    match value:
        case dict():
            return sorted((name, _ordered(item)) for name, item in value.items())
        case list():
            return [_ordered(item) for item in value]
        case float() if value.is_integer():
            return int(value)
        case float():
            return float(value)
        case _:
            return value
