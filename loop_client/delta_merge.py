"""How fields this package does not know are put together again from the deltas of a stream."""

from __future__ import annotations

from typing import Any, Final

from loop_client.jsontext import JsonObject

_TEXT_FIELDS: Final = frozenset({"content", "refusal", "reasoning", "reasoning_content", "text", "thinking", "summary"})
"""Always concatenated: two equal fragments in a row are two fragments."""


def merge_into(target: JsonObject, delta: JsonObject) -> None:
    """Add a delta's fields to what came before; neither is shared with the other afterwards at its top level.

    Text is concatenated, objects are merged, lists are joined by their entries' ``index`` (else extended), other values
    are replaced; ``null`` changes nothing. A string that comes again unchanged is taken for a repetition, except in
    fields that are known to stream.
    """
    for name, value in delta.items():
        target[name] = _merged(name, target[name], value) if name in target else value


def _merged(name: str, old: Any, new: Any) -> Any:
    match old, new:
        case _, None:
            return old
        case None, _:
            return new
        case str(), str():
            return old if old == new and name not in _TEXT_FIELDS else old + new
        case dict(), dict():
            merged = dict(old)
            merge_into(merged, new)
            return merged
        case list(), list():
            return _joined(old, new)
        case _:
            return new


def _joined(old: list[Any], new: list[Any]) -> list[Any]:
    joined = list(old)
    for entry in new:
        place = _place_of(entry, joined)
        if place is None:
            joined.append(entry)
        else:
            merged = dict(joined[place])
            merge_into(merged, entry)
            joined[place] = merged
    return joined


def _place_of(entry: Any, entries: list[Any]) -> int | None:
    """Where the entry that this one continues is: same ``index``, and the same ``type`` if it names one."""
    if not isinstance(entry, dict) or entry.get("index") is None:
        return None
    for place in range(len(entries) - 1, -1, -1):
        other = entries[place]
        if not isinstance(other, dict) or other.get("index") != entry["index"]:
            continue
        if entry.get("type") in {None, other.get("type")}:
            return place
    return None
